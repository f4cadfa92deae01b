"""What patch.json may say, and where a receiver then takes each file from."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_release.errors import Reason, WrongRelease
from facedb_release.patches.listing import (
    Kind,
    PatchedFile,
    PatchList,
    check_members,
    parse_patch_list,
    patch_list_bytes,
    patch_profile,
)
from facedb_release.patches.plan import Apply, Lacking, Take, Whole, patch_archive_name, plan
from facedb_release.profiles import PROFILE
from facedb_release.receipt import FileRecord
from facedb_release.version import parse_version

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
VERSIONS = parse_version("2026.02.18"), parse_version("2026.03.01")


def listed(name: str, sha256: str = C, kind: Kind = Kind.SAME, start: str | None = None) -> PatchedFile:
    return PatchedFile(FileRecord(name, 1000, sha256), kind, start)


FILES = (
    listed("performers.db", B, Kind.PATCH, A),
    listed("face_facenet.voy", C),
    listed("face_arcface.voy", C),
    listed("faces.json", D, Kind.WHOLE),
    listed("performers.json", C),
    listed("manifest.json", D, Kind.WHOLE),
)
GOOD = PatchList(*VERSIONS, FILES)
HELD = {name: C for name in ("face_facenet.voy", "face_arcface.voy", "performers.json")} | {
    "performers.db": A
}
MEMBERS = {"patch.json": 900, "manifest.json": 1000, "faces.json": 1000, "performers.db.patch": 77}


def raw(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(patch_list_bytes(GOOD))
    return made | changes


def with_file(name: str, **changes: Any) -> dict[str, Any]:
    made = raw()
    made["files"][name] = made["files"].get(name, made["files"]["faces.json"]) | changes
    return made


def refusal(made: Any) -> Reason:
    with pytest.raises(WrongRelease) as refused:
        parse_patch_list(json.dumps(made).encode(), PROFILE)
    return refused.value.reason


def test_a_list_comes_back_as_it_was_written() -> None:
    assert parse_patch_list(patch_list_bytes(GOOD), PROFILE) == GOOD


def test_every_file_comes_from_where_it_moves_least() -> None:
    steps = plan(GOOD, HELD)
    assert isinstance(steps, tuple)
    assert steps == (
        Apply(FILES[0].record, "performers.db.patch", "performers.db"),
        Take(FILES[1].record, "face_facenet.voy"),
        Take(FILES[2].record, "face_arcface.voy"),
        Whole(FILES[3].record, "faces.json"),
        Take(FILES[4].record, "performers.json"),
        Whole(FILES[5].record, "manifest.json"),
    )


def test_a_file_that_is_there_already_is_not_patched() -> None:
    steps = plan(GOOD, HELD | {"performers.db": B, "faces.json": D})
    assert isinstance(steps, tuple)
    assert {s.record.name for s in steps if isinstance(s, Take)} >= {"performers.db", "faces.json"}


def test_a_file_may_be_held_under_another_name() -> None:
    held = {"z": A, "y": A, "other": C}
    steps = plan(GOOD, held)
    assert isinstance(steps, tuple)
    assert steps[:2] == (
        Apply(FILES[0].record, "performers.db.patch", "y"),
        Take(FILES[1].record, "other"),
    )


@pytest.mark.parametrize(
    ("held", "lacking"),
    [
        ({}, Lacking("performers.db", A)),
        (HELD | {"performers.db": D}, Lacking("performers.db", A)),
        ({"performers.db": A}, Lacking("face_facenet.voy", C)),
    ],
    ids=["nothing is held", "another one is held", "a file that stays is gone"],
)
def test_what_is_not_held_makes_the_patch_useless(held: dict[str, str], lacking: Lacking) -> None:
    assert plan(GOOD, held) == lacking


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ([], Reason.WRONG_ARCHIVE),
        (raw(format="facedb-patch/v2"), Reason.WRONG_ARCHIVE),
        (raw(files=[]), Reason.WRONG_ARCHIVE),
        (raw(files={}), Reason.MISSING_FILE),
        (raw(to="newest"), Reason.WRONG_ARCHIVE),
        (raw(to=None), Reason.WRONG_ARCHIVE),
        (raw(**{"from": 7}), Reason.WRONG_ARCHIVE),
        (with_file("faces.json", size=-1), Reason.WRONG_ARCHIVE),
        (with_file("faces.json", size=True), Reason.WRONG_ARCHIVE),
        (with_file("faces.json", size="9"), Reason.WRONG_ARCHIVE),
        (with_file("faces.json", size=1 << 62), Reason.UNSAFE_ARCHIVE),
        (with_file("faces.json", sha256=None), Reason.WRONG_ARCHIVE),
        (with_file("faces.json", sha256="A" * 64), Reason.WRONG_ARCHIVE),
        (with_file("faces.json", sha256=["a" * 64]), Reason.WRONG_ARCHIVE),
        (with_file("faces.json", kind="link"), Reason.WRONG_ARCHIVE),
        (with_file("faces.json", kind="patch"), Reason.WRONG_ARCHIVE),
        (with_file("faces.json", from_sha256="a" * 64), Reason.WRONG_ARCHIVE),
        (with_file("manifest.json", kind="same"), Reason.WRONG_ARCHIVE),
        (with_file("../faces.json"), Reason.UNEXPECTED_FILE),
        (with_file("stash_sense.db"), Reason.UNEXPECTED_FILE),
        (with_file("patch.json"), Reason.UNEXPECTED_FILE),
        (with_file(".facedb-receipt.json"), Reason.UNEXPECTED_FILE),
    ],
)
def test_a_list_that_says_something_else_is_refused(made: Any, reason: Reason) -> None:
    assert refusal(made) is reason


def test_more_than_a_release_may_hold_is_refused() -> None:
    made = raw()
    for name in ("performers.db", "face_facenet.voy", "face_arcface.voy", "face_adaface.voy"):
        made["files"][name] = made["files"]["faces.json"] | {"size": PROFILE.max_bytes[name]}
    made["files"]["tattoo_embeddings.voy"] = made["files"]["faces.json"] | {"size": 32 << 30}
    assert refusal(made) is Reason.UNSAFE_ARCHIVE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(A),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from(["format", "from", "to", "files"]), JSON)
def test_any_value_in_any_place_is_a_refusal_at_worst(key: str, value: Any) -> None:
    refusal(raw(**{key: value}))


@given(st.sampled_from(["size", "sha256", "kind", "from_sha256"]), JSON)
def test_any_value_in_a_file_is_a_refusal_at_worst(key: str, value: Any) -> None:
    with contextlib.suppress(WrongRelease):
        parse_patch_list(json.dumps(with_file("faces.json", **{key: value})).encode(), PROFILE)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_refusal(data: bytes) -> None:
    with pytest.raises(WrongRelease):
        parse_patch_list(data, PROFILE)


def test_the_archive_holds_what_the_list_says() -> None:
    check_members(GOOD, MEMBERS)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({n: s for n, s in MEMBERS.items() if n != "performers.db.patch"}, Reason.MISSING_FILE),
        (MEMBERS | {"performers.db": 1000}, Reason.UNEXPECTED_FILE),
        (MEMBERS | {"face_facenet.voy.patch": 5}, Reason.UNEXPECTED_FILE),
        (MEMBERS | {"faces.json": 999}, Reason.WRONG_ARCHIVE),
    ],
    ids=["a patch is missing", "a file both ways", "a patch too many", "another size"],
)
def test_an_archive_that_differs_from_its_list_is_refused(members: dict[str, int], reason: Reason) -> None:
    with pytest.raises(WrongRelease) as refused:
        check_members(GOOD, members)
    assert refused.value.reason is reason


def test_a_patch_archive_may_hold_files_and_their_patches_and_no_others() -> None:
    form = patch_profile(PROFILE)
    assert form.required == ("patch.json", "manifest.json")
    assert {"faces.json", "faces.json.patch", "manifest.json.minisig"} <= set(form.optional)
    assert not {"manifest.json.patch", "patch.json.patch", "manifest.json.minisig.patch"} & set(form.optional)
    assert set(form.max_bytes) == {*form.required, *form.optional}


def test_the_patch_lies_beside_the_release() -> None:
    name = patch_archive_name("stash-sense-data-v2026.03.01.zip", VERSIONS[0])
    assert name == "stash-sense-data-v2026.03.01.from-v2026.02.18.zip"
