"""The resource definition → docs/fields.md; run as a program, it writes the page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crd_schema import Node, part, schema

PAGE = Path(__file__).resolve().parents[1] / "docs" / "fields.md"
DURATION = "must be a duration such as 90s, 10m, 1h30m or 2d"
HEAD = """# The fields of a FaceDatabase

Every field of `facedb.dev/v1alpha1`, as [the resource definition](../crds/facedatabases.yaml) has it;
`kubectl explain fdb.spec --recursive` says the same. This page is made by `python tests/field_tables.py`,
and a test keeps it in step.

The API server refuses what breaks a rule, at `kubectl apply`, with the field and what was expected. What it
cannot see (a range that no version fits, a time zone that does not exist) ends as `Ready=False` with the
reason [`InvalidSpec`](reasons.md). A duration is days, hours, minutes and seconds in this order, such as
`90s`, `10m`, `1h30m` or `2d`. Examples: [examples](../examples).
"""


def page() -> str:
    """The whole page."""
    spec = part("spec")
    plain = {name: node for name, node in spec["properties"].items() if not _fields(node)}
    sections = [HEAD, _section("spec", {**spec, "properties": plain})]
    sections += [
        _section(f"spec.{name}", node) for name, node in spec["properties"].items() if name not in plain
    ]
    names = "\n".join(f"- {rule['message']}" for rule in schema()["x-kubernetes-validations"])
    sections.append(f"## metadata.name\n\n{names}\n")
    sections.append(_section("status", part("status")))
    return "\n".join(sections)


def _section(path: str, node: Node) -> str:
    rows = ["| field | type | default | meaning |", "|---|---|---|---|"]
    rows += [_row(name, child, needed=needed) for name, child, needed in _rows(node)]
    return f"## {path}\n\n{node['description']}{_rules(node, list_=True)}\n\n" + "\n".join(rows) + "\n"


def _rows(node: Node, prefix: str = "") -> Iterator[tuple[str, Node, bool]]:
    for name, child in _fields(node).items():
        yield f"{prefix}{name}", child, name in node.get("required", ())
        below = child.get("items", child)
        if _fields(below):
            yield from _rows(below, f"{prefix}{name}{'[]' if 'items' in child else ''}.")


def _fields(node: Node) -> dict[str, Node]:
    found: dict[str, Node] = node.get("properties") or {}
    return found


def _row(name: str, node: Node, *, needed: bool) -> str:
    text = " ".join(node["description"].split()) + _rules(node) + _rules(node.get("items", {}))
    default = "**required**" if needed else _default(node.get("default"))
    return f"| `{name}` | {_type(node)} | {default} | {_cell(text)} |"


def _default(value: Any) -> str:
    return "" if value is None or value in ({}, "") else f"`{json.dumps(value).strip(chr(34))}`"


def _type(node: Node) -> str:
    if "enum" in node:
        return " ".join(f"`{word}`" for word in node["enum"])
    if node.get("x-kubernetes-int-or-string"):
        return "quantity"
    if DURATION in _said(node):
        return "duration"
    if node["type"] == "array":
        return f"list of {_type(node['items'])}"
    if "additionalProperties" in node:
        return "map"
    bounds = [str(node[key]) for key in ("minimum", "maximum") if key in node]
    return f"{node['type']} {' to '.join(bounds)}" if len(bounds) == 2 else str(node["type"])


def _rules(node: Node, *, list_: bool = False) -> str:
    """What the API server says about a value that breaks a rule."""
    said = [text for text in _said(node) if text != DURATION]
    if list_:
        return "".join(["\n"] * bool(said) + [f"\n- {text}" for text in said])
    return "".join(f" *{text[0].upper()}{text[1:]}.*" for text in said)


def _said(node: Node) -> list[str]:
    return [rule["message"] for rule in node.get("x-kubernetes-validations") or ()]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page())
