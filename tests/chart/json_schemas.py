"""JSON schemas for kubeconform, out of Kubernetes' own OpenAPI and out of definitions.

Strict: what an object does not declare is refused. Both sources are files of Go modules at the versions that
the node's programs are built from.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cluster.node import go_modules

Node = dict[str, Any]
REF = "#/definitions/"
MONITORS = ("servicemonitors", "podmonitors", "prometheusrules")
# Strings in OpenAPI, and numbers in YAML.
LOOSE = (
    "io.k8s.apimachinery.pkg.api.resource.Quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
)


def write(folder: Path, crd: Path) -> None:
    """Write `kind-group-version.json` for every kind of Kubernetes, FaceDatabase, and prometheus-operator."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, definition in _openapi().items():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            closure = _closure(name)
            schema = {"$ref": f"{REF}{name}", "definitions": {n: _strict(_openapi()[n], n) for n in closure}}
            _write(folder, kind, schema)
    for path in (crd, *monitor_definitions()):
        body = yaml.safe_load(path.read_text())["spec"]
        for version in body["versions"]:
            kind = {"group": body["group"], "version": version["name"], "kind": body["names"]["kind"]}
            _write(folder, kind, _closed(version["schema"]["openAPIV3Schema"], root=True))


def monitor_definitions() -> list[Path]:
    """prometheus-operator's definitions of what the chart makes."""
    module = go_modules.folder("prometheus-operator", "github.com/prometheus-operator/prometheus-operator")
    files = module / "example" / "prometheus-operator-crd"
    return [files / f"monitoring.coreos.com_{name}.yaml" for name in MONITORS]


def _write(folder: Path, kind: Node, schema: Node) -> None:
    # As kubeconform looks for it: the group's first word.
    group = kind["group"].split(".")[0]
    name = "-".join(part for part in (kind["kind"], group, kind["version"]) if part)
    (folder / f"{name.lower()}.json").write_text(json.dumps(schema))


@cache
def _openapi() -> dict[str, Node]:
    kubernetes = go_modules.folder("kubernetes", "k8s.io/kubernetes")
    found: dict[str, Node] = json.loads((kubernetes / "api" / "openapi-spec" / "swagger.json").read_text())[
        "definitions"
    ]
    return found


def _closure(name: str) -> set[str]:
    """The definition and all that it refers to."""
    found: set[str] = set()
    todo = [name]
    while todo:
        here = todo.pop()
        if here not in found:
            found.add(here)
            todo += _refs(_openapi()[here])
    return found


def _refs(node: Any) -> list[str]:
    if isinstance(node, list):
        return [ref for item in node for ref in _refs(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"].removeprefix(REF)] if isinstance(node.get("$ref"), str) else []
    return own + [ref for value in node.values() for ref in _refs(value)]


def _strict(definition: Node, name: str) -> Node:
    if name in LOOSE:
        return {"type": ["string", "number"]}
    return _closed(definition)


def _closed(node: Any, *, root: bool = False) -> Any:
    """The schema, in which nothing is allowed that is not declared."""
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["string", "integer"]}
    # Formats and rules of Kubernetes are the API server's to judge.
    kept = {
        k: v for k, v in node.items() if not k.startswith("x-kubernetes") and k not in ("format", "default")
    }
    fields = node.get("properties")
    if isinstance(fields, dict):
        kept["properties"] = {name: _closed(child) for name, child in fields.items()}
        if root:
            kept["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
            kept["properties"]["metadata"] = {"type": "object"}
        open_ = node.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in node
        kept |= {} if open_ else {"additionalProperties": False}
    return {k: v if k == "properties" else _closed(v) for k, v in kept.items()}
