"""kill -9 in the middle of a fetch: the next process goes on where the last one stopped, with every check."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import make_release
from facedb_release import volume
from facedb_release.fetching.fetch import fetch
from facedb_release.receipt import NAME, read_receipt
from facedb_release.sources.offers import Mirrors
from release_server import ReleaseServer

from .conftest import VERSION, Wanted

MIB = 1 << 20


@pytest.fixture(scope="module", params=[True, False], ids=["deflated", "stored"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of some 17 MB: several windows and marks for each index."""
    folder = tmp_path_factory.mktemp("large")
    return make_release(
        folder, VERSION, performers=2000, faces_per_performer=2, compress=request.param, ef_construction=20
    )


class Killed:
    """`facedb fetch`, killed once the server has sent this much, and it has noted something.

    What was sent may still be on its way to a process that gets no processor: that is lost, and says nothing.
    """

    def __init__(self, server: ReleaseServer, into: Path, *more: str) -> None:
        url = f"{server.url}/files/owner/data/v{VERSION}/stash-sense-data-v{VERSION}.zip"
        self.command = [sys.executable, "-m", "facedb_release", "fetch", "--into", str(into)]
        self.command += ["--version", VERSION, "--http", url, *more]
        self.server = server
        self.journal = into / volume.JOURNAL

    def after(self, sent: int) -> None:
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 240
        try:
            while process.poll() is None and not (self.server.bytes_sent >= sent and self.journal.exists()):
                assert time.monotonic() < until, "the server was not asked"
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


@pytest.fixture
def slow(server: ReleaseServer, large: Path) -> Iterator[ReleaseServer]:
    server.publish(large, tag=f"v{VERSION}")
    server.faults.bytes_per_second = 6 * MIB
    yield server
    server.faults.bytes_per_second = None


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_killed_fetch_is_taken_up_again_by_the_next(
    slow: ReleaseServer, wanted: Wanted, large: Path, part: float
) -> None:
    size, into = large.stat().st_size, wanted().into
    Killed(slow, into, "--connections", "2").after(int(size * part))
    assert not (into / NAME).exists()
    slow.faults.bytes_per_second = None
    before = slow.bytes_sent

    url = f"{slow.url}/files/owner/data/v{VERSION}/stash-sense-data-v{VERSION}.zip"
    done = fetch(wanted(source=Mirrors((url,))))

    assert not (into / volume.PARTIAL).exists()
    assert not (into / volume.JOURNAL).exists()
    # Two connections: at most 8 MiB each come again, and the manifest and the directory.
    assert slow.bytes_sent - before <= size - before + 2 * 8 * MIB
    assert slow.bytes_sent - before < size
    for record in done.receipt.files:
        assert hashlib.sha256((into / record.name).read_bytes()).hexdigest() == record.sha256


def test_a_pinned_digest_survives_kills_too(slow: ReleaseServer, wanted: Wanted, large: Path) -> None:
    size, into = large.stat().st_size, wanted().into
    digest = "sha256:" + hashlib.sha256(large.read_bytes()).hexdigest()
    killed = Killed(slow, into, "--digest", digest, "--connections", "2")
    for part in (0.4, 0.7):
        killed.after(int(size * part))
    slow.faults.bytes_per_second = None
    before = slow.bytes_sent

    assert subprocess.run(killed.command, capture_output=True, check=False).returncode == 0

    assert read_receipt(into).digest == digest
    assert slow.bytes_sent - before < size


def test_bytes_that_changed_on_disk_meanwhile_are_fetched_again_and_not_called_the_publishers_fault(
    slow: ReleaseServer, wanted: Wanted, large: Path
) -> None:
    into = wanted().into
    Killed(slow, into, "--connections", "2").after(int(large.stat().st_size * 0.6))
    slow.faults.bytes_per_second = None
    halves = [p for p in (into / volume.PARTIAL).iterdir() if p.stat().st_size > 3 * MIB]
    assert halves
    for path in halves:
        with path.open("r+b") as f:
            f.write(os.urandom(4096))

    url = f"{slow.url}/files/owner/data/v{VERSION}/stash-sense-data-v{VERSION}.zip"
    fetch(wanted(source=Mirrors((url,))))

    for record in read_receipt(into).files:
        assert hashlib.sha256((into / record.name).read_bytes()).hexdigest() == record.sha256


def test_what_was_left_of_another_archive_is_not_used(
    slow: ReleaseServer, wanted: Wanted, large: Path, good: Path
) -> None:
    into = wanted().into
    Killed(slow, into, "--connections", "2").after(int(large.stat().st_size * 0.6))
    slow.faults.bytes_per_second = None
    slow.publish(good, tag=f"v{VERSION}")

    done = fetch(wanted())

    assert done.receipt.digest == "sha256:" + hashlib.sha256(good.read_bytes()).hexdigest()
