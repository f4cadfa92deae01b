"""A link that cuts, stalls, drips and lies: the release arrives once and whole, or not at all."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from builders import make_release
from facedb_release.errors import Reason, ReleaseError
from facedb_release.fetching.fetch import fetch
from facedb_release.fetching.remote import Tally
from facedb_release.receipt import NAME
from facedb_release.transport import Patience
from release_server import ReleaseServer

from .conftest import VERSION, Wanted


@pytest.mark.parametrize("part", [0.02, 0.5, 0.99])
def test_a_cut_is_resumed_where_it_happened(
    published: ReleaseServer, wanted: Wanted, good: Path, part: float
) -> None:
    size = good.stat().st_size
    published.faults.cut_after, published.faults.cuts_left = int(size * part), 1
    tally = Tally()

    fetch(wanted(), tally=tally)

    assert published.faults.cuts_left == 0
    assert max(published.bytes_sent, tally.received) <= 1.1 * size
    assert sum(1 for s in published.seen if s.status == 206 and (s.range or "").endswith(f"-{size - 1}")) == 3


def test_a_link_that_cuts_again_and_again_still_brings_it_as_long_as_it_moves(
    server: ReleaseServer, wanted: Wanted, tmp_path: Path
) -> None:
    archive = make_release(tmp_path / "made", VERSION, performers=100, compress=False)
    server.publish(archive, tag=f"v{VERSION}")
    server.faults.cut_after, server.faults.cuts_left = 80_000, 100

    fetch(wanted())

    assert server.faults.cuts_left < 95
    assert server.bytes_sent <= 1.1 * archive.stat().st_size


def impatient(wanted: Wanted) -> Patience:
    """For servers that do stall: with others, a busy machine would."""
    return replace(wanted().patience, stall_seconds=0.3)


def test_a_stall_is_cut_and_resumed(published: ReleaseServer, wanted: Wanted, good: Path) -> None:
    published.faults.stall_after, published.faults.stalls_left = 100_000, 1

    fetch(wanted(patience=impatient(wanted)))

    assert published.bytes_sent <= 1.1 * good.stat().st_size


def test_a_source_that_only_stalls_is_given_up_on(published: ReleaseServer, wanted: Wanted) -> None:
    published.faults.stall_after, published.faults.stalls_left = 10_000, 1000

    with pytest.raises(ReleaseError) as caught:
        fetch(wanted(patience=impatient(wanted)))
    assert caught.value.reason is Reason.SOURCE_UNAVAILABLE


def test_a_drip_counts_as_a_stall(published: ReleaseServer, wanted: Wanted) -> None:
    published.faults.bytes_per_second = 2000
    patience = replace(impatient(wanted), attempts=2)

    with pytest.raises(ReleaseError) as caught:
        fetch(wanted(patience=patience))
    assert "stalled" in caught.value.message


def test_an_asset_replaced_in_the_middle_is_read_again_from_zero_and_never_mixed(
    server: ReleaseServer, wanted: Wanted, good: Path, tmp_path: Path
) -> None:
    other = make_release(tmp_path / "other", VERSION, performers=30, seed=7)
    server.publish(good, tag=f"v{VERSION}")
    server.faults.cut_after, server.faults.cuts_left = 100_000, 1
    server.faults.with_digests = False

    def swap(_: float) -> None:
        server.publish(other, tag=f"v{VERSION}")

    done = fetch(wanted(patience=replace(wanted().patience, wait=swap)))

    with zipfile.ZipFile(other) as z:
        assert {f.name: f.sha256 for f in done.receipt.files} == {
            name: hashlib.sha256(z.read(name)).hexdigest() for name in z.namelist()
        }


def test_an_asset_that_keeps_changing_is_given_up_on(published: ReleaseServer, wanted: Wanted) -> None:
    published.faults.cut_after, published.faults.cuts_left = 100_000, 1000

    def change(_: float) -> None:
        published.faults.etag_suffix += "x"

    with pytest.raises(ReleaseError) as caught:
        fetch(wanted(patience=replace(wanted().patience, wait=change)))
    assert (caught.value.reason, caught.value.permanent) == (Reason.SOURCE_UNAVAILABLE, False)
    assert not (wanted().into / NAME).exists()


def test_a_server_that_forgets_ranges_in_the_middle_is_not_mixed_in(
    published: ReleaseServer, wanted: Wanted
) -> None:
    published.faults.cut_after, published.faults.cuts_left = 100_000, 1

    def forget(_: float) -> None:
        published.faults.no_ranges = True

    assert fetch(wanted(patience=replace(wanted().patience, wait=forget))).receipt.version == VERSION


def test_a_server_that_answers_another_range_is_refused(published: ReleaseServer, wanted: Wanted) -> None:
    published.faults.wrong_range = True

    with pytest.raises(ReleaseError) as caught:
        fetch(wanted())
    assert caught.value.reason is Reason.SOURCE_UNAVAILABLE


def test_a_signed_url_that_has_run_out_is_resolved_again(
    server: ReleaseServer, wanted: Wanted, good: Path
) -> None:
    server.publish(good, tag=f"v{VERSION}")
    with ReleaseServer(server.root) as storage:
        server.storage = storage
        storage.faults.cut_after, storage.faults.cuts_left = 100_000, 1

        def void(_: float) -> None:
            server.secret = storage.secret = b"new"

        assert fetch(wanted(patience=replace(wanted().patience, wait=void))).receipt.version == VERSION


def test_a_wish_to_wait_is_heard_up_to_a_limit(published: ReleaseServer, wanted: Wanted) -> None:
    published.faults.fail_times, published.faults.retry_after = 2, "7"
    waits: list[float] = []
    patience = replace(wanted().patience, wait=waits.append, max_wait_seconds=10.0)

    fetch(wanted(patience=patience))

    assert waits == [7.0, 7.0]
