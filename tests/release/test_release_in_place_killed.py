"""A kill at every step of a fetch in place: the folder never lies, and the next fetch gets what it wants."""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import make_release, rezip
from facedb_release import volume
from facedb_release.errors import Reason, WrongRelease
from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.patches.plan import patch_archive_name
from facedb_release.patches.publish import make_patch_archive
from facedb_release.receipt import NAME
from facedb_release.sources.github import GitHub
from facedb_release.transport import Patience
from facedb_release.verify.limits import Limits
from facedb_release.version import parse_version
from release_folder import Killed, dying_before, files_of, held_in, two_releases
from release_server import ReleaseServer

from .conftest import NEXT, VERSION, unpacked

MANY = 1_000_000
Request = Callable[[Path, str], FetchRequest]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = two_releases(tmp_path_factory.mktemp("two"), VERSION, NEXT)
    return dict(zip((VERSION, NEXT), made, strict=True))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, two: dict[str, Path]) -> Iterator[ReleaseServer]:
    with ReleaseServer(tmp_path_factory.mktemp("served")) as running:
        for version, archive in two.items():
            running.publish(archive, tag=f"v{version}")
        yield running


@pytest.fixture(scope="module")
def request_of(both: ReleaseServer) -> Request:
    patience = Patience(connect_seconds=60, stall_seconds=60, attempts=2, wait=lambda _: None)

    def make(into: Path, version: str) -> FetchRequest:
        source = GitHub("owner/data", both.url)
        return FetchRequest(into, parse_version(version), source, patience=patience, limits=Limits(sample=0))

    return make


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, request_of: Request) -> Path:
    """A folder with the older release, to be copied."""
    folder = tmp_path_factory.mktemp("first") / "into"
    fetch(request_of(folder, VERSION))
    return folder


def killed(step: int, wanted: FetchRequest) -> bool:
    """Fetch, and die before this step; whether it came to that."""
    with dying_before(step, wanted.into):
        try:
            fetch(wanted)
        except Killed:
            return True
    return False


def steps_of(first: Path, wanted: FetchRequest) -> int:
    shutil.copytree(first, wanted.into)
    with dying_before(MANY, wanted.into) as counted:
        fetch(wanted)
    return counted.steps


def must_hold(into: Path, version: str, two: dict[str, Path]) -> None:
    """The folder holds this release, and nothing is left of any other."""
    assert held_in(into) == version
    there = {p.name: p.read_bytes() for p in into.iterdir() if not p.name.startswith(".facedb-")}
    assert there == files_of(two[version])
    assert {p.name for p in into.iterdir() if p.name.startswith(".facedb-")} <= {NAME, ".facedb-in-use"}


@pytest.mark.parametrize("then", [NEXT, VERSION])
def test_a_kill_before_any_step_is_made_good_by_the_next_fetch(
    first: Path, request_of: Request, two: dict[str, Path], both: ReleaseServer, tmp_path: Path, then: str
) -> None:
    steps = steps_of(first, request_of(tmp_path / "counted", NEXT))
    assert steps > 20
    # Each second step here, the others for the other wish; the property below mixes them all.
    for step in range(0 if then == NEXT else 1, steps, 2):
        into = tmp_path / str(step)
        shutil.copytree(first, into)
        assert killed(step, request_of(into, NEXT))
        assert held_in(into) in (None, VERSION, NEXT)

        sent = both.bytes_sent
        fetch(request_of(into, then))
        must_hold(into, then, two)
        # The indices, most of it, never come again.
        assert both.bytes_sent - sent < 0.5 * two[then].stat().st_size, step
        shutil.rmtree(into)


