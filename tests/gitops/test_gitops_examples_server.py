"""The examples of Argo CD and Flux, taken by a real API server that knows their definitions, strictly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from api_server import ApiServer
from cluster.node import go_modules
from crd_server import api_server

pytestmark = pytest.mark.cluster

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = sorted(p for n in ("09-argo-cd", "10-flux") for p in (EXAMPLES / n).rglob("*.yaml"))


def definitions() -> Iterator[Path]:
    """Of Argo CD and of Flux, out of their own modules."""
    argo = go_modules.folder("argocd", "github.com/argoproj/argo-cd/v3")
    yield argo / "manifests" / "crds" / "application-crd.yaml"
    kustomize = go_modules.folder("fluxkustomize", "github.com/fluxcd/kustomize-controller")
    yield from (kustomize / "config" / "crd" / "bases").glob("*.yaml")
    source = go_modules.folder("fluxsource", "github.com/fluxcd/source-controller")
    yield from (source / "config" / "crd" / "bases").glob("*.yaml")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with api_server(tmp_path_factory.mktemp("api")) as running:
        for path in definitions():
            running.kubectl("apply", "--server-side", "-f", str(path))
            running.wait_for_definition(yaml.safe_load(path.read_text())["metadata"]["name"])
        for namespace in ("argocd", "media"):
            running.kubectl("create", "namespace", namespace)
        yield running


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_each_object_is_taken(api: ApiServer, path: Path) -> None:
    said = api.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", str(path))
    assert said.stdout.count("serverside-applied") == len(list(yaml.safe_load_all(path.read_text())))
    assert said.stderr == ""


def test_the_two_keys_join_an_installed_config_map_and_leave_the_rest_of_it(api: ApiServer) -> None:
    part = {"app.kubernetes.io/part-of": "argocd"}
    meta = {"name": "argocd-cm", "namespace": "argocd", "labels": part}
    there = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    own = {"url": "https://argocd.example.org"}
    api.kubectl("apply", "-f", "-", stdin={**there, "data": own})
    file = EXAMPLES / "09-argo-cd" / "argocd-cm.yaml"
    patch = ("patch", "configmap", "argocd-cm", "--type=merge", f"--patch-file={file}")
    assert " ".join(("kubectl -n argocd", *patch[:-1], "--patch-file=argocd-cm.yaml")) in file.read_text()
    api.kubectl("-n", "argocd", *patch)
    found = yaml.safe_load(api.kubectl("-n", "argocd", "get", "cm", "argocd-cm", "-o", "yaml").stdout)["data"]
    assert found == own | yaml.safe_load(file.read_text())["data"]
    # An upgrade of Argo CD by Helm or kubectl leaves keys that it does not know.
    api.kubectl("apply", "-f", "-", stdin={**there, "data": {"url": "https://other.example.org"}})
    found = yaml.safe_load(api.kubectl("-n", "argocd", "get", "cm", "argocd-cm", "-o", "yaml").stdout)["data"]
    assert set(found) == {"url", *yaml.safe_load(file.read_text())["data"]}
