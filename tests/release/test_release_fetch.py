"""`fetch` against a real HTTP server: what arrives, and the one word for each way in which it cannot."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builders import (
    make_release,
    rezip,
    with_changed_file,
    with_changed_json,
    with_extra_member,
    with_flipped_byte,
    with_raw_flip,
    without_member,
)
from facedb_release import volume
from facedb_release.contents import REQUIRED
from facedb_release.errors import ExitCode, NoSpace, Reason, ReleaseError
from facedb_release.fetch import fetch
from facedb_release.index import HEADER_BYTES
from facedb_release.receipt import NAME, read_receipt
from facedb_release.source import GitHub, Mirrors
from facedb_release.verify import Limits
from release_server import ReleaseServer

from .conftest import VERSION, Wanted


def digest_of(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def refused(request: Any) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        fetch(request)
    assert not (request.into / NAME).exists()
    return caught.value


def test_a_release_arrives_whole_with_a_receipt_that_says_so(
    published: ReleaseServer, wanted: Wanted, good: Path
) -> None:
    done = fetch(wanted(limits=Limits()))

    folder = wanted().into
    assert not done.already_there
    assert done.receipt.warnings == ()
    assert done.receipt == read_receipt(folder)
    assert sorted(p.name for p in folder.iterdir()) == sorted([*REQUIRED, NAME])
    assert done.receipt.digest == digest_of(good)
    assert (done.receipt.version, done.receipt.performer_count, done.receipt.face_count) == (VERSION, 30, 63)
    for record in done.receipt.files:
        assert digest_of(folder / record.name) == f"sha256:{record.sha256}"


def test_fetching_again_asks_nobody_and_changes_nothing(published: ReleaseServer, wanted: Wanted) -> None:
    fetch(wanted())
    asked, before = len(published.seen), (wanted().into / NAME).stat().st_mtime_ns

    again = fetch(wanted())

    assert again.already_there
    assert (len(published.seen), (wanted().into / NAME).stat().st_mtime_ns) == (asked, before)


def test_mirrors_are_tried_in_order_with_the_version_filled_in(
    published: ReleaseServer, wanted: Wanted
) -> None:
    base = f"{published.url}/files/owner/data/v{{version}}"
    urls = (f"{published.url}/files/nothing-{{version}}.zip", f"{base}/stash-sense-data-v{{version}}.zip")

    assert fetch(wanted(source=Mirrors(urls))).receipt.version == VERSION


def test_a_server_without_ranges_is_read_in_one_stream_with_the_same_guarantees(
    published: ReleaseServer, wanted: Wanted, good: Path
) -> None:
    published.faults.no_ranges = True

    assert fetch(wanted()).receipt.digest == digest_of(good)
    assert sorted(p.name for p in wanted().into.iterdir()) == sorted([*REQUIRED, NAME])


def test_a_private_repository_is_read_through_the_api_with_the_token(
    published: ReleaseServer, wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.faults.token = "secret"
    monkeypatch.setenv("FACEDB_TOKEN", "secret")

    assert fetch(wanted()).receipt.version == VERSION


def test_a_listed_optional_file_that_is_absent_is_only_a_warning(
    server: ReleaseServer, wanted: Wanted, tmp_path: Path
) -> None:
    archive = make_release(
        tmp_path / "made", VERSION, performers=10, absent=["face_adaface.voy"], list_maps=True
    )
    server.publish(archive, tag=f"v{VERSION}")

    (warning,) = fetch(wanted(limits=Limits())).receipt.warnings
    assert "face_adaface.voy" in warning


def test_a_pinned_digest_that_fits_is_accepted(published: ReleaseServer, wanted: Wanted, good: Path) -> None:
    assert fetch(wanted(digest=digest_of(good))).receipt.digest == digest_of(good)


@pytest.mark.parametrize("told_early", [True, False], ids=["the API says so", "known at the end"])
def test_a_pinned_digest_that_differs_is_refused(
    published: ReleaseServer, wanted: Wanted, told_early: bool
) -> None:
    published.faults.with_digests = told_early
    error = refused(wanted(digest="sha256:" + "0" * 64))

    assert (error.reason, error.permanent, error.expected) == (
        Reason.WRONG_DIGEST,
        True,
        "sha256:" + "0" * 64,
    )
    assert (published.bytes_sent == 0) is told_early


# --- wrong bytes, each by its word


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
        "face_arcface.voy",
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


# --- a source or a volume that does not do its part


def test_a_version_that_is_not_published_may_come_later(published: ReleaseServer, wanted: Wanted) -> None:
    error = refused(wanted(version="2026.03.01"))

    assert (error.reason, error.permanent, error.expected) == (Reason.VERSION_NOT_FOUND, False, "2026.03.01")
    assert error.exit_code is ExitCode.TRANSIENT


def test_a_release_without_the_asset_names_what_it_has_instead(
    published: ReleaseServer, wanted: Wanted
) -> None:
    error = refused(wanted(source=GitHub("owner/data", published.url, "other-{version}.zip")))

    assert (error.reason, error.permanent) == (Reason.ASSET_NOT_FOUND, False)
    assert error.expected == f"other-{VERSION}.zip"
    assert f"stash-sense-data-v{VERSION}.zip" in (error.found or "")


def test_a_rate_limit_says_until_when(published: ReleaseServer, wanted: Wanted) -> None:
    published.faults.rate_limited = True
    error = refused(wanted())

    assert (error.reason, error.permanent) == (Reason.SOURCE_FORBIDDEN, False)
    assert " UTC" in error.message
    assert "FACEDB_TOKEN" in error.message


def test_a_server_that_fails_at_first_is_asked_again(published: ReleaseServer, wanted: Wanted) -> None:
    published.faults.fail_times = 2

    assert fetch(wanted()).receipt.version == VERSION


def test_a_server_that_keeps_failing_is_given_up_on(published: ReleaseServer, wanted: Wanted) -> None:
    published.faults.fail_times = 1000
    error = refused(wanted())

    assert (error.reason, error.permanent) == (Reason.SOURCE_UNAVAILABLE, False)
    assert len(published.seen) == 3


def test_nobody_listening_is_a_source_that_is_unavailable(wanted: Wanted) -> None:
    error = refused(wanted(source=GitHub("owner/data", "http://127.0.0.1:9")))

    assert error.reason is Reason.SOURCE_UNAVAILABLE


def test_a_volume_that_is_too_small_is_told_before_a_byte_is_written(
    published: ReleaseServer, wanted: Wanted, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "MARGIN_BYTES", 1 << 60)
    error = refused(wanted())

    assert isinstance(error, NoSpace)
    assert error.exit_code is ExitCode.NO_SPACE
    assert published.bytes_sent < good.stat().st_size / 10
    assert not list((wanted().into / volume.PARTIAL).iterdir())


def test_a_folder_that_holds_another_release_is_left_alone(published: ReleaseServer, wanted: Wanted) -> None:
    fetch(wanted())
    before = {p.name: p.stat().st_mtime_ns for p in wanted().into.iterdir()}

    for other in (wanted(version="2026.03.01"), wanted(digest="sha256:" + "0" * 64)):
        with pytest.raises(ReleaseError) as caught:
            fetch(other)
        assert (caught.value.reason, caught.value.permanent) == (Reason.ANOTHER_RELEASE, True)
    assert {p.name: p.stat().st_mtime_ns for p in wanted().into.iterdir()} == before


def test_a_folder_with_files_of_other_origin_is_left_alone(published: ReleaseServer, wanted: Wanted) -> None:
    wanted().into.mkdir()
    (wanted().into / "performers.db").write_text("mine")

    assert refused(wanted()).reason is Reason.ANOTHER_RELEASE
    assert (wanted().into / "performers.db").read_text() == "mine"


def test_the_rests_of_a_broken_attempt_are_cleared_away(published: ReleaseServer, wanted: Wanted) -> None:
    folder = wanted().into
    (folder / volume.PARTIAL / "deep").mkdir(parents=True)
    (folder / volume.PARTIAL / "faces.json").write_text("half")
    (folder / "tattoo_embeddings.json").write_text("moved before the crash")

    fetch(wanted())

    assert sorted(p.name for p in folder.iterdir()) == sorted([*REQUIRED, NAME])


@pytest.mark.parametrize("damage", ["a file cut", "a file gone", "the receipt garbled"])
def test_a_release_that_was_damaged_at_rest_is_fetched_again(
    published: ReleaseServer, wanted: Wanted, damage: str
) -> None:
    fetch(wanted())
    folder = wanted().into
    match damage:
        case "a file cut":
            os.truncate(folder / "performers.db", 10)
        case "a file gone":
            (folder / "faces.json").unlink()
        case _:
            (folder / NAME).write_text("{")

    assert not fetch(wanted()).already_there
    assert read_receipt(folder).version == VERSION


def test_two_writers_never_share_a_folder(published: ReleaseServer, wanted: Wanted) -> None:
    with volume.writing(wanted().into):
        error = refused(wanted())

    assert (error.reason, error.permanent) == (Reason.VOLUME_UNAVAILABLE, False)


def test_a_folder_that_cannot_be_made_is_an_unavailable_volume(
    published: ReleaseServer, wanted: Wanted, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")

    assert refused(wanted(into=tmp_path / "file" / "into")).reason is Reason.VOLUME_UNAVAILABLE


def test_a_receipt_that_is_not_there_or_not_readable_has_its_own_word(tmp_path: Path) -> None:
    for text in (None, "", "[]", json.dumps({"version": 1})):
        if text is not None:
            (tmp_path / NAME).write_text(text)
        with pytest.raises(ReleaseError) as caught:
            read_receipt(tmp_path)
        assert caught.value.reason is Reason.INVALID_RECEIPT
