"""Stash-boxes: which one is meant, a performer over real HTTP, and the same person in Stash's words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.stash.answers import StashBox
from facedb_sidecar.stash.box_names import find_box
from facedb_sidecar.stash.box_performer import BodyMark, BoxPerformer, Link, stash_fields
from facedb_sidecar.stash.boxes import StashBoxes
from facedb_sidecar.stash.errors import StashRefused, UnknownBox
from stash_server import StashBoxServer

STASHDB = StashBox("https://stashdb.org/graphql", "k", "StashDB")
TPDB = StashBox("https://theporndb.net/graphql", "k", "The Porn DB")
OWN = StashBox("http://box.lan:9998/graphql", "k", "Home")
BOXES = (STASHDB, TPDB, OWN)


@pytest.mark.parametrize(
    ("name", "box"),
    [
        ("stashdb.org", STASHDB),
        ("stashdb", STASHDB),
        ("StashDB", STASHDB),
        ("https://stashdb.org/graphql", STASHDB),
        ("https://stashdb.org/graphql/", STASHDB),
        ("theporndb", TPDB),
        ("theporndb.net", TPDB),
        ("the porn db", TPDB),
        ("box.lan", OWN),
        ("home", OWN),
    ],
)
def test_a_box_is_known_by_all_its_names(name: str, box: StashBox) -> None:
    assert find_box(BOXES, name) is box


@pytest.mark.parametrize("name", ["fansdb", "", "org", "https://stashdb.org", "theporndb.org", "http://[x"])
def test_another_name_is_unknown(name: str) -> None:
    with pytest.raises(UnknownBox, match="Unknown or unconfigured endpoint"):
        find_box(BOXES, name)


@pytest.fixture
def box() -> Iterator[StashBoxServer]:
    with StashBoxServer() as server:
        yield server


def ask(box: StashBoxServer, performer_id: str, key: str = "box-key") -> BoxPerformer | None:
    async def run() -> BoxPerformer | None:
        async with httpx.AsyncClient() as http:
            return await StashBoxes(http, 10).performer(StashBox(box.endpoint, key, "Test"), performer_id)

    return asyncio.run(run())


def test_a_performer_comes_over_http(box: StashBoxServer) -> None:
    box.add("p-1", "Ann", gender="FEMALE", birth_date="1990-05", tattoos=[{"location": "Arm"}])
    person = ask(box, "p-1")
    assert person is not None
    assert (person.name, person.gender, person.birth_date) == ("Ann", "FEMALE", "1990-05")
    assert person.tattoos == (BodyMark("Arm"),)


def test_who_is_not_there_or_was_deleted_is_none(box: StashBoxServer) -> None:
    box.add("p-2", "Bea", deleted=True)
    assert ask(box, "p-2") is None
    assert ask(box, "p-3") is None


def test_a_wrong_key_names_the_box(box: StashBoxServer) -> None:
    with pytest.raises(StashRefused, match=r"127\.0\.0\.1 does not let us in"):
        ask(box, "p-1", key="wrong")


def test_a_person_in_stashs_words() -> None:
    person = BoxPerformer(
        "p-1",
        "Ann",
        aliases=("ann", "Annie", "ANNIE", " "),
        ethnicity="MIDDLE_EASTERN",
        height=170,
        band_size=34,
        cup_size="D",
        waist_size=24,
        hip_size=36,
        breast_type="NATURAL",
        career_start_year=2010,
        tattoos=(BodyMark("Left arm", "rose"), BodyMark("Back")),
        urls=(Link("https://x.test/ann"),),
        images=(Link("https://cdn.test/1.jpg"), Link("https://cdn.test/2.jpg")),
    )
    assert stash_fields(person) == {
        "name": "Ann",
        "alias_list": ["Annie"],
        "ethnicity": "Middle Eastern",
        "height_cm": 170,
        "measurements": "34D-24-36",
        "fake_tits": "Natural",
        "career_length": "2010 -",
        "tattoos": "Left arm, rose; Back",
        "urls": ["https://x.test/ann"],
        "url": "https://x.test/ann",
        "image": "https://cdn.test/1.jpg",
    }


@given(
    person=st.builds(
        BoxPerformer,
        id=st.just("p"),
        name=st.text(min_size=1),
        aliases=st.lists(st.text(max_size=4)).map(tuple),
        band_size=st.none() | st.integers(20, 60),
        hip_size=st.none() | st.integers(20, 60),
        career_start_year=st.none() | st.integers(1950, 2030),
        career_end_year=st.none() | st.integers(1950, 2030),
        tattoos=st.none() | st.lists(st.builds(BodyMark, st.text(), st.none() | st.text())).map(tuple),
    )
)
def test_no_field_is_empty_and_no_alias_is_there_twice(person: BoxPerformer) -> None:
    fields = stash_fields(person)
    assert all(value not in (None, "", []) for value in fields.values())
    aliases = [alias.lower() for alias in fields.get("alias_list", [])]
    assert len(set(aliases)) == len(aliases)
    assert person.name.lower() not in aliases
