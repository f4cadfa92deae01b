"""A fetch into a folder that holds another release: what is the same stays on the disk, the rest is moved."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from builders import rezip
from facedb_release import volume
from facedb_release.errors import NoSpace, Reason, ReleaseError
from facedb_release.fetching.fetch import fetch
from facedb_release.fetching.remote import Tally
from facedb_release.publish.in_use import hold
from facedb_release.receipt import NAME, read_receipt
from facedb_release.sources.offers import Folder
from release_folder import files_of, held_in, two_releases
from release_server import ReleaseServer

from .conftest import NEXT, VERSION, Wanted, unpacked

SAME = ("face_facenet.voy", "face_arcface.voy", "faces.json")


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The archives of two releases that share their indices."""
    return two_releases(tmp_path_factory.mktemp("two"), VERSION, NEXT)


@pytest.fixture
def held(server: ReleaseServer, wanted: Wanted, two: tuple[Path, Path]) -> Path:
    """The folder, which holds the older one; both are published."""
    for archive, version in zip(two, (VERSION, NEXT), strict=True):
        server.publish(archive, tag=f"v{version}")
    fetch(wanted())
    return wanted().into


def inodes(folder: Path) -> dict[str, int]:
    return {name: (folder / name).stat().st_ino for name in SAME}


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if not p.name.startswith(".facedb-")}


def refused(wanted: object) -> ReleaseError:
    with pytest.raises(ReleaseError) as caught:
        fetch(wanted)  # type: ignore[arg-type]
    return caught.value


def test_what_is_the_same_is_kept_by_its_very_inode_and_only_the_rest_is_moved(
    server: ReleaseServer, wanted: Wanted, two: tuple[Path, Path], held: Path
) -> None:
    before, sent, tally = inodes(held), server.bytes_sent, Tally()
    done = fetch(wanted(version=NEXT), tally=tally)

    assert held_in(held) == NEXT == done.receipt.version
    assert contents(held) == files_of(two[1])
    assert inodes(held) == before
    assert not (held / volume.ASIDE).exists()
    assert not (held / volume.PARTIAL).exists()
    changed = {n: c for n, c in files_of(two[1]).items() if n not in SAME}
    assert tally.received <= sum(map(len, changed.values())) + 10_000 < two[1].stat().st_size
    assert server.bytes_sent - sent <= tally.received + 2


def test_it_goes_back_in_the_same_way(wanted: Wanted, two: tuple[Path, Path], held: Path) -> None:
    before = inodes(held)
    fetch(wanted(version=NEXT))
    fetch(wanted())

    assert held_in(held) == VERSION
    assert contents(held) == files_of(two[0])
    assert inodes(held) == before
    assert fetch(wanted()).already_there


def test_a_file_that_changed_at_rest_is_not_taken(wanted: Wanted, two: tuple[Path, Path], held: Path) -> None:
    path = held / "face_arcface.voy"
    with path.open("r+b") as f:
        f.seek(1000)
        f.write(b"rotten")

    fetch(wanted(version=NEXT))
    assert contents(held) == files_of(two[1])


@pytest.mark.parametrize("flaw", ["cut", "gone"])
def test_an_old_release_that_is_not_whole_gives_what_is_left_of_it(
    wanted: Wanted, two: tuple[Path, Path], held: Path, flaw: str
) -> None:
    before = inodes(held)
    if flaw == "cut":
        os.truncate(held / "performers.db", 10)
    else:
        (held / "performers.db").unlink()

    fetch(wanted(version=NEXT))
    assert contents(held) == files_of(two[1])
    assert inodes(held) == before


