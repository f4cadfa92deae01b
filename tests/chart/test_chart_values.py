"""Every value is documented once, in its comment; schema and page say the same."""

from __future__ import annotations

import json

import yaml

from chart.make_values import PAGE, SCHEMA, VALUES, comments, nodes, page, schema_with

WRITE = "write it: python tests/chart/make_values.py"
Node = dict[str, object]


def leaves(values: object, prefix: str, known: set[str]) -> set[str]:
    """Paths of all values, as deep as the schema names them."""
    if not isinstance(values, dict):
        return set()
    found = {f"{prefix}{name}" for name in values if f"{prefix}{name}" in known or not prefix}
    return found.union(*(leaves(v, f"{prefix}{n}.", known) for n, v in values.items()))


def test_the_page_and_the_schema_are_made_of_the_comments() -> None:
    assert PAGE.read_text() == page(), WRITE
    assert SCHEMA.read_text() == schema_with(comments(VALUES.read_text())), WRITE


def test_every_value_has_a_comment_a_schema_and_a_default() -> None:
    schema = json.loads(SCHEMA.read_text())
    declared = {path for path, _ in nodes(schema)}
    said = comments(VALUES.read_text())
    assert [path for path in sorted(declared) if not said.get(path)] == []
    assert leaves(yaml.safe_load(VALUES.read_text()), "", declared) == declared


def test_the_schema_lets_no_unknown_name_through() -> None:
    def open_groups(node: dict[str, object], path: str) -> list[str]:
        below = node.get("properties")
        if not isinstance(below, dict):
            return []
        found = [] if node.get("additionalProperties") is False else [path]
        return found + [p for name, child in below.items() for p in open_groups(child, f"{path}.{name}")]

    assert open_groups(json.loads(SCHEMA.read_text()), "") == []
