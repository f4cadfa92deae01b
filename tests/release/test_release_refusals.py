"""Wrong bytes from a real server are refused for good: each with its own word and the file it is about."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import (
    rezip,
    with_changed_file,
    with_changed_json,
    with_extra_member,
    with_flipped_byte,
    with_raw_flip,
    without_member,
)
from facedb_release.errors import ExitCode, Reason, ReleaseError
from facedb_release.fetching.fetch import fetch
from facedb_release.receipt import NAME
from facedb_release.verify.index import HEADER_BYTES
from facedb_release.verify.limits import Limits
from release_server import ReleaseServer

from .conftest import VERSION, Wanted


def refused(request: Any) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        fetch(request)
    assert not (request.into / NAME).exists()
    return caught.value


def other_database(change: Callable[[sqlite3.Connection], object]) -> Callable[[bytes], bytes]:
    def edit(content: bytes) -> bytes:
        db = sqlite3.connect(":memory:")
        db.deserialize(content)
        change(db)
        db.commit()
        changed = db.serialize()
        db.close()
        return changed

    return edit


def in_wal_mode(content: bytes) -> bytes:
    return content[:18] + b"\2\2" + content[20:]


def vacuumless_drop(db: sqlite3.Connection) -> None:
    db.execute("DROP TABLE aliases")


def endless_view(db: sqlite3.Connection) -> None:
    db.execute("DROP TABLE performers")
    db.execute(
        "CREATE VIEW performers AS WITH RECURSIVE n(id) AS "
        "(SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n"
    )


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def astray(content: bytes) -> bytes:
    """Let every link of the lowest level lead out of the graph: header and length stay right."""
    records = np.frombuffer(content, np.uint8).copy()
    count, record = struct.unpack_from("<2Q", content, 35)
    rows = records[HEADER_BYTES : HEADER_BYTES + count * record].reshape(count, record)
    rows[:, 4:100] = 0x7F
    return records.tobytes()


def nonsense(content: bytes) -> bytes:
    """Make every vector NaN: it opens and answers, with nonsense."""
    records = np.frombuffer(content, np.uint8).copy()
    count, record = struct.unpack_from("<2Q", content, 35)
    rows = records[HEADER_BYTES : HEADER_BYTES + count * record].reshape(count, record)
    rows[:, 100:-8] = np.frombuffer(np.float32("nan").tobytes() * 512, np.uint8)
    return records.tobytes()


def models(**changes: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda m: m | {"models": m["models"] | changes}


WRONG: dict[str, tuple[Reason, str | None, Callable[[Path], Path]]] = {
    "a flipped bit in an index": (
        Reason.WRONG_CHECKSUM,
        "face_facenet.voy",
        lambda z: with_flipped_byte(z, "face_facenet.voy"),
    ),
    "a flipped bit in the database": (
        Reason.WRONG_CHECKSUM,
        "performers.db",
        lambda z: with_flipped_byte(z, "performers.db"),
    ),
    "a missing file": (Reason.MISSING_FILE, "faces.json", lambda z: without_member(z, "faces.json")),
    "a stranger": (
        Reason.UNEXPECTED_FILE,
        "stash_sense.db",
        lambda z: with_extra_member(z, "stash_sense.db"),
    ),
    "a way out": (Reason.UNSAFE_ARCHIVE, "../x", lambda z: with_extra_member(z, "../x")),
    "no zip": (
        Reason.WRONG_ARCHIVE,
        None,
        lambda z: replaced(z, b"<html>not here</html>" * 500),
    ),
    "a manifest that is none": (
        Reason.INVALID_MANIFEST,
        "manifest.json",
        lambda z: rezip(z, {"manifest.json": b"[]"}, suffix="m"),
    ),
    "another version inside": (
        Reason.WRONG_VERSION,
        "manifest.json",
        lambda z: with_changed_json(z, "manifest.json", lambda m: m | {"version": "2026.02.12"}),
    ),
    "a face too few": (
        Reason.COUNT_MISMATCH,
        "faces.json",
        lambda z: with_changed_json(z, "faces.json", lambda f: f[:-1]),
    ),
    "a performer too few": (
        Reason.COUNT_MISMATCH,
        "performers.json",
        lambda z: with_changed_json(z, "performers.json", lambda p: dict(list(p.items())[1:])),
    ),
    "counts that agree but not with the indices": (
        Reason.COUNT_MISMATCH,
        "face_facenet.voy",
        lambda z: with_changed_json(
            with_changed_json(z, "faces.json", lambda f: [*f, None]),
            "manifest.json",
            lambda m: m | {"face_count": m["face_count"] + 1},
        ),
    ),
    "an older pipeline": (
        Reason.INCOMPATIBLE_PIPELINE,
        "manifest.json",
        lambda z: with_changed_json(z, "manifest.json", models(detector="yolov8")),
    ),
    "no flip averaging": (
        Reason.INCOMPATIBLE_PIPELINE,
        "manifest.json",
        lambda z: with_changed_json(z, "manifest.json", models(flip_averaging=None)),
    ),
    "a database in WAL mode": (
        Reason.CORRUPT_DATABASE,
        "performers.db",
        lambda z: with_changed_file(z, "performers.db", in_wal_mode),
    ),
    "a database cut short": (
        Reason.CORRUPT_DATABASE,
        "performers.db",
        lambda z: with_changed_file(z, "performers.db", cut),
    ),
    "a database without a table": (
        Reason.CORRUPT_DATABASE,
        "performers.db",
        lambda z: with_changed_file(z, "performers.db", other_database(vacuumless_drop)),
    ),
    "a table that is an endless view": (
        Reason.CORRUPT_DATABASE,
        "performers.db",
        lambda z: with_changed_file(z, "performers.db", other_database(endless_view)),
    ),
    "an index cut short": (
        Reason.CORRUPT_INDEX,
        "face_arcface.voy",
        lambda z: with_changed_file(z, "face_arcface.voy", cut),
    ),
    "an index whose links lead nowhere": (
        Reason.CORRUPT_INDEX,
        "face_arcface.voy",
        lambda z: with_changed_file(z, "face_arcface.voy", astray),
    ),
    "an index whose vectors are no numbers": (
        Reason.CORRUPT_INDEX,
        "face_facenet.voy",
        lambda z: with_changed_file(z, "face_facenet.voy", nonsense),
    ),
}


def replaced(archive: Path, content: bytes) -> Path:
    target = archive.parent / "replaced" / archive.name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    return target


@pytest.mark.parametrize(("reason", "file", "damage"), WRONG.values(), ids=WRONG.keys())
def test_wrong_bytes_are_refused_for_good_with_the_reason_and_the_file(
    server: ReleaseServer,
    wanted: Wanted,
    good: Path,
    tmp_path: Path,
    reason: Reason,
    file: str | None,
    damage: Callable[[Path], Path],
) -> None:
    here = tmp_path / "made" / good.name
    here.parent.mkdir()
    here.hardlink_to(good)
    server.publish(damage(here), tag=f"v{VERSION}")

    error = refused(wanted(limits=Limits()))

    assert (error.reason, error.file) == (reason, file)
    assert (error.permanent, error.exit_code) == (True, ExitCode.PERMANENT)


def test_a_bit_flipped_in_the_zip_itself_is_refused(
    server: ReleaseServer, wanted: Wanted, good: Path, tmp_path: Path
) -> None:
    server.publish(with_raw_flip(good, out=tmp_path / "made" / good.name), tag=f"v{VERSION}")

    assert refused(wanted()).reason in (Reason.WRONG_CHECKSUM, Reason.WRONG_ARCHIVE)
