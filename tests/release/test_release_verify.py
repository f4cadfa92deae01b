"""Good files of every kind pass the checks; odd ones are warnings; no bytes make a check fail otherwise."""

from __future__ import annotations

import json
import sqlite3
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import voyager
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_release.errors import Reason, ReleaseError, WrongRelease
from facedb_release.profiles import OPTIONAL
from facedb_release.verify.index import HEADER_BYTES, Storage, check_opens, parse_header, read_header
from facedb_release.verify.limits import Limits
from facedb_release.verify.release import verify_release
from facedb_release.version import parse_version

from .conftest import VERSION

CLOSED = Limits(sample=0)


@pytest.fixture
def folder(good: Path, tmp_path: Path) -> Path:
    """The good release, unpacked."""
    with zipfile.ZipFile(good) as z:
        z.extractall(tmp_path / "release")
    return tmp_path / "release"


def relist(folder: Path, name: str) -> None:
    """Put the file's present sha256 into the manifest."""
    import hashlib

    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["checksums"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(manifest))


def index_of(
    path: Path, count: int, dimensions: int, storage: voyager.StorageDataType, links: int = 12
) -> Path:
    index = voyager.Index(
        voyager.Space.Cosine,
        num_dimensions=dimensions,
        M=links,
        storage_data_type=storage,
        max_elements=count + 5,
    )
    if count:
        vectors = np.random.default_rng(0).standard_normal((count, dimensions), dtype=np.float32)
        index.add_items(vectors, num_threads=1)
    index.save(str(path))
    return path


STORAGES = {
    Storage.FLOAT32: voyager.StorageDataType.Float32,
    Storage.FLOAT8: voyager.StorageDataType.Float8,
    Storage.E4M3: voyager.StorageDataType.E4M3,
}


@pytest.mark.parametrize("storage", list(Storage), ids=lambda s: s.name)
@pytest.mark.parametrize(
    ("count", "dimensions", "links"), [(0, 512, 12), (1, 512, 12), (700, 512, 12), (90, 1280, 16)]
)
def test_the_header_of_a_good_index_of_every_kind_is_accepted(
    tmp_path: Path, storage: Storage, count: int, dimensions: int, links: int
) -> None:
    header = read_header(index_of(tmp_path / "i.voy", count, dimensions, STORAGES[storage], links))

    assert (header.dimensions, header.storage, header.count, header.links) == (
        dimensions,
        storage,
        count,
        links,
    )


@pytest.mark.parametrize("storage", [Storage.FLOAT32, Storage.E4M3], ids=lambda s: s.name)
def test_the_vectors_of_a_good_index_find_themselves(tmp_path: Path, storage: Storage) -> None:
    path = index_of(tmp_path / "i.voy", 300, 512, STORAGES[storage])

    assert not list(check_opens(path, labels=range(300), sample=50, seconds=60, extra_bytes=3 << 30))


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, HEADER_BYTES - 1), st.integers(0, 255)), min_size=1, max_size=5),
    st.integers(0, 1 << 40),
)
def test_no_change_to_an_index_header_raises_anything_but_a_refusal(
    edits: list[tuple[int, int]], size: int
) -> None:
    head = bytearray(HEADER_BYTES)
    head[:] = struct.pack(
        "<4siiBBf?6QiI3QdQ", b"VOYA", 1, 512, 2, 0x20, 0, False, *(0,) * 6, 0, 0, 12, 24, 12, 0.4, 200
    )
    for at, value in edits:
        head[at] = value

    with pytest.raises(ReleaseError):
        parse_header(bytes(head), size, file="i.voy")


def test_an_unpacked_release_is_verified_from_its_bytes(folder: Path) -> None:
    verified = verify_release(folder, expected_version=parse_version("2026.2.18"))

    assert (verified.manifest.version.text, verified.warnings) == (VERSION, ())
    assert {f.name: f.size for f in verified.files} == {p.name: p.stat().st_size for p in folder.iterdir()}


