"""values.yaml → descriptions of values.schema.json, and docs/chart-values.md.

Run as a program, it writes both. A comment stands right above its value. What it says is said once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "facedb"
VALUES = CHART / "values.yaml"
SCHEMA = CHART / "values.schema.json"
PAGE = ROOT / "docs" / "chart-values.md"
Node = dict[str, Any]

HEAD = """# Values of the chart

Every value of `charts/facedb`. Helm refuses one that it does not know, or of another type, with its name.
This page is made by `python tests/chart/make_values.py` from the comments in
[values.yaml](../charts/facedb/values.yaml), and a test keeps it in step. How to install, upgrade, uninstall:
[install.md](install.md).

| value | type | default | meaning |
|---|---|---|---|
"""


def comments(text: str) -> dict[str, str]:
    """What the comment right above each value says, by the value's path."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    said: list[str] = []
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith("#"):
            said.append(line.strip().removeprefix("#").strip())
        elif key := re.match(r"\s*(\w+):", line):
            path = [*(p for p in path if p[0] < indent), (indent, key[1])]
            found[".".join(name for _, name in path)] = " ".join(said)
            said = []
        else:
            said = []
    return found


def schema_with(said: dict[str, str]) -> str:
    """The schema as it is, with these descriptions."""
    schema = json.loads(SCHEMA.read_text())
    for path, node in nodes(schema):
        rest = {key: value for key, value in node.items() if key != "description"}
        node.clear()
        node.update({"description": said[path], **rest} if path in said else rest)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def nodes(schema: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Every value that the schema declares by name, with its path."""
    for name, node in schema.get("properties", {}).items():
        yield f"{prefix}{name}", node
        yield from nodes(node, f"{prefix}{name}.")


def page() -> str:
    """The whole page."""
    values = yaml.safe_load(VALUES.read_text())
    said = comments(VALUES.read_text())
    rows = [_row(path, node, values, said[path]) for path, node in nodes(json.loads(SCHEMA.read_text()))]
    return HEAD + "\n".join(rows) + "\n"


def default(values: Node, path: str) -> Any:
    """What values.yaml has there."""
    found: Any = values
    for name in path.split("."):
        found = found[name]
    return found


def _row(path: str, node: Node, values: Node, said: str) -> str:
    # A group's default is in the rows below it.
    shown = "" if "properties" in node else f"`{json.dumps(default(values, path), ensure_ascii=False)}`"
    return f"| `{path}` | {_type(node)} | {shown} | {said.replace('|', chr(92) + '|')} |"


def _type(node: Node) -> str:
    if "properties" in node:
        return "group"
    if "enum" in node:
        return " ".join(f"`{word}`" for word in node["enum"])
    kind = node["type"]
    if isinstance(kind, list):
        return " or ".join(kind)
    bounds = [str(node[key]) for key in ("minimum", "maximum") if key in node]
    return {"object": "map", "array": "list"}.get(kind, f"{kind} {' to '.join(bounds)}".strip())


if __name__ == "__main__":
    SCHEMA.write_text(schema_with(comments(VALUES.read_text())))
    PAGE.write_text(page())
