"""The release format is data: another ecosystem's is verified from end to end without a line of code."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import voyager

from facedb_release import manifest, profiles
from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import parse_manifest
from facedb_release.profiles import (
    PROFILE,
    PROFILES,
    JsonMap,
    ManifestForm,
    MapForm,
    Profile,
    Rows,
    Table,
    VectorIndex,
)
from facedb_release.verify.limits import Limits
from facedb_release.verify.release import Started, verify_all, verify_release
from facedb_release.verify.signature import Policy
from zip_making import Part, build, read_all

MIB = 1 << 20
VOICES = Profile(
    name="voices/v1",
    required=("about.json", "clips.json", "voices.voy", "people.db"),
    optional=("people.json", "about.json.minisig", "noise.voy"),
    max_bytes={
        "about.json": 4096,
        "about.json.minisig": 4096,
        "clips.json": MIB,
        "people.json": MIB,
        "voices.voy": MIB,
        "noise.voy": MIB,
        "people.db": MIB,
    },
    max_total_bytes=8 * MIB,
    manifest=ManifestForm(
        counts=("clips", "people"),
        pipeline={"encoder": "ecapa", "rate": 16_000},
        name="about.json",
        signature="about.json.minisig",
    ),
    maps={
        "clips.json": JsonMap(MapForm.LIST, counted_by="clips", owners="people.json"),
        "people.json": JsonMap(MapForm.OBJECT, texts=("name", "tongue"), separator="/", counted_by="people"),
    },
    indices={
        "voices.voy": VectorIndex(64, "clips.json", "voice_dim"),
        "noise.voy": VectorIndex(32, "clips.json", queried=False),
    },
    databases={
        "people.db": {
            "people": Table(
                frozenset({"id", "name"}),
                integers=frozenset({"id"}),
                texts=frozenset({"name"}),
                counted_by="people",
                rows=Rows.AT_MOST,
            )
        }
    },
)
PEOPLE = {"a/1": {"name": "Ann", "tongue": "cs"}, "b/2": {"name": "Bea", "tongue": "hu"}}
CLIPS = ["a/1", None, "b/2", "b/2"]
ABOUT = {
    "version": "2026.11.21",
    "clips": 4,
    "people": 2,
    "models": {"encoder": "ecapa", "rate": 16_000, "voice_dim": 64},
    "checksums": {},
}


def write_index(path: Path, count: int, dimensions: int) -> None:
    index = voyager.Index(voyager.Space.Cosine, num_dimensions=dimensions, M=12)
    index.add_items(
        np.random.default_rng(1).standard_normal((count, dimensions), dtype=np.float32), num_threads=1
    )
    index.save(str(path))


def write_database(path: Path, names: list[str]) -> None:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
        db.executemany("INSERT INTO people (name) VALUES (?)", [(n,) for n in names])
        db.commit()


def write_about(folder: Path, **changes: object) -> None:
    sums = {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir() if p.name in VOICES.known
    }
    sums.pop("about.json", None)
    (folder / "about.json").write_text(json.dumps(ABOUT | {"checksums": sums} | changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clips.json").write_text(json.dumps(CLIPS))
    (tmp_path / "people.json").write_text(json.dumps(PEOPLE))
    write_index(tmp_path / "voices.voy", 4, 64)
    write_database(tmp_path / "people.db", ["Ann", "Bea"])
    write_about(tmp_path)
    return tmp_path


def test_another_ecosystems_release_is_verified_from_its_zip_to_its_vectors(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = build([Part(p.name, p.read_bytes()) for p in sorted(folder.iterdir())])
    out = tmp_path_factory.mktemp("out")
    for name, content in read_all(data, VOICES).items():
        (out / name).write_bytes(content)

    verified = verify_release(out, profile=VOICES, limits=Limits(sample=4))

    assert (verified.manifest.version.text, verified.warnings) == ("2026.11.21", ())
    assert dict(verified.manifest.counts) == {"clips": 4, "people": 2}
    assert verified.manifest.models["rate"] == 16_000


def test_an_optional_map_may_be_missing(folder: Path) -> None:
    (folder / "people.json").unlink()
    write_about(folder)

    assert verify_release(folder, profile=VOICES, limits=Limits(sample=4)).warnings == ()


def write_json(name: str, value: object) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(json.dumps(value)) and None


WRONG: dict[str, tuple[Reason, str, Callable[[Path], object], dict[str, object]]] = {
    "a stranger": (Reason.UNEXPECTED_FILE, "faces.json", write_json("faces.json", []), {}),
    "a missing file": (Reason.MISSING_FILE, "voices.voy", lambda f: (f / "voices.voy").unlink(), {}),
    "a clip too many": (Reason.COUNT_MISMATCH, "clips.json", write_json("clips.json", [*CLIPS, None]), {}),
    "a person without a tongue": (
        Reason.COUNT_MISMATCH,
        "people.json",
        write_json("people.json", PEOPLE | {"b/2": {"name": "Bea"}}),
        {},
    ),
    "an id without a slash": (
        Reason.COUNT_MISMATCH,
        "people.json",
        write_json("people.json", {"a": PEOPLE["a/1"], "b/2": PEOPLE["b/2"]}),
        {},
    ),
    "a vector too few": (
        Reason.COUNT_MISMATCH,
        "voices.voy",
        lambda f: write_index(f / "voices.voy", 3, 64),
        {},
    ),
    "other dimensions": (
        Reason.CORRUPT_INDEX,
        "voices.voy",
        lambda f: write_index(f / "voices.voy", 4, 512),
        {},
    ),
    "another pipeline": (
        Reason.INCOMPATIBLE_PIPELINE,
        "about.json",
        lambda f: None,
        {"models": {"encoder": "ecapa", "rate": 8_000, "voice_dim": 64}},
    ),
    "a pipeline that does not say": (
        Reason.INCOMPATIBLE_PIPELINE,
        "about.json",
        lambda f: None,
        {"models": {"encoder": "ecapa", "rate": 16_000}},
    ),
    "a number for a name": (
        Reason.INVALID_MANIFEST,
        "about.json",
        lambda f: None,
        {"models": {"encoder": 1}},
    ),
    "a count that is missing": (Reason.INVALID_MANIFEST, "about.json", lambda f: None, {"people": None}),
    "an empty table": (
        Reason.CORRUPT_DATABASE,
        "people.db",
        lambda f: write_database(f / "people.db", []),
        {},
    ),
}


@pytest.mark.parametrize(("reason", "file", "damage", "about"), WRONG.values(), ids=WRONG.keys())
def test_each_check_reads_what_it_wants_from_the_profile(
    folder: Path, reason: Reason, file: str, damage: Callable[[Path], object], about: dict[str, object]
) -> None:
    damage(folder)
    write_about(folder, **about)

    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, profile=VOICES, limits=Limits(sample=4))
    assert (caught.value.reason, caught.value.file) == (reason, file)


def test_what_is_merely_odd_is_a_warning_by_the_profiles_words(folder: Path) -> None:
    write_index(folder / "noise.voy", 3, 16)
    write_database(folder / "people.db", ["Ann", "Bea", "Cid"])
    (folder / "clips.json").write_text(json.dumps(["a/1", None, "b/2", "c/3"]))
    write_about(folder)

    warnings = verify_release(folder, profile=VOICES, limits=Limits(sample=0)).warnings

    assert [w for w in warnings if "1 of 4 entries of clips.json have no owner in people.json" in w]
    assert [w for w in warnings if "people.db holds 3 people, the manifest says at most 2" in w]
    assert len([w for w in warnings if "noise.voy" in w and "Nothing queries it" in w]) == 2


def test_a_release_of_one_format_is_none_of_the_other(folder: Path) -> None:
    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, limits=Limits(sample=0))
    assert caught.value.reason is Reason.MISSING_FILE


def test_all_faults_are_listed_in_the_order_of_the_checks(folder: Path) -> None:
    (folder / "run.sh").write_text("")
    write_index(folder / "voices.voy", 3, 512)
    write_database(folder / "people.db", [])
    models = {"encoder": "x", "rate": 1, "voice_dim": 64}
    write_about(folder, clips=5, checksums={"people.db": "0" * 64}, models=models)

    report = verify_all(folder, profile=VOICES, limits=Limits(sample=4))

    assert [(f.reason, f.file) for f in report.faults] == [
        (Reason.UNEXPECTED_FILE, "run.sh"),
        (Reason.WRONG_CHECKSUM, "people.db"),
        (Reason.COUNT_MISMATCH, "clips.json"),
        (Reason.CORRUPT_INDEX, "voices.voy"),
        (Reason.COUNT_MISMATCH, "voices.voy"),
        (Reason.INCOMPATIBLE_PIPELINE, "about.json"),
        (Reason.INCOMPATIBLE_PIPELINE, "about.json"),
        (Reason.CORRUPT_DATABASE, "people.db"),
    ]
    assert report.verified is None


@pytest.mark.parametrize("gone", VOICES.required)
def test_without_a_file_what_needs_it_is_left_out_and_the_rest_is_checked(folder: Path, gone: str) -> None:
    (folder / gone).unlink()
    (folder / "run.sh").write_text("")

    report = verify_all(folder, profile=VOICES, limits=Limits(sample=4))

    assert {f.reason for f in report.faults} == {Reason.MISSING_FILE, Reason.UNEXPECTED_FILE}


@pytest.mark.parametrize("broken", VOICES.required)
def test_a_file_of_rubbish_never_ends_the_listing(folder: Path, broken: str) -> None:
    (folder / broken).write_bytes(b"\xff" * 3000)

    faults = verify_all(folder, profile=VOICES, limits=Limits(sample=4)).faults

    assert broken in {f.file for f in faults}


def test_a_good_release_has_a_report_without_faults(folder: Path) -> None:
    report = verify_all(folder, profile=VOICES, limits=Limits(sample=4), policy=Policy(required=False))

    assert (report.faults, report.warnings) == ((), ())
    assert report.verified is not None
    assert report.verified.manifest == parse_manifest((folder / "about.json").read_bytes(), VOICES)


def test_checks_that_a_caller_began_are_waited_for_and_not_made_again(folder: Path) -> None:
    first = verify_release(folder, profile=VOICES, limits=Limits(sample=0))
    asked: list[tuple[str, list[int]]] = []

    def index(name: str, labels: object) -> list[str]:
        asked.append((name, list(labels)))  # type: ignore[call-overload]
        return ["looked at before"]

    def refuse(name: str) -> object:
        raise WrongRelease(Reason.CORRUPT_DATABASE, "Found early.", file=name)

    second = verify_release(
        folder, profile=VOICES, hashed=first.files, started=Started(index=index), limits=Limits(sample=4)
    )
    assert asked == [("voices.voy", [0, 2, 3])]
    assert second.warnings == ("looked at before",)
    with pytest.raises(WrongRelease, match="Found early"):
        verify_release(folder, profile=VOICES, started=Started(database=refuse))  # type: ignore[arg-type]


def test_files_hashed_while_they_were_written_are_not_read_again(folder: Path) -> None:
    first = verify_release(folder, profile=VOICES, limits=Limits(sample=0))
    lies = [replace(f, sha256="0" * 64) if f.name == "voices.voy" else f for f in first.files]

    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, profile=VOICES, hashed=lies)
    assert (caught.value.reason, caught.value.found) == (Reason.WRONG_CHECKSUM, "sha256:" + "0" * 64)


def test_the_format_of_today_is_the_default_and_can_be_had_by_name() -> None:
    assert PROFILES["stash-sense/v1"] is PROFILE
    assert set(PROFILE.max_bytes) == set(PROFILE.known)
    assert set(PROFILE.indices) | set(PROFILE.maps) | set(PROFILE.databases) <= set(PROFILE.known)
    assert {i.labelled_by for i in PROFILE.indices.values()} <= set(PROFILE.maps)


def test_no_check_names_a_file_of_a_release() -> None:
    library = Path(profiles.__file__).parent
    files = [*library.glob("verify/*.py"), *library.glob("archive/*.py"), Path(manifest.__file__)]
    stems = {re.escape(n) for n in PROFILE.known if not n.startswith("manifest")}
    named = re.compile(r"[\"'](" + "|".join(stems) + r"|facenet|arcface|performers|faces)[\"']")

    assert [(f.name, named.search(f.read_text())) for f in files if named.search(f.read_text())] == []
