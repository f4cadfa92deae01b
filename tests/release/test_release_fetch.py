"""`fetch` against a real HTTP server: what arrives, and the one word for each way in which it cannot."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from builders import (
    make_release,
)
from facedb_release import volume
from facedb_release.errors import ExitCode, NoSpace, Reason, ReleaseError
from facedb_release.fetching.fetch import fetch
from facedb_release.profiles import REQUIRED
from facedb_release.receipt import NAME, read_receipt
from facedb_release.sources.offers import GitHub, Mirrors
from facedb_release.verify.limits import Limits
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


def test_a_ca_bundle_that_cannot_be_read_is_named(published: ReleaseServer, wanted: Wanted) -> None:
    error = refused(wanted(ca_bundle=Path(__file__)))

    assert error.reason is Reason.SOURCE_UNAVAILABLE
    assert Path(__file__).name in error.message


def test_a_volume_that_is_too_small_is_told_before_a_byte_is_written(
    published: ReleaseServer, wanted: Wanted, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "MARGIN_BYTES", 1 << 60)
    error = refused(wanted())

    assert isinstance(error, NoSpace)
    assert error.exit_code is ExitCode.NO_SPACE
    assert published.bytes_sent < good.stat().st_size / 10
    assert not list((wanted().into / volume.PARTIAL).iterdir())


def test_a_folder_that_holds_another_release_stays_as_it_is_while_the_new_one_is_not_to_be_had(
    published: ReleaseServer, wanted: Wanted
) -> None:
    fetch(wanted())
    before = {p.name: p.stat().st_mtime_ns for p in wanted().into.iterdir()}

    for other, reason in (
        (wanted(version="2026.03.01"), Reason.VERSION_NOT_FOUND),
        (wanted(digest="sha256:" + "0" * 64), Reason.WRONG_DIGEST),
    ):
        with pytest.raises(ReleaseError) as caught:
            fetch(other)
        assert caught.value.reason is reason
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
