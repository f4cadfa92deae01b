"""Runs what is measured: each variant in a fresh process, the server in its own, over one link at a time."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from .meter import Reading
from .shaping_server import Link, Stats

RUN_SECONDS = 1800.0
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Serving:
    """A server that runs: where, in which process, through which link."""

    url: str
    pid: int
    link: Link

    def cpu_seconds(self) -> float:
        """Return what it has used of the cores."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def archive(self, name: str) -> str:
        """Return the address of a file."""
        return f"{self.url}/{name}"

    def stats(self) -> Stats:
        """Return what was sent since the last reset."""
        return Stats(**httpx.get(f"{self.url}/stats", timeout=30).json())

    def reset(self) -> None:
        """Count from zero."""
        httpx.get(f"{self.url}/reset", timeout=30)


@dataclass(frozen=True)
class Ran:
    """One run of a variant: what it read of itself, what the server sent, and how busy others kept the cores.

    Attributes:
        reading: of the process.
        sent: what the server sent meanwhile.
        others: share of all cores' time that neither this process nor the server used, 0 to 1.
    """

    reading: Reading
    sent: Stats
    others: float


@contextmanager
def serving(root: Path, link: Link) -> Iterator[Serving]:
    """Serve the folder through the link."""
    limits = [("--each", link.each), ("--total", link.total), ("--delay", link.delay)]
    arguments = [text for name, value in limits if value for text in (name, str(value))]
    command = [sys.executable, "-m", "bench.shaping_server", str(root), *arguments]
    # The pipe to its stdin closes with this process, however it ends, and takes the server along.
    process = subprocess.Popen(
        [*command, "--with-stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout
        yield Serving(process.stdout.readline().strip(), process.pid, link)
    finally:
        process.terminate()
        process.wait()


def run(module: str, arguments: Sequence[object], server: Serving | None = None) -> Ran:
    """Run `python -m bench.<module>` to its end.

    Raises:
        RuntimeError: with its stderr, when it fails.
    """
    # What earlier runs left to be written would slow this one down.
    os.sync()
    if server:
        server.reset()
    others, began = _others(server), time.perf_counter()
    done = subprocess.run(
        _command(module, arguments), capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
    wall = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"bench.{module} failed:\n{done.stderr[-2000:]}")
    reading = Reading(**json.loads(done.stdout.splitlines()[-1]))
    share = (_others(server) - others) / (wall * (os.cpu_count() or 1))
    return Ran(reading, server.stats() if server else Stats(), max(0.0, share))


def run_and_kill(
    module: str, arguments: Sequence[object], server: Serving, when: Callable[[Stats], bool]
) -> Stats:
    """Run it, SIGKILL it and its children as soon as the server's count says so; return the count."""
    server.reset()
    process = subprocess.Popen(
        _command(module, arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and not when(server.stats()):
        time.sleep(POLL_SECONDS)
    if process.poll() is None:
        os.killpg(process.pid, 9)
    process.wait()
    return _settled(server)


def _settled(server: Serving) -> Stats:
    """Return the count once no transfer goes on."""
    deadline = time.monotonic() + 10
    while (stats := server.stats()).transfers and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return stats


def _command(module: str, arguments: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", f"bench.{module}", *map(str, arguments)]


def _others(server: Serving | None) -> float:
    """Return the cores' seconds of work since the machine started that were neither the server's nor ours."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    user, nice, system, _, _, irq, softirq, steal = map(int, fields)
    busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    own = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return busy - sum(r.ru_utime + r.ru_stime for r in own) - (server.cpu_seconds() if server else 0.0)
