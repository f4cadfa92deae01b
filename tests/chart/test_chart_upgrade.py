"""From the chart before to this one, and away again, by real Helm on a real API server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from api_server import ApiServer
from chart.renders import CHART, CRD, HERE, NAMESPACE, HelmError, helm

pytestmark = pytest.mark.cluster

PREVIOUS = HERE / "previous" / "facedb-0.1.0"
NAME = "facedatabases.facedb.dev"
RELEASE = ("facedb", "--namespace", NAMESPACE)


class Cluster:
    """An API server, and Helm for it."""

    def __init__(self, api: ApiServer) -> None:
        self.api = api

    def install(self, chart: Path, *args: str) -> str:
        """Install or upgrade."""
        words = ("upgrade", "--install", *RELEASE[:1], str(chart), *RELEASE[1:])
        return helm(*words, *args, kubeconfig=self.api.kubeconfig)

    def uninstall(self) -> None:
        """Take it away."""
        helm("uninstall", *RELEASE, kubeconfig=self.api.kubeconfig)

    def get(self, kind: str, name: str, namespace: str = NAMESPACE) -> Any:
        """An object, or None."""
        done = self.api.kubectl("-n", namespace, "get", kind, name, "-o", "json", check=False)
        if done.returncode == 0:
            return json.loads(done.stdout)
        assert "NotFound" in done.stderr or "doesn't have a resource type" in done.stderr, done.stderr
        return None

    def definition(self) -> Any:
        return self.get("crd", NAME)

    def declare(self, name: str = "stash") -> None:
        """A user's database."""
        source = {"http": {"urls": ["https://files.example.org/{file}"]}}
        files = [{"name": "facenet512.onnx", "size": 1, "sha256": "0" * 64}]
        spec = {"version": "2026.02.18", "models": {"source": source, "files": files}}
        body = {"apiVersion": "facedb.dev/v1alpha1", "kind": "FaceDatabase", "spec": spec}
        body["metadata"] = {"name": name, "namespace": "media"}
        self.api.wait_for_definition(NAME)
        self.api.kubectl("apply", "-f", "-", stdin=body)

    def database(self, name: str = "stash", namespace: str = "media") -> Any:
        return self.get("facedatabases.facedb.dev", name, namespace)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A new one for each test: definitions are cluster-wide."""
    with ApiServer(tmp_path / "api") as api:
        for namespace in (NAMESPACE, "media"):
            api.kubectl("create", "namespace", namespace)
        yield Cluster(api)


def old_with_an_older_definition(folder: Path) -> Path:
    """The chart before, whose definition lacks a column that today's has: Helm would leave it so."""
    for path in sorted(PREVIOUS.rglob("*")):
        if path.is_file():
            target = folder / path.relative_to(PREVIOUS)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    crd = folder / "crds" / "facedatabases.yaml"
    body = yaml.safe_load(crd.read_text())
    body["spec"]["versions"][0]["additionalPrinterColumns"].pop()
    crd.write_text(yaml.safe_dump(body))
    return folder


