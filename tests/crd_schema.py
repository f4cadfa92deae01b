"""The resource definition's schema as tests walk it. Paths are as `spec.rollout.steps[].percent`."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

CRD = Path(__file__).resolve().parents[1] / "crds" / "facedatabases.yaml"

Node = dict[str, Any]


@cache
def schema() -> Node:
    """The schema of the one version."""
    versions = yaml.safe_load(CRD.read_text())["spec"]["versions"]
    found: Node = versions[0]["schema"]["openAPIV3Schema"]
    return found


def part(name: str) -> Node:
    """The schema of `spec` or `status`."""
    found: Node = schema()["properties"][name]
    return found


def nodes(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """The node and every one below it, with its path; those of an array's items end in `[]`."""
    yield path, node
    for name, child in (node.get("properties") or {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from nodes(node["additionalProperties"], f"{path}{{}}")


def defaulted(value: Any, node: Node) -> Any:
    """A value with the defaults filled in as the API server does it."""
    if isinstance(value, list):
        return [defaulted(item, node["items"]) for item in value]
    if not isinstance(value, dict) or "properties" not in node:
        return value
    filled = dict(value)
    for name, child in node["properties"].items():
        if name not in filled and "default" in child:
            filled[name] = copy.deepcopy(child["default"])
        if name in filled:
            filled[name] = defaulted(filled[name], child)
    return filled


def strangers(value: Any, node: Node, path: str) -> list[str]:
    """Fields of a value that the schema does not declare."""
    if isinstance(value, list):
        return [s for item in value for s in strangers(item, node.get("items", {}), f"{path}[]")]
    if not isinstance(value, dict) or "properties" not in node:
        return []
    known = node["properties"]
    found = [f"{path}.{name}" for name in value if name not in known]
    return found + [s for n, v in value.items() if n in known for s in strangers(v, known[n], f"{path}.{n}")]
