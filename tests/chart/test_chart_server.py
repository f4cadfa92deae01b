"""A real API server takes every render and the Kustomize base, by a dry run on its side."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from api_server import ApiServer
from chart.json_schemas import monitor_definitions
from chart.make_kustomize import BASE, files
from chart.renders import CRD, NAMESPACE, SETS, rendered
from cluster.node import binaries

pytestmark = pytest.mark.cluster

OVERLAYS = BASE.parent / "overlays"
PLACES = [BASE, *sorted(p for p in OVERLAYS.iterdir())]
DRY = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """It knows FaceDatabases and prometheus-operator's monitors."""
    with ApiServer(tmp_path_factory.mktemp("api")) as running:
        for namespace in (NAMESPACE, "media", "more"):
            running.kubectl("create", "namespace", namespace)
        for path in (CRD, *monitor_definitions()):
            running.kubectl("apply", "--server-side", "-f", str(path))
            running.wait_for_definition(yaml.safe_load(path.read_text())["metadata"]["name"])
        yield running


@pytest.mark.parametrize("name", SETS)
def test_the_server_takes_every_object_of_a_render(api: ApiServer, name: str) -> None:
    manifests = list(rendered(name))
    said = api.kubectl(*DRY, stdin={"apiVersion": "v1", "kind": "List", "items": manifests}).stdout
    assert said.count("serverside-applied (server dry run)") == len(manifests)


def test_the_server_refuses_a_field_that_it_does_not_know(api: ApiServer) -> None:
    """Otherwise the tests around could not fail."""
    deployment = next(f for f in rendered("default") if f["kind"] == "Deployment")
    spec = {**deployment["spec"], "replikas": 1}
    done = api.kubectl(*DRY, stdin={**deployment, "spec": spec}, check=False)
    assert 'field "spec.replikas"' in done.stderr or ".spec.replikas" in done.stderr


def built(place: Path) -> str:
    """What kubectl's own Kustomize makes of a folder."""
    kubectl = str(binaries.bin_dir() / "kubectl")
    done = subprocess.run([kubectl, "kustomize", str(place)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_base_is_what_the_chart_renders_to() -> None:
    wanted = files()
    assert {p.name: p.read_text() for p in BASE.iterdir()} == wanted, (
        "write it: PYTHONPATH=tests python -m chart.make_kustomize"
    )
    assert "helm" not in "".join(text for name, text in wanted.items() if name != "definition.yaml").lower()


@pytest.mark.parametrize("place", PLACES, ids=lambda p: p.name)
def test_kubectl_builds_it_and_the_server_takes_it(api: ApiServer, place: Path) -> None:
    text = built(place)
    count = len([m for m in yaml.safe_load_all(text) if m])
    said = api.kubectl(*DRY, stdin=text).stdout
    assert said.count("serverside-applied (server dry run)") == count >= 12


def operator_of(text: str) -> dict[str, Any]:
    found = next(m for m in yaml.safe_load_all(text) if m["kind"] == "Deployment")
    pod: dict[str, Any] = found["spec"]
    return pod


def test_the_example_changes_the_image_the_replicas_and_variables_and_keeps_the_others() -> None:
    plain, changed = operator_of(built(BASE)), operator_of(built(OVERLAYS / "example"))
    assert (plain["replicas"], changed["replicas"]) == (1, 2)
    before, after = (d["template"]["spec"]["containers"][0] for d in (plain, changed))
    assert "@sha256:" in after["image"]
    variables = {e["name"]: e.get("value") for e in after["env"]}
    assert variables["FACEDB_JOB_HTTPS_PROXY"] == "http://proxy.example.org:3128"
    assert {e["name"] for e in before["env"]} < set(variables)


def test_the_base_is_installed_for_good_and_nothing_of_it_changes_when_it_is_applied_again(
    api: ApiServer,
) -> None:
    text = built(BASE)
    words = ("apply", "--server-side", "--force-conflicts", "-f", "-")
    api.kubectl(*words, stdin=text)
    before = api.kubectl("-n", NAMESPACE, "get", "deploy", "facedb-operator", "-o", "yaml").stdout
    api.kubectl(*words, stdin=text)
    after = api.kubectl("-n", NAMESPACE, "get", "deploy", "facedb-operator", "-o", "yaml").stdout
    versions = [yaml.safe_load(t)["metadata"]["resourceVersion"] for t in (before, after)]
    assert versions[0] == versions[1]