def test_no_room_for_unchanged_files_is_asked_for(
    wanted: Wanted, two: tuple[Path, Path], held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(two[1])
    changed = sum(len(c) for n, c in files.items() if n not in SAME)
    freed = sum(len(c) for n, c in files_of(two[0]).items() if n not in SAME)
    asked: list[int] = []
    monkeypatch.setattr(volume, "require_space", lambda folder, needed: asked.append(needed))

    fetch(wanted(version=NEXT))
    assert asked == [changed - freed]


def test_too_little_room_is_told_while_the_old_release_is_still_whole(
    wanted: Wanted, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume, "MARGIN_BYTES", 1 << 60)

    assert refused(wanted(version=NEXT)).reason is Reason.NO_SPACE
    assert held_in(held) == VERSION


def test_what_shows_before_the_files_move_leaves_the_old_release_as_it_is(
    server: ReleaseServer, wanted: Wanted, two: tuple[Path, Path], held: Path, tmp_path: Path
) -> None:
    # Its manifest names another version.
    shutil.copy(two[0], tmp_path / two[1].name)
    server.publish(tmp_path / two[1].name, tag=f"v{NEXT}")

    assert refused(wanted(version=NEXT)).reason is Reason.WRONG_VERSION
    assert held_in(held) == VERSION
    assert fetch(wanted()).already_there


def test_a_sidecar_that_reads_it_is_not_disturbed(wanted: Wanted, held: Path) -> None:
    with hold(held):
        error = refused(wanted(version=NEXT))
    assert (error.reason, error.permanent) == (Reason.IN_USE, False)
    assert held_in(held) == VERSION

    with (held / "performers.db").open("rb"):
        command = [
            sys.executable,
            "-c",
            f"f = open({str(held / 'faces.json')!r}); print(1, flush=True); input()",
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
            assert reader.stdout is not None
            reader.stdout.readline()
            assert refused(wanted(version=NEXT)).reason is Reason.IN_USE
    assert held_in(held) == VERSION


def test_a_refused_release_leaves_what_it_took_for_the_next(
    server: ReleaseServer, wanted: Wanted, two: tuple[Path, Path], held: Path
) -> None:
    before = inodes(held)
    bad = rezip(two[1], {"performers.db": b"not the listed one"}, suffix="bad")
    server.publish(bad, tag=f"v{NEXT}")
    assert refused(wanted(version=NEXT)).reason is Reason.WRONG_CHECKSUM
    assert held_in(held) is None

    sent = server.bytes_sent
    fetch(wanted())
    assert held_in(held) == VERSION
    assert inodes(held) == before
    assert server.bytes_sent - sent < two[0].stat().st_size / 2


def test_a_pinned_digest_brings_every_byte_anew_without_room_for_both(
    server: ReleaseServer, wanted: Wanted, two: tuple[Path, Path], held: Path
) -> None:
    for archive, version in ((two[1], NEXT), (two[0], VERSION)):
        digest = "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()
        done = fetch(wanted(version=version, digest=digest))
        assert (held_in(held), done.receipt.digest, done.already_there) == (version, digest, False)
        assert contents(held) == files_of(archive)


def test_the_same_version_under_another_digest_is_brought_anew(
    wanted: Wanted, two: tuple[Path, Path], held: Path, server: ReleaseServer
) -> None:
    fetch(wanted(version=NEXT))
    assert read_receipt(held).digest.startswith("contents:")

    digest = "sha256:" + hashlib.sha256(two[1].read_bytes()).hexdigest()
    fetch(wanted(version=NEXT, digest=digest))
    assert (held_in(held), read_receipt(held).digest) == (NEXT, digest)


def test_a_server_without_ranges_replaces_all_of_it(
    server: ReleaseServer, wanted: Wanted, two: tuple[Path, Path], held: Path
) -> None:
    server.faults.no_ranges = True

    fetch(wanted(version=NEXT))
    assert held_in(held) == NEXT
    assert contents(held) == files_of(two[1])


def test_an_unpacked_release_replaces_it_once_its_manifest_is_right(
    wanted: Wanted, two: tuple[Path, Path], held: Path, tmp_path: Path
) -> None:
    source = Folder(unpacked(two[1], tmp_path / "mounted"))
    assert refused(wanted(version="2027.01.01", source=source)).reason is Reason.WRONG_VERSION
    assert held_in(held) == VERSION

    fetch(wanted(version=NEXT, source=source))
    assert held_in(held) == NEXT
    assert contents(held) == files_of(two[1])


def test_a_previous_release_elsewhere_gives_what_the_folder_lacks(
    server: ReleaseServer, wanted: Wanted, two: tuple[Path, Path], held: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    fetch(wanted(version=NEXT, into=other))
    sent = server.bytes_sent

    fetch(wanted(version=NEXT, previous=other))
    assert held_in(held) == NEXT
    # All but the manifest, which is read first.
    assert server.bytes_sent - sent < 10_000


def test_a_folder_is_not_its_own_previous_release(wanted: Wanted, two: tuple[Path, Path], held: Path) -> None:
    fetch(wanted(version=NEXT, previous=held))
    assert contents(held) == files_of(two[1])


# --- patches


@pytest.fixture
def patched(server: ReleaseServer, wanted: Wanted, pair: tuple[Path, Path, Path]) -> Path:
    """The folder with the older release of a pair; the newer one and the patch are published."""
    server.publish(pair[0], tag=f"v{VERSION}")
    server.publish(pair[1], tag=f"v{NEXT}")
    server.publish(pair[2], tag=f"v{NEXT}")
    fetch(wanted())
    return wanted().into


def test_the_old_files_are_what_a_patch_starts_from(
    server: ReleaseServer, wanted: Wanted, pair: tuple[Path, Path, Path], patched: Path
) -> None:
    sent = server.bytes_sent
    fetch(wanted(version=NEXT))

    assert held_in(patched) == NEXT
    assert contents(patched) == files_of(pair[1])
    assert server.bytes_sent - sent <= pair[2].stat().st_size + 20_000 < pair[1].stat().st_size


def test_without_room_for_both_the_full_archive_comes(
    server: ReleaseServer,
    wanted: Wanted,
    pair: tuple[Path, Path, Path],
    patched: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = 1.05 * sum(map(len, files_of(pair[1]).values()))
    sent = server.bytes_sent

    def require(folder: Path, needed: int) -> None:
        used = sum(p.stat().st_size for p in patched.rglob("*") if p.is_file())
        if used + needed > room:
            raise NoSpace("the volume is as large as one release")

    monkeypatch.setattr(volume, "require_space", require)
    fetch(wanted(version=NEXT))
    assert contents(patched) == files_of(pair[1])
    assert server.bytes_sent - sent > pair[2].stat().st_size


def test_a_patch_that_fails_leaves_the_old_files_for_the_full_archive(
    server: ReleaseServer, wanted: Wanted, two: tuple[Path, Path], held: Path, pair: tuple[Path, Path, Path]
) -> None:
    before = inodes(held)
    # The patch of two other releases: what it starts from is not here.
    server.publish(pair[2], tag=f"v{NEXT}")

    fetch(wanted(version=NEXT))
    assert contents(held) == files_of(two[1])
    assert inodes(held) == before


def test_other_files_in_the_folder_are_still_nobodys_to_touch(wanted: Wanted, held: Path) -> None:
    (held / "notes.txt").write_text("mine")

    assert refused(wanted(version=NEXT)).reason is Reason.ANOTHER_RELEASE
    assert (held_in(held), (held / NAME).exists()) == (VERSION, True)
