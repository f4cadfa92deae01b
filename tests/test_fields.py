"""docs/fields.md is the resource definition, readable."""

from __future__ import annotations

from crd_schema import nodes, part
from field_tables import PAGE, page


def test_the_page_of_fields_is_the_definition() -> None:
    assert PAGE.read_text() == page(), "write it: python tests/field_tables.py"


def test_every_field_has_a_row_that_says_what_it_means() -> None:
    text = page()
    for name in ("spec", "status"):
        for path, node in nodes(part(name), name):
            last = path.rpartition(".")[2].removesuffix("[]").removesuffix("{}")
            if not path.endswith(("[]", "{}")) and path != name:
                assert f"{last}` |" in text or f"## {path}\n" in text, path
                assert " ".join(node["description"].split())[:40].replace("<", "&lt;") in text, path
