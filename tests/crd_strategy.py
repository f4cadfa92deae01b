"""Hypothesis: specs that the schema of the resource definition accepts, its CEL rules left aside."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from crd_schema import Node, part
from crd_specs import KEY, SHA, Changes, spec_of

# What some field means; every field gets each of them, so that each gets right ones and wrong ones.
WORDS = st.sampled_from(
    [
        "2026.02.18",
        "latest",
        ">=2026.02 <2026.04",
        f"sha256:{SHA}",
        SHA,
        KEY,
        "10m",
        "0s",
        "99999d99999h99999m99999s",
        "-1s",
        "02:30",
        "25:00",
        "Europe/Berlin",
        "Europe",
        "../UTC",
        "4Gi",
        "0",
        "1e999999999",
        "https://a.example/{version}/{file}",
        "{service}/$(HOME)",
        "owner/data",
        "--into",
        "",
    ]
)
# Fields of the spec, and of each of its parts.
PARTS = [
    (name, *below)
    for name, node in part("spec")["properties"].items()
    for below in [(), *((child,) for child in node.get("properties", ()))]
]
TEXT = st.text(max_size=12)


def specs() -> st.SearchStrategy[dict[str, Any]]:
    """Whole specs, no defaults filled in."""
    return _of(part("spec"))


@st.composite
def nearly_right(draw: st.DrawFn, right: dict[str, tuple[Changes, Any]]) -> dict[str, Any]:
    """A right spec of which one or two parts are any that the schema accepts."""
    spec = spec_of(right[draw(st.sampled_from(sorted(right)))][0])
    for path in draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=2, unique=True)):
        *folders, last = path
        at, node = spec, part("spec")
        for name in folders:
            at, node = at.setdefault(name, {}), node["properties"][name]
        at[last] = draw(_of(node["properties"][last]))
    return spec


def _of(node: Node) -> st.SearchStrategy[Any]:
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if node.get("x-kubernetes-int-or-string"):
        return st.integers(-(2**40), 2**40) | _string(node)
    match node.get("type"):
        case "string":
            return _string(node)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(node["minimum"], node["maximum"])
        case "number":
            return st.floats(node["minimum"], node["maximum"]) | st.integers(1, 1)
        case "array":
            return _array(node)
    return _object(node)


def _string(node: Node) -> st.SearchStrategy[str]:
    least, most = node.get("minLength", 0), node["maxLength"]
    return (WORDS | TEXT).map(lambda text: text[:most]).filter(lambda text: len(text) >= least)


def _array(node: Node) -> st.SearchStrategy[list[Any]]:
    keys = node.get("x-kubernetes-list-map-keys")
    unique = {"unique_by": lambda item: item[keys[0]]} if keys else {}
    if node.get("x-kubernetes-list-type") == "set":
        unique = {"unique_by": lambda item: item}
    return st.lists(_of(node["items"]), min_size=node.get("minItems", 0), max_size=3, **unique)


def _object(node: Node) -> st.SearchStrategy[dict[str, Any]]:
    if "properties" not in node:
        child = node.get("additionalProperties")
        return st.dictionaries(TEXT, _of(child), max_size=2) if child else st.just({})
    fields = {name: _of(child) for name, child in node["properties"].items()}
    must = set(node.get("required", ()))
    least, most = node.get("minProperties", 0), node.get("maxProperties", len(fields))
    return st.fixed_dictionaries(
        {name: field for name, field in fields.items() if name in must},
        optional={name: field for name, field in fields.items() if name not in must},
    ).filter(lambda value: least <= len(value) <= most)
