"""Our questions, and the played Stash's answers, are held against the schema of Stash's own module."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, print_type, validate

import stash_program
from facedb_sidecar.stash import queries
from stash_schema import NEW_STASH

pytestmark = pytest.mark.cluster

QUESTIONS = {
    name: text
    for name, text in vars(queries).items()
    if isinstance(text, str) and text.lstrip().startswith(("query", "mutation"))
}


@pytest.fixture(scope="module")
def real() -> GraphQLSchema:
    return build_schema(stash_program.schema())


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_stash_takes_each_of_our_questions(real: GraphQLSchema, question: str) -> None:
    assert validate(real, parse(question)) == []


def test_the_played_stash_has_no_type_field_or_argument_that_stash_has_not(real: GraphQLSchema) -> None:
    played = build_schema(NEW_STASH)
    own = {name for name in played.type_map if not name.startswith("__")}

    assert own <= set(real.type_map)
    for name in own:
        theirs, ours = real.type_map[name], played.type_map[name]
        fields, known = getattr(ours, "fields", {}), getattr(theirs, "fields", {})
        assert set(fields) <= set(known), print_type(theirs)
        for field, said in fields.items():
            assert str(said.type) == str(known[field].type), f"{name}.{field}"
            assert arguments(said).items() <= arguments(known[field]).items(), f"{name}.{field}"
        assert set(getattr(ours, "values", ())) <= set(getattr(theirs, "values", ())), name


def arguments(field: Any) -> dict[str, str]:
    return {name: str(argument.type) for name, argument in (getattr(field, "args", None) or {}).items()}
