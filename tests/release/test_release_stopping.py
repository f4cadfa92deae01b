"""A process that is told to stop (SIGTERM), in every phase: it ends at once, and may be tried again."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from facedb_release.errors import ExitCode
from facedb_release.receipt import NAME
from release_server import ReleaseServer
from release_story import variants

from .conftest import VERSION


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return variants(tmp_path_factory.mktemp("stopped"), performers=60)["stored"]


def url_of(server: ReleaseServer) -> str:
    return f"{server.url}/files/owner/data/v{{version}}/stash-sense-data-v{{version}}.zip"


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def command(into: Path, url: str, *more: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "facedb_release",
        "fetch",
        "--into",
        str(into),
        "--version",
        VERSION,
        "--http",
        url,
        *more,
    ]


def ends(process: subprocess.Popen[bytes], into: Path) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        # Sooner than a source that is silent counts as stalled: 30 s.
        assert process.wait(25) == ExitCode.TRANSIENT
    finally:
        process.kill()
        process.wait()
    assert not (into / NAME).exists()


@pytest.mark.parametrize("way", ["side by side", "in order", "one stream"])
def test_a_download_that_is_told_to_stop_ends_at_once(
    way: str, server: ReleaseServer, archive: Path, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    server.publish(archive, tag=f"v{VERSION}")
    server.faults.no_ranges = way == "one stream"
    server.faults.bytes_per_second = 200_000
    pin = ["--digest", "sha256:" + hashlib.sha256(archive.read_bytes()).hexdigest()]
    process = subprocess.Popen(
        command(into, url_of(server), *(pin if way == "in order" else [])), stdout=subprocess.DEVNULL
    )
    _until(lambda: server.bytes_sent > 100_000)
    ends(process, into)


def test_waiting_for_an_answer_ends_at_once_when_told_to(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.zip"
        process = subprocess.Popen(command(tmp_path / "into", url), stdout=subprocess.DEVNULL)
        silent.settimeout(60)
        with silent.accept()[0]:
            ends(process, tmp_path / "into")


def test_a_check_that_takes_its_time_holds_nobody_back_who_is_told_to_stop(
    server: ReleaseServer, archive: Path, tmp_path: Path
) -> None:
    server.publish(archive, tag=f"v{VERSION}")
    process = subprocess.Popen(command(tmp_path / "into", url_of(server)), stdout=subprocess.DEVNULL)
    held: list[int] = []

    def hold() -> bool:
        held.extend(pid for pid in _readers(process.pid) if pid not in held)
        for pid in held:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        return bool(held) and server.bytes_sent > archive.stat().st_size

    try:
        _until(hold)
        ends(process, tmp_path / "into")
    finally:
        for pid in held:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _readers(parent: int) -> list[int]:
    """The processes that check files for this one."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, ppid = int(stat.parent.name), int(stat.read_text().rpartition(")")[2].split()[1])
            if ppid == parent and b"facedb_release.verify" in (stat.parent / "cmdline").read_bytes():
                found.append(pid)
    return found


INTERRUPTED = """
import sys, threading
from pathlib import Path
from facedb_release.fetching.sink import Sink, Written
taken, real = [], threading.Condition.__enter__
def enter(self):
    real(self)
    taken.append(threading.current_thread() is threading.main_thread())
    if sum(taken) == 3:
        raise KeyboardInterrupt
with Sink(Path(sys.argv[1]), Written(0, 0, None)) as sink:
    threading.Condition.__enter__ = enter
    for _ in range(50):
        sink.put_bytes(bytes(1000))
    sink.finish()
"""


def test_no_sink_waits_for_a_lock_that_an_interrupt_left_taken(tmp_path: Path) -> None:
    # As a signal does that comes between the lock and the `with` around it.
    subprocess.run([sys.executable, "-c", INTERRUPTED, str(tmp_path / "f")], timeout=60, check=True)