@given(
    kills=st.lists(st.tuples(st.integers(0, 70), st.sampled_from([VERSION, NEXT])), max_size=4),
    last=st.sampled_from([VERSION, NEXT]),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_wanted_and_killed_before_the_last_fetch_gets_what_it_wants(
    first: Path,
    request_of: Request,
    two: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    kills: list[tuple[int, str]],
    last: str,
) -> None:
    into = tmp_path_factory.mktemp("run") / "into"
    shutil.copytree(first, into)
    for step, wish in kills:
        killed(step, request_of(into, wish))
        # It claims nothing that it does not hold, at any time.
        assert held_in(into) is not None or not (into / NAME).exists()

    fetch(request_of(into, last))
    must_hold(into, last, two)
    shutil.rmtree(into.parent)


def test_a_pin_is_held_against_every_byte_also_after_a_killed_fetch_without_one(
    first: Path,
    request_of: Request,
    two: dict[str, Path],
    both: ReleaseServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nobody but the bytes says what the digest is.
    monkeypatch.setattr(both.faults, "with_digests", False)
    steps = steps_of(first, request_of(tmp_path / "counted", NEXT))
    right, wrong = (hashlib.sha256(two[v].read_bytes()).hexdigest() for v in (NEXT, VERSION))
    for step in range(steps // 3, steps, 9):
        into = tmp_path / str(step)
        shutil.copytree(first, into)
        assert killed(step, request_of(into, NEXT))

        with pytest.raises(WrongRelease) as caught:
            fetch(replace(request_of(into, NEXT), digest=f"sha256:{wrong}"))
        assert caught.value.reason is Reason.WRONG_DIGEST
        assert held_in(into) is None
        done = fetch(replace(request_of(into, NEXT), digest=f"sha256:{right}"))
        assert done.receipt.digest == f"sha256:{right}"
        must_hold(into, NEXT, two)


def test_a_kill_while_the_verified_files_move_to_their_places_costs_none_of_them(
    request_of: Request, two: dict[str, Path], both: ReleaseServer, tmp_path: Path
) -> None:
    with dying_before(MANY, tmp_path / "counted") as counted:
        fetch(request_of(tmp_path / "counted", NEXT))
    halfway = 0
    for step in range(counted.steps - 16, counted.steps):
        into = tmp_path / str(step)
        assert killed(step, request_of(into, NEXT))
        moved, sent = (into / "face_arcface.voy").exists(), both.bytes_sent
        claimed = held_in(into)
        fetch(request_of(into, NEXT))
        must_hold(into, NEXT, two)
        if moved and claimed is None:
            halfway += 1
            # The directory and the manifest.
            assert both.bytes_sent - sent < 10_000
    assert halfway


def test_a_kill_while_a_patch_is_applied_loses_none_of_the_old_files(
    both: ReleaseServer, request_of: Request, first: Path, two: dict[str, Path], tmp_path: Path
) -> None:
    old = rezip(two[VERSION], {}, suffix="plain")
    name = patch_archive_name(two[NEXT].name, parse_version(VERSION))
    patch = tmp_path / name
    make_patch_archive(unpacked(old, tmp_path / "a"), unpacked(two[NEXT], tmp_path / "b"), patch)
    target = both.publish(patch, tag=f"v{NEXT}")
    try:
        steps = steps_of(first, request_of(tmp_path / "counted", NEXT))
        for step in range(0, steps, 3):
            into = tmp_path / str(step)
            shutil.copytree(first, into)
            assert killed(step, request_of(into, NEXT))
            held_in(into)
            sent = both.bytes_sent
            fetch(request_of(into, NEXT))
            must_hold(into, NEXT, two)
            assert both.bytes_sent - sent < 0.5 * two[NEXT].stat().st_size, step
            shutil.rmtree(into)
    finally:
        target.unlink()


def test_a_real_kill_in_mid_download_keeps_what_was_kept(tmp_path: Path, server: ReleaseServer) -> None:
    folder = tmp_path / "made"
    old = make_release(folder, VERSION, performers=300, ef_construction=20)
    # Both indices and the names are the same.
    kept = ("face_facenet.voy", "face_arcface.voy", "faces.json")
    new = make_release(folder, NEXT, performers=300, ef_construction=20)
    assert all(files_of(old)[n] == files_of(new)[n] for n in kept)
    for archive, version in ((old, VERSION), (new, NEXT)):
        server.publish(archive, tag=f"v{version}")
    into = tmp_path / "into"
    words = [sys.executable, "-m", "facedb_release", "fetch", "--into", str(into), "--github", "owner/data"]
    words += ["--api-url", server.url, "--version"]
    assert subprocess.run([*words, VERSION], capture_output=True, check=False).returncode == 0
    before = {n: (into / n).stat().st_ino for n in kept}

    server.faults.bytes_per_second, sent = 20_000, server.bytes_sent
    process = subprocess.Popen([*words, NEXT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (into / volume.ASIDE).exists() and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (into / NAME).exists()
    server.faults.bytes_per_second = None

    assert subprocess.run([*words, NEXT], capture_output=True, check=False).returncode == 0
    assert held_in(into) == NEXT
    assert {n: (into / n).stat().st_ino for n in kept} == before
    assert server.bytes_sent - sent < 0.5 * new.stat().st_size
    for name, content in files_of(new).items():
        assert hashlib.sha256((into / name).read_bytes()).digest() == hashlib.sha256(content).digest()