def add_column(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE faces ADD COLUMN pitch REAL")


def drop_optional_column(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE faces DROP COLUMN yaw")


def edit_database(folder: Path, change: Callable[[sqlite3.Connection], None]) -> None:
    db = sqlite3.connect(folder / "performers.db")
    change(db)
    db.commit()
    db.close()
    relist(folder, "performers.db")


def test_a_newer_column_is_a_warning_and_an_older_schema_is_none(folder: Path) -> None:
    edit_database(folder, drop_optional_column)
    assert not [w for w in verify_release(folder, limits=CLOSED).warnings if "performers.db" in w]

    edit_database(folder, add_column)
    assert any("pitch" in w for w in verify_release(folder, limits=CLOSED).warnings)


def drop_required_column(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE faces DROP COLUMN quality_score")


def add_trigger(db: sqlite3.Connection) -> None:
    db.execute("CREATE TRIGGER t AFTER INSERT ON faces BEGIN DELETE FROM performers; END")


def add_generated(db: sqlite3.Connection) -> None:
    db.execute("ALTER TABLE faces ADD COLUMN twice INTEGER GENERATED ALWAYS AS (facenet_index * 2) VIRTUAL")


def empty(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM performers")


@pytest.mark.parametrize(
    "change", [drop_required_column, add_trigger, add_generated, empty], ids=lambda f: f.__name__
)
def test_a_database_that_readers_fail_on_or_that_runs_code_is_refused(
    folder: Path, change: Callable[[sqlite3.Connection], None]
) -> None:
    edit_database(folder, change)

    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, limits=CLOSED)
    assert caught.value.reason is Reason.CORRUPT_DATABASE


def test_a_database_check_that_does_not_end_is_stopped(folder: Path) -> None:
    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, limits=Limits(sample=0, database_seconds=-1))

    assert (caught.value.reason, caught.value.found) == (Reason.CORRUPT_DATABASE, "interrupted")


def test_optional_files_are_checked_where_they_are(folder: Path) -> None:
    f32 = voyager.StorageDataType.Float32
    index_of(folder / "face_adaface.voy", 5, 512, f32)
    index_of(folder / "tattoo_embeddings.voy", 2, 1280, f32)
    (folder / "tattoo_embeddings.json").write_text('[null, {"universal_id": "stashdb.org:1"}]')

    verified = verify_release(folder, limits=CLOSED)
    assert {f.name for f in verified.files} > {n for n in OPTIONAL if n != "manifest.json.minisig"}
    assert any(
        "face_adaface.voy holds 5 vectors" in w and "Nothing queries it" in w for w in verified.warnings
    )

    (folder / "tattoo_embeddings.json").write_text("[null]")
    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, limits=CLOSED)
    assert (caught.value.reason, caught.value.expected, caught.value.found) == (
        Reason.COUNT_MISMATCH,
        "1",
        "2",
    )


def test_an_index_of_another_dimension_is_refused(folder: Path) -> None:
    faces = len(json.loads((folder / "faces.json").read_text()))
    index_of(folder / "face_arcface.voy", faces, 128, voyager.StorageDataType.Float32)
    relist(folder, "face_arcface.voy")

    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, limits=CLOSED)
    assert (caught.value.reason, caught.value.expected, caught.value.found) == (
        Reason.CORRUPT_INDEX,
        "512",
        "128",
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("faces.json", "{}"),
        ("faces.json", '["no colon"]'),
        ("faces.json", "[1]"),
        ("faces.json", "[" * 50_000),
        ("performers.json", '{"a:b": null}'),
        ("performers.json", '{"a:b": {"name": "x"}, "a:b": {"name": "y"}}'),
    ],
)
def test_a_map_that_the_sidecar_cannot_read_is_refused(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)

    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, limits=CLOSED)
    assert (caught.value.reason, caught.value.file) == (Reason.COUNT_MISMATCH, name)


def test_a_face_of_nobody_is_a_warning(folder: Path) -> None:
    faces = json.loads((folder / "faces.json").read_text())
    faces[0] = "stashdb.org:nobody"
    (folder / "faces.json").write_text(json.dumps(faces))

    assert any("1 of 63 entries of faces.json" in w for w in verify_release(folder, limits=CLOSED).warnings)


def test_a_link_in_place_of_a_file_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "faces.json").rename(tmp_path / "faces.json")
    (folder / "faces.json").symlink_to(tmp_path / "faces.json")

    with pytest.raises(WrongRelease) as caught:
        verify_release(folder, limits=CLOSED)
    assert caught.value.reason is Reason.UNEXPECTED_FILE
