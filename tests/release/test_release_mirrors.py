"""Several addresses, no ranges, a release before, limits: what moves, and what does not."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import make_release, rezip, with_changed_json, with_flipped_byte, with_raw_flip
from facedb_release import volume
from facedb_release.errors import Reason, ReleaseError
from facedb_release.fetching.fetch import fetch
from facedb_release.fetching.remote import Tally
from facedb_release.profiles import PROFILE
from facedb_release.progress import Phase
from facedb_release.sources.offers import Mirrors
from release_server import ReleaseServer

from .conftest import VERSION, Wanted


@pytest.fixture
def other(tmp_path: Path) -> Iterator[ReleaseServer]:
    """A second mirror."""
    with ReleaseServer(tmp_path / "other-root") as running:
        yield running


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of some 5 MB: several windows."""
    return make_release(
        tmp_path_factory.mktemp("mirrored"), VERSION, performers=600, compress=False, ef_construction=20
    )


def mirrors(*servers: ReleaseServer) -> Mirrors:
    return Mirrors(
        tuple(f"{s.url}/files/owner/data/v{VERSION}/stash-sense-data-v{VERSION}.zip" for s in servers)
    )


def files_of(archive: Path) -> dict[str, str]:
    with zipfile.ZipFile(archive) as z:
        return {name: hashlib.sha256(z.read(name)).hexdigest() for name in z.namelist()}


def test_a_mirror_that_dies_in_mid_file_is_replaced_by_the_next_which_sends_only_the_rest(
    server: ReleaseServer, other: ReleaseServer, wanted: Wanted, large: Path
) -> None:
    size = large.stat().st_size
    server.publish(large, tag=f"v{VERSION}")
    other.publish(large, tag=f"v{VERSION}")

    server.faults.dies_after = size // 2

    done = fetch(wanted(source=mirrors(server, other), connections=1))

    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(large)
    assert 0 < other.bytes_sent < 0.75 * size


def test_a_mirror_with_another_archive_never_mixes_in(
    server: ReleaseServer, other: ReleaseServer, wanted: Wanted, large: Path, good: Path
) -> None:
    server.publish(large, tag=f"v{VERSION}")
    other.publish(good, tag=f"v{VERSION}")

    server.faults.dies_after = large.stat().st_size // 2

    done = fetch(wanted(source=mirrors(server, other), connections=1))

    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(good)


def test_a_mirror_that_opens_and_dies_each_time_does_not_hide_the_next_with_another_archive(
    server: ReleaseServer, other: ReleaseServer, wanted: Wanted, large: Path, good: Path
) -> None:
    server.publish(large, tag=f"v{VERSION}")
    other.publish(good, tag=f"v{VERSION}")
    server.faults.cut_after, server.faults.cuts_left = 20_000, 10_000

    done = fetch(wanted(source=mirrors(server, other)))

    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(good)


def test_a_mirror_whose_bytes_are_wrong_is_passed_over(
    server: ReleaseServer, other: ReleaseServer, wanted: Wanted, good: Path
) -> None:
    server.publish(with_flipped_byte(good, "performers.db"), tag=f"v{VERSION}")
    other.publish(good, tag=f"v{VERSION}")

    done = fetch(wanted(source=mirrors(server, other)))

    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(good)


def test_without_ranges_the_zip_is_never_stored(server: ReleaseServer, wanted: Wanted, good: Path) -> None:
    server.publish(good, tag=f"v{VERSION}")
    server.faults.no_ranges = True
    seen: set[str] = set()

    def told(phase: Phase, done: int, total: int | None, file: str | None) -> None:
        partial = wanted().into / volume.PARTIAL
        seen.update(p.name for p in (partial.iterdir() if partial.exists() else ()))

    tally = Tally()
    done = fetch(wanted(source=mirrors(server)), progress=told, tally=tally)

    assert seen <= set(PROFILE.known)
    assert done.receipt.digest == "sha256:" + hashlib.sha256(good.read_bytes()).hexdigest()
    assert tally.received == good.stat().st_size


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda z: with_flipped_byte(z, "face_arcface.voy"), Reason.WRONG_CHECKSUM),
        (lambda z: rezip(z, {"run.sh": b"x"}, suffix="stranger"), Reason.UNEXPECTED_FILE),
        (lambda z: rezip(z, {"faces.json": None}, suffix="missing"), Reason.MISSING_FILE),
        (
            lambda z: with_changed_json(z, "manifest.json", lambda m: m | {"version": "2026.02.19"}),
            Reason.WRONG_VERSION,
        ),
    ],
    ids=["flipped byte", "stranger", "missing", "wrong version"],
)
def test_without_ranges_the_same_is_refused(
    server: ReleaseServer, wanted: Wanted, good: Path, damage, reason: Reason
) -> None:
    server.publish(damage(good), tag=f"v{VERSION}")
    server.faults.no_ranges = True

    with pytest.raises(ReleaseError) as caught:
        fetch(wanted(source=mirrors(server)))
    assert caught.value.reason is reason


