"""The pods' account is read rarely, and never in the way of a change of the spec."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from facedb_operator import names
from facedb_operator.observe.access import LOOK_AGAIN_S, SOON_S, Access
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import DeleteAccess, EnsureAccess, EnsureService
from world import World
from world_objects import base_spec

KEY = ("default", "stash")


class Place:
    """The account, its Role and its binding, or some of them."""

    def __init__(self) -> None:
        self.editions: list[str | None] = [None] * 3
        self.reads = 0

    async def get(self, *_: object) -> dict[str, Any] | None:
        edition = self.editions[self.reads % 3]
        self.reads += 1
        return None if edition is None else {"metadata": {"labels": {names.KEY_LABEL: edition}}}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr("facedb_operator.observe.access.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def access(place: Place) -> Access:
    kube: Any = place
    return Access(kube)


def look(access: Access, db: FaceDatabase) -> str | None:
    asyncio.run(access.look(db))
    return access.of(KEY)


@pytest.fixture
def db() -> FaceDatabase:
    return World(base_spec()).database()


def test_it_is_read_before_the_first_pass_and_then_rarely(
    clock: list[float], place: Place, access: Access, db: FaceDatabase
) -> None:
    place.editions = [names.ACCESS_KEY] * 3
    assert [look(access, db) for _ in range(3)] == [names.ACCESS_KEY] * 3
    assert place.reads == 3
    clock[0] += LOOK_AGAIN_S + 1
    look(access, db)
    assert place.reads == 6


@pytest.mark.parametrize("editions", [["1", None, "1"], ["1", "1", "0"], ["0", "1", "1"]])
def test_where_parts_are_missing_or_old_it_is_none_of_the_editions(
    place: Place, access: Access, db: FaceDatabase, editions: list[str | None]
) -> None:
    place.editions = editions
    assert look(access, db) == ""


@pytest.mark.usefixtures("clock")
def test_what_was_just_written_is_not_read(place: Place, access: Access, db: FaceDatabase) -> None:
    assert look(access, db) is None
    access.wrote(KEY, [EnsureService(), EnsureAccess()])
    assert look(access, db) == names.ACCESS_KEY
    access.wrote(KEY, [DeleteAccess()])
    assert look(access, db) is None
    assert place.reads == 3


def test_a_change_of_the_spec_is_not_kept_waiting_for_it_but_it_is_looked_at_soon(
    clock: list[float], place: Place, access: Access, db: FaceDatabase
) -> None:
    place.editions = [names.ACCESS_KEY] * 3
    look(access, db)
    # Somebody deletes it, and changes the spec.
    place.editions = [None] * 3
    changed = replace(db, generation=db.generation + 1)
    assert look(access, changed) == names.ACCESS_KEY
    assert place.reads == 3
    clock[0] += SOON_S
    assert look(access, changed) is None


@pytest.mark.usefixtures("clock")
def test_another_database_by_the_same_name_is_another(place: Place, access: Access, db: FaceDatabase) -> None:
    place.editions = [names.ACCESS_KEY] * 3
    look(access, db)
    place.editions = [None] * 3
    assert look(access, replace(db, uid="u-2")) is None
