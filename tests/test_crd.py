"""The resource definition and the operator's parser: the same fields, words, bounds and defaults."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any

import pytest

from crd_right import RIGHT
from crd_schema import Node, defaulted, nodes, part, schema
from crd_specs import spec_of
from facedb_operator import names, objects
from facedb_operator.spec import FaceDatabase, InvalidSpec, parse_spec
from facedb_operator.spec.channel import DAYS, Policy
from facedb_operator.spec.rollout import OnFailure, Strategy, When
from facedb_operator.spec.sidecar import Device
from facedb_operator.spec.storage import Distribution, Keeping
from facedb_operator.spec.verification import Mode

SPEC = part("spec")
ENUMS: dict[str, tuple[str, ...] | type[Enum]] = {
    "spec.channel.policy": Policy,
    "spec.channel.window.days[]": DAYS,
    "spec.deletionPolicy": ("Delete", "Retain"),
    "spec.rollout.checks[].when": When,
    "spec.rollout.gate": ("Required", "Disabled"),
    "spec.rollout.onFailure": OnFailure,
    "spec.rollout.strategy": Strategy,
    "spec.sidecar.device": Device,
    "spec.sidecar.service.type": ("ClusterIP", "NodePort", "LoadBalancer"),
    "spec.sidecar.state.deletionPolicy": ("Retain", "Delete"),
    "spec.sidecar.tolerations[].effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    "spec.sidecar.tolerations[].operator": ("Exists", "Equal"),
    "spec.sidecar.updates": ("Enabled", "Disabled"),
    "spec.storage.distribution": Distribution,
    "spec.storage.strategy": Keeping,
    "spec.verification.mode": Mode,
}


class Watched(Mapping[str, Any]):
    """A mapping that remembers which fields somebody asked for."""

    def __init__(self, raw: Mapping[str, Any], path: str, asked: set[str]) -> None:
        self._raw, self._path, self._asked = raw, path, asked

    def __getitem__(self, name: str) -> Any:
        self._asked.add(f"{self._path}.{name}")
        return _watched(self._raw[name], f"{self._path}.{name}", self._asked)

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def _watched(value: Any, path: str, asked: set[str]) -> Any:
    if isinstance(value, dict):
        return Watched(value, path, asked)
    if isinstance(value, list):
        return [_watched(item, f"{path}[]", asked) for item in value]
    return value


def database(spec: Mapping[str, Any]) -> FaceDatabase:
    meta = {"name": "stash", "namespace": "media", "uid": "u-1"}
    return parse_spec({"metadata": meta, "spec": spec}, default_image="sidecar:1")


def leaves(
    value: Any, path: str, at: tuple[str | int, ...] = ()
) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Every value that is neither mapping nor list: its path in the schema, and how to come to it."""
    if isinstance(value, dict):
        for name, child in value.items():
            yield from leaves(child, f"{path}.{name}", (*at, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from leaves(child, f"{path}[]", (*at, index))
    else:
        yield path, at


def other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}x"


def changed(spec: dict[str, Any], at: tuple[str | int, ...]) -> dict[str, Any]:
    """The spec with one value changed."""
    result: dict[str, Any] = copy.deepcopy(spec)
    node: Any = result
    for step in at[:-1]:
        node = node[step]
    node[at[-1]] = other(node[at[-1]])
    return result


def test_every_field_of_the_schema_stands_in_a_spec_that_is_right() -> None:
    wanted = {
        p for p, node in nodes(SPEC, "spec") if not node.get("properties") and not p.endswith(("[]", "{}"))
    }
    found: set[str] = set()
    for changes, _ in RIGHT.values():
        asked: set[str] = set()
        _read_all(_watched(spec_of(changes), "spec", asked))
        found |= asked
    assert wanted - found == set()


def _read_all(value: Any) -> None:
    for child in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        _read_all(child)


def _parsed(spec: dict[str, Any]) -> FaceDatabase | str:
    """The database, or the field that is refused."""
    try:
        return database(spec)
    except InvalidSpec as error:
        return error.field


@pytest.mark.parametrize("name", RIGHT)
def test_every_field_makes_a_difference_to_the_parser(name: str) -> None:
    spec = spec_of(RIGHT[name][0])
    before = database(spec)
    for path, at in leaves(spec, "spec"):
        assert _parsed(changed(spec, at)) != before, path


def test_the_parser_and_the_service_ask_for_no_field_that_is_not_declared() -> None:
    declared = {path for path, _ in nodes(SPEC, "spec")}
    asked: set[str] = set()
    for changes, _ in RIGHT.values():
        objects.service(database(_watched(spec_of(changes), "spec", asked)))
    assert {path for path in asked if path not in declared and "{}" not in path} <= {
        # What stands in mappings of the user's own keys.
        "spec.sidecar.service.annotations.a"
    }


def test_the_words_of_every_enum_are_the_operators() -> None:
    found = {path: node["enum"] for path, node in nodes(SPEC, "spec") if "enum" in node}
    assert set(found) == set(ENUMS)
    for path, kind in ENUMS.items():
        words = list(kind) if isinstance(kind, tuple) else [each.value for each in kind]
        assert found[path] == words, path


@pytest.mark.parametrize("name", RIGHT)
def test_the_parser_has_the_defaults_of_the_definition(name: str) -> None:
    spec = spec_of(RIGHT[name][0])
    filled = database(defaulted(spec, SPEC))
    plain = database(spec)
    # The Service's settings are handed on as they are; what is not said in them is the builder's.
    assert filled.sidecar.service.items() >= plain.sidecar.service.items()
    assert filled == _with_service(plain, filled)
    assert objects.service(filled)["spec"] == objects.service(plain)["spec"]


def _with_service(db: FaceDatabase, like: FaceDatabase) -> FaceDatabase:
    return replace(db, sidecar=replace(db.sidecar, service=like.sidecar.service))


def test_every_field_is_described() -> None:
    undescribed = [
        path
        for name in ("spec", "status")
        for path, node in nodes(part(name), name)
        if not path.endswith(("[]", "{}")) and not node.get("description")
    ]
    assert undescribed == []


def test_descriptions_are_sentences() -> None:
    for name in ("spec", "status"):
        for path, node in nodes(part(name), name):
            text = node.get("description")
            assert text is None or text.endswith((".", ".)")), path


def test_every_field_of_the_spec_is_bounded() -> None:
    """Without bounds the API server refuses rules for their worst-case cost."""
    assert [path for path, node in nodes(SPEC, "spec") if not _is_bounded(node)] == []


def _is_bounded(node: Node) -> bool:
    if node.get("x-kubernetes-int-or-string"):
        return "maxLength" in node
    match node.get("type"):
        case "string":
            return bool(node.keys() & {"maxLength", "enum"})
        case "array":
            return "maxItems" in node
        case "integer" | "number":
            return {"minimum", "maximum"} <= node.keys()
        case "object":
            return "properties" in node or "maxProperties" in node
    return node.get("type") == "boolean"


def test_only_affinities_are_taken_as_they_are() -> None:
    """Everything else is declared: what is misspelt is refused, and apply knows what it merges."""
    free = [p for p, n in nodes(schema(), "") if n.get("x-kubernetes-preserve-unknown-fields")]
    assert [p.rpartition(".")[2] for p in free] == ["nodeAffinity", "podAffinity", "podAntiAffinity"]


def test_lists_of_named_things_are_keyed_by_their_names() -> None:
    """So that two of one name are refused, and two appliers may each own one."""
    for path, node in nodes(SPEC, "spec"):
        fields = (node.get("items") or {}).get("properties") or {}
        if "name" in fields:
            assert node["x-kubernetes-list-type"] == "map", path
            assert node["x-kubernetes-list-map-keys"] == ["name"], path


def test_every_rule_says_what_was_expected() -> None:
    for path, node in nodes(schema(), "resource"):
        for rule in node.get("x-kubernetes-validations") or ():
            assert len(rule.get("message", "")) > 10, path


def test_the_verbs_that_descriptions_name_exist() -> None:
    text = " ".join(n.get("description", "") for _, n in nodes(SPEC, "spec"))
    for verb in ("approve", "promote"):
        assert f"{names.GROUP}/{verb}" in text
