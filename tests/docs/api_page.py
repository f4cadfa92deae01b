"""The sidecar's OpenAPI document → docs/api.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from facedb_sidecar.app import create_app
from facedb_sidecar.settings import Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
_NOWHERE = Path("/nowhere")
# They may come from every route.
COMMON = ("401", "408", "413", "422")
_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "maxLength": "at most {} characters",
    "minLength": "at least {} characters",
    "maxItems": "at most {} items",
    "minItems": "at least {} items",
}
HEAD = """# The sidecar's HTTP API

Every route, made out of the code by `PYTHONPATH=tests python -m docs.pages`; a running sidecar shows the same
under `/docs`, and `/openapi.json` is the same for programs. How it behaves, and its settings:
[sidecar.md](sidecar.md).

Errors are `{"detail": …}`. Besides what stands with each route, any of them may answer 401 (a key is set, and
the request has none or another), 408 (the body did not come in time), 413 (the body is too large) and 422 (a
field breaks a bound; `detail` names it). 503 comes with `Retry-After`, in seconds,
where waiting helps.
"""
Node = Mapping[str, Any]


def document() -> Node:
    """Return the OpenAPI document."""
    found: Node = create_app(Settings(_NOWHERE, _NOWHERE, "cpu", _NOWHERE)).openapi()
    return found


def page() -> str:
    """Return the whole page."""
    doc = document()
    by_tag: dict[str, list[str]] = {}
    for path, methods in doc["paths"].items():
        for method, operation in methods.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method.upper(), path, operation))
    sections = [HEAD]
    for tag, parts in by_tag.items():
        sections += [f"## {tag}\n", *parts]
    sections.append("## Bodies\n")
    sections += [_schema(name, node) for name, node in sorted(doc["components"]["schemas"].items())]
    return "\n".join(sections)


def _operation(method: str, path: str, operation: Node) -> str:
    told = " ".join(operation.get("description", "").replace("``", "`").split())
    parts = [f"### {method} {path}\n", f"{operation['summary']}. {told}\n"]
    rows = [_parameter(each) for each in operation.get("parameters", ())]
    if rows:
        parts.append("\n".join(["| parameter | in | type | meaning |", "|---|---|---|---|", *rows]) + "\n")
    body = operation.get("requestBody")
    if body:
        parts.append(f"Body: {_content(body)}\n")
    parts += [f"- {line}" for line in _answers(operation["responses"])]
    return "\n".join([*parts, ""])


def _parameter(each: Node) -> str:
    need = "Required. " if each.get("required") else ""
    schema = each["schema"]
    said = need + (each.get("description") or schema.get("description") or "") + _bounds(schema)
    return f"| `{each['name']}` | {each['in']} | {_type(schema)} | {_cell(said)} |"


def _answers(responses: Node) -> Iterator[str]:
    for status, answer in sorted(responses.items()):
        if status in COMMON:
            continue
        said = answer["description"].replace("Successful Response", "")
        content = _content(answer) if answer.get("content") else ""
        yield f"{status}: {', '.join(filter(None, (said, content)))}"


def _content(holder: Node) -> str:
    kinds = holder.get("content", {})
    return " or ".join(
        _type(node.get("schema", {})) if kind == "application/json" else f"`{kind}`"
        for kind, node in kinds.items()
    )


def _schema(name: str, node: Node) -> str:
    told = " ".join(node.get("description", "").replace("``", "`").split())
    rows = [
        f"| `{field}` | {_type(child)} | {_default(field, child, node)} | {_cell(_meaning(child))} |"
        for field, child in node.get("properties", {}).items()
    ]
    table = ["| field | type | default | meaning |", "|---|---|---|---|", *rows] if rows else []
    return "\n".join([f"### Body {name}\n", *([f"{_cell(told)}\n"] if told else []), *table, ""])


def _default(field: str, child: Node, parent: Node) -> str:
    if "default" in child:
        return f"`{json.dumps(child['default'])}`"
    return "**required**" if field in parent.get("required", ()) else ""


def _meaning(child: Node) -> str:
    return " ".join(child.get("description", "").replace("``", "`").split()) + _bounds(child)


def _bounds(node: Node) -> str:
    inner = [node, *node.get("anyOf", ())]
    said = [word.format(each[key]) for each in inner for key, word in _BOUNDS.items() if key in each]
    return f" ({', '.join(said)})" if said else ""


def _type(node: Node) -> str:
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        return f"[{name}](#body-{name.lower()})"
    if "anyOf" in node:
        return " or ".join(dict.fromkeys(_type(each) for each in node["anyOf"]))
    if "enum" in node or "const" in node:
        return " ".join(f"`{word}`" for word in node.get("enum", [node.get("const")]))
    if node.get("type") == "array":
        return f"list of {_type(node.get('items', {}))}"
    return str(node.get("type", "any value"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").strip()
