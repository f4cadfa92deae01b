"""Releases unpacked as the fetch leaves them, and the sidecar that serves them in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import psutil

from edge_server import FLAGS, in_process
from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.receipt import NAME as RECEIPT
from facedb_release.sources.folder import Folder
from facedb_release.version import parse_version

from ..data import Data
from .load_client import Plan, Told
from .swapping_app import FIRST, OTHER, SWAP

FACTORY = "bench.traffic.swapping_app:create"
SAMPLE_SECONDS = 0.05
LONG_SECONDS = 600.0


def fetched(data: Data, version: str, say: Callable[[str], None]) -> Path:
    """The version's folder beside the archives; fetched once."""
    folder = data.folder / f"fetched-{version}"
    if not (folder / RECEIPT).exists():
        say(f"fetching {version} from its archive (once; then cached)")
        fetch(FetchRequest(into=folder, version=parse_version(version), source=Folder(data.folder)))
    return folder


@dataclass
class Sidecar:
    """A server that runs."""

    port: int
    process: psutil.Process

    def get(self, path: str) -> dict[str, object]:
        """Ask it; also what is not ready answers."""
        return self._json(f"http://127.0.0.1:{self.port}{path}", "GET")

    def swap(self) -> float:
        """Let it load the other release and serve that; the seconds it took."""
        said = self._json(f"http://127.0.0.1:{self.port}{SWAP}", "POST")
        return float(str(said["seconds"]))

    def cpu_seconds(self) -> float:
        """What it has used of the cores."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def resident(self) -> int:
        """Bytes."""
        return int(self.process.memory_info().rss)

    def _json(self, url: str, method: str) -> dict[str, object]:
        with urlopen(Request(url, method=method), timeout=LONG_SECONDS) as reply:
            answer: dict[str, object] = json.load(reply)
        return answer


@contextmanager
def serving(first: Path, other: Path, models: Path) -> Iterator[Sidecar]:
    """Serve the first release, with the other one to swap to."""
    with tempfile.TemporaryDirectory() as work:
        env = {
            FIRST: str(first),
            OTHER: str(other),
            "FACEDB_MODELS_DIR": str(models),
            "FACEDB_DEVICE": "cpu",
            "FACEDB_DRAINING_FILE": f"{work}/draining",
            "LOG_LEVEL": "INFO",
        }
        with in_process(FACTORY, env, FLAGS) as (process, port):
            log = threading.Thread(target=_drop, args=(process,), daemon=True)
            log.start()
            sidecar = Sidecar(port, psutil.Process(process.pid))
            while not sidecar.get("/health")["database_loaded"]:
                time.sleep(SAMPLE_SECONDS)
            yield sidecar


def _drop(process: subprocess.Popen[str]) -> None:
    """Read the log, so that the pipe does not fill."""
    assert process.stderr
    for _ in process.stderr:
        pass


class Asking:
    """A load client that runs beside; ``told`` waits for its end."""

    def __init__(self, plan: Plan) -> None:
        tests = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.traffic.load_client"],
            env={**os.environ, "PYTHONPATH": str(tests)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin
        self._process.stdin.write(json.dumps(plan.__dict__) + "\n")
        self._process.stdin.flush()

    def told(self) -> Told:
        """What became of its requests, once its time is over."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        self._process.communicate(timeout=LONG_SECONDS)
        return Told(**json.loads(line))

    def stop(self) -> Told:
        """Let it make no more requests; what became of those it made."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.stdin = None
        return self.told()


@contextmanager
def watched(sidecar: Sidecar) -> Iterator[list[int]]:
    """Sample the resident bytes while the block runs."""
    samples, stop = [sidecar.resident()], threading.Event()

    def sample() -> None:
        while not stop.wait(SAMPLE_SECONDS):
            samples.append(sidecar.resident())

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()