def test_an_upgrade_from_0_1_0_takes_the_definition_over_and_renews_it(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.install(old_with_an_older_definition(tmp_path / "old"), "--set", "replicas=2")
    cluster.declare()
    before, uid = cluster.definition(), cluster.database()["metadata"]["uid"]
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        cluster.install(CHART, "--reset-then-reuse-values")
    assert (
        cluster.get("deployment", "facedb-operator")["metadata"]["labels"]["helm.sh/chart"] == "facedb-0.1.0"
    )

    cluster.install(CHART, "--reset-then-reuse-values", "--take-ownership")

    after = cluster.definition()
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert after["metadata"]["annotations"]["meta.helm.sh/release-name"] == "facedb"
    columns = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [c["name"] for c in after["spec"]["versions"][0]["additionalPrinterColumns"]] == [
        c["name"] for c in columns
    ]
    assert cluster.database()["metadata"]["uid"] == uid
    deployment = cluster.get("deployment", "facedb-operator")
    assert deployment["metadata"]["labels"]["helm.sh/chart"] == "facedb-0.2.0"
    # A value that the user had set before.
    assert deployment["spec"]["replicas"] == 2
    # Once is enough.
    cluster.install(CHART, "--reset-then-reuse-values")


def test_the_marks_that_the_page_names_do_for_an_older_helm(cluster: Cluster) -> None:
    cluster.install(PREVIOUS)
    cluster.api.kubectl("label", "crd", NAME, "app.kubernetes.io/managed-by=Helm")
    marks = {"meta.helm.sh/release-name": "facedb", "meta.helm.sh/release-namespace": NAMESPACE}
    cluster.api.kubectl("annotate", "crd", NAME, *(f"{k}={v}" for k, v in marks.items()))
    cluster.install(CHART)
    assert cluster.definition()["metadata"]["labels"]["helm.sh/chart"] == "facedb-0.2.0"


def test_a_rollback_to_0_1_0_leaves_the_definition_and_the_databases(cluster: Cluster) -> None:
    cluster.install(PREVIOUS)
    cluster.install(CHART, "--take-ownership")
    cluster.declare()
    helm("rollback", "facedb", "1", "--namespace", NAMESPACE, kubeconfig=cluster.api.kubeconfig)
    assert cluster.database() is not None
    assert (
        cluster.get("deployment", "facedb-operator")["metadata"]["labels"]["helm.sh/chart"] == "facedb-0.1.0"
    )


def test_an_uninstall_leaves_the_definition_and_the_databases_and_nothing_else(cluster: Cluster) -> None:
    notes = cluster.install(CHART)
    assert f"helm test facedb --namespace {NAMESPACE}" in notes
    assert "kubectl apply -f facedatabase.yaml" in notes
    cluster.declare()
    cluster.uninstall()
    assert cluster.database() is not None
    mark = "app.kubernetes.io/instance=facedb"
    kinds = "deploy,service,sa,role,rolebinding,clusterrole,clusterrolebinding,networkpolicy,pod,secret"
    listed = cluster.api.kubectl("get", kinds, "-A", "-l", mark, "-o", "name").stdout
    assert listed == ""
    # And it comes back without a flag.
    cluster.install(CHART)
    assert cluster.database() is not None


def test_without_keep_an_uninstall_takes_the_definition_with_it(cluster: Cluster) -> None:
    notes = cluster.install(CHART, "--set", "crds.keep=false")
    assert "helm uninstall will delete every FaceDatabase" in notes
    cluster.declare()
    cluster.uninstall()
    gone = cluster.definition()
    # An API server alone has nobody who removes the last database; it is on its way.
    assert gone is None or gone["metadata"].get("deletionTimestamp")


def test_switched_off_later_the_definition_stays(cluster: Cluster) -> None:
    cluster.install(CHART)
    cluster.declare()
    cluster.install(CHART, "--set", "crds.install=false")
    assert cluster.database() is not None


def test_databases_come_with_an_upgrade_and_go_with_the_release(cluster: Cluster) -> None:
    values = ("--values", str(HERE / "values" / "databases.yaml"))
    with pytest.raises(HelmError, match=r"no definition of FaceDatabase yet.*then upgrade"):
        cluster.install(CHART, *values)
    cluster.install(CHART)
    cluster.api.wait_for_definition(NAME)
    cluster.install(CHART, *values)
    assert cluster.database("stash", NAMESPACE)["spec"]["version"] == "2026.02.18"
    assert cluster.database("at-home")["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    cluster.uninstall()
    assert cluster.database("stash", NAMESPACE) is None
    assert cluster.definition() is not None


def test_two_releases_share_a_cluster_where_one_has_the_definition(cluster: Cluster) -> None:
    cluster.install(CHART)
    words = ("--namespace", "media", "--set", "crds.install=false", "--set", "watchNamespaces={media}")
    helm("install", "more", str(CHART), *words, kubeconfig=cluster.api.kubeconfig)
    assert cluster.get("deployment", "more-facedb-operator", "media") is not None
    helm("uninstall", "more", "--namespace", "media", kubeconfig=cluster.api.kubeconfig)
    assert cluster.get("clusterrole", "facedb-operator", "") is not None
