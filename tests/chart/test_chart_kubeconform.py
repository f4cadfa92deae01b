"""Every render is what Kubernetes' own OpenAPI and the definitions declare, field by field: kubeconform."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from chart import json_schemas
from chart.renders import CRD, ROOT, SETS, rendered
from cluster.node import binaries

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    json_schemas.write(folder, CRD)
    return folder


def judged(schemas: Path, manifests: list[Any]) -> list[dict[str, str]]:
    """What kubeconform says of each object."""
    found = {"apiVersion": "v1", "kind": "List", "items": manifests}
    done = subprocess.run(
        [
            *(str(binaries.ensure_one(binaries.KUBECONFORM)), "-strict", "-verbose", "-output", "json"),
            *("-schema-location", f"{schemas}/{{{{ .ResourceKind }}}}{{{{ .KindSuffix }}}}.json", "-"),
        ],
        input=json.dumps(found),
        capture_output=True,
        text=True,
        check=False,
    )
    resources: list[dict[str, str]] = json.loads(done.stdout)["resources"]
    assert len(resources) == len(manifests), done.stderr
    return resources


def wrong(schemas: Path, manifests: list[Any]) -> list[str]:
    bad = [r for r in judged(schemas, manifests) if r["status"] != "statusValid"]
    return [f"{r['kind']} {r['name']}: {r['status']} {r['msg']}" for r in bad]


@pytest.mark.parametrize("name", SETS)
def test_every_object_of_a_render_is_as_declared(schemas: Path, name: str) -> None:
    assert wrong(schemas, list(rendered(name))) == []


def of_kind(kind: str, name: str = "everything") -> dict[str, Any]:
    found = next(f for f in rendered(name) if f["kind"] == kind)
    copy: dict[str, Any] = json.loads(json.dumps(found))
    return copy


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("Deployment", "spec.template.spec.containers.0.imagePolicy", "Always"),
        ("Deployment", "spec.replicas", "two"),
        ("Service", "spec.ports.0.portt", 1),
        ("NetworkPolicy", "spec.policyTypes", "Ingress"),
        ("ServiceMonitor", "spec.endpoints.0.every", "30s"),
        ("PrometheusRule", "spec.groups.0.rules.0.expression", "up"),
    ],
)
def test_a_field_that_nobody_declares_is_found(schemas: Path, kind: str, path: str, value: Any) -> None:
    """Otherwise the tests above could not fail."""
    manifest = of_kind(kind)
    node: Any = manifest
    *above, last = path.split(".")
    for step in above:
        node = node[int(step)] if step.isdigit() else node[step]
    node[last] = value
    assert last in "".join(wrong(schemas, [manifest]))


def test_a_field_of_a_database_that_nobody_declares_is_found(schemas: Path) -> None:
    manifest = of_kind("FaceDatabase", "databases")
    assert wrong(schemas, [manifest]) == []
    manifest["spec"]["versoin"] = "2026.02.18"
    assert "versoin" in "".join(wrong(schemas, [manifest]))


def test_a_kind_without_a_schema_is_no_silent_pass(schemas: Path) -> None:
    stranger = {"apiVersion": "example.org/v1", "kind": "Stranger", "metadata": {"name": "a"}}
    assert "Stranger" in "".join(wrong(schemas, [stranger]))


def test_the_kustomize_base_is_as_declared_too(schemas: Path) -> None:
    base = ROOT / "charts" / "kustomize" / "base"
    files = [p for p in sorted(base.glob("*.yaml")) if p.name != "kustomization.yaml"]
    assert files
    assert wrong(schemas, [f for p in files for f in yaml.safe_load_all(p.read_text())]) == []