def test_most_mistakes_are_found_before_anything_large_moves(
    server: ReleaseServer, wanted: Wanted, large: Path
) -> None:
    bad = with_changed_json(large, "manifest.json", lambda m: m | {"version": "2026.02.19"})
    server.publish(bad, tag=f"v{VERSION}")

    with pytest.raises(ReleaseError) as caught:
        fetch(wanted(source=mirrors(server)))
    assert caught.value.reason is Reason.WRONG_VERSION
    assert server.bytes_sent < 20_000


def test_an_update_moves_only_what_changed(
    server: ReleaseServer, wanted: Wanted, large: Path, tmp_path: Path
) -> None:
    server.publish(large, tag=f"v{VERSION}")
    old = fetch(wanted(source=mirrors(server), into=tmp_path / "old")).receipt
    new = with_changed_json(
        large, "performers.json", lambda people: {k: v | {"country": "FR"} for k, v in people.items()}
    )
    server.publish(new, tag=f"v{VERSION}")
    before = server.bytes_sent

    done = fetch(wanted(source=mirrors(server), previous=tmp_path / "old"))

    with zipfile.ZipFile(new) as z:
        changed = z.getinfo("performers.json").compress_size
    assert server.bytes_sent - before <= changed + 20_000
    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(new)
    assert len({f.sha256 for f in done.receipt.files} - {f.sha256 for f in old.files}) == 1
    assert done.receipt.digest.startswith("contents:sha256:")


def test_a_file_of_the_release_before_that_rotted_is_fetched_instead(
    server: ReleaseServer, wanted: Wanted, large: Path, tmp_path: Path
) -> None:
    server.publish(large, tag=f"v{VERSION}")
    fetch(wanted(source=mirrors(server), into=tmp_path / "old"))
    path = tmp_path / "old" / "face_arcface.voy"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    done = fetch(wanted(source=mirrors(server), previous=tmp_path / "old"))

    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(large)


def test_under_a_pinned_digest_every_byte_is_read_again(
    server: ReleaseServer, wanted: Wanted, large: Path, tmp_path: Path
) -> None:
    server.publish(large, tag=f"v{VERSION}")
    fetch(wanted(source=mirrors(server), into=tmp_path / "old"))
    before, digest = server.bytes_sent, "sha256:" + hashlib.sha256(large.read_bytes()).hexdigest()

    done = fetch(wanted(source=mirrors(server), previous=tmp_path / "old", digest=digest))

    assert done.receipt.digest == digest
    assert server.bytes_sent - before >= large.stat().st_size


def test_a_previous_release_that_is_none_is_no_obstacle(
    server: ReleaseServer, wanted: Wanted, good: Path, tmp_path: Path
) -> None:
    server.publish(good, tag=f"v{VERSION}")

    assert fetch(wanted(previous=tmp_path / "nothing")).receipt.version == VERSION


def test_a_crowded_server_is_asked_with_fewer_connections(
    server: ReleaseServer, wanted: Wanted, large: Path
) -> None:
    server.publish(large, tag=f"v{VERSION}")

    def told(phase: Phase, done: int, total: int | None, file: str | None) -> None:
        if phase is Phase.DOWNLOADING and not told.crowded and done > 1_000_000:  # type: ignore[attr-defined]
            told.crowded = True  # type: ignore[attr-defined]
            server.faults.fail_status, server.faults.retry_after, server.faults.fail_times = 429, "1", 2

    told.crowded = False  # type: ignore[attr-defined]
    done = fetch(wanted(source=mirrors(server)), progress=told)

    assert {f.name: f.sha256 for f in done.receipt.files} == files_of(large)


def test_a_bad_release_is_refused_after_one_download(
    server: ReleaseServer, wanted: Wanted, large: Path
) -> None:
    server.publish(with_raw_flip(large), tag=f"v{VERSION}")

    with pytest.raises(ReleaseError) as caught:
        fetch(wanted(source=mirrors(server)))
    assert caught.value.reason in (Reason.WRONG_CHECKSUM, Reason.WRONG_ARCHIVE)
    assert server.bytes_sent < 1.05 * large.stat().st_size
