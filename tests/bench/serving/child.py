"""One measurement in a process of its own: `python -m bench.serving.child WHAT FOLDER`; prints JSON.

All of them import the same, so that what they hold differs by the release alone.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import voyager

from facedb_sidecar.engine.stored import load_stored

from .matching import compare
from .plain_matching import Plain
from .recall import recall


def main() -> None:
    """Measure what was asked for."""
    what, folder = sys.argv[1], Path(sys.argv[2])
    sys.stdout.write(json.dumps(MEASURES[what](folder)) + "\n")


def _indices(folder: Path) -> list[Any]:
    return [voyager.Index.load(str(folder / f"face_{model}.voy")) for model in ("facenet", "arcface")]


def _loading(load: Callable[[Path], Any]) -> Callable[[Path], dict[str, float]]:
    """Measure the load, and what is resident once nothing goes on any more."""

    def measure(folder: Path) -> dict[str, float]:
        before = _resident()
        began, cpu = time.perf_counter(), time.process_time()
        loaded = load(folder)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        for thread in threading.enumerate():
            if thread.name == "settle":
                thread.join()
        settled = time.perf_counter() - began
        held = _resident() - before
        del loaded
        return {"seconds": seconds, "cpu_seconds": cpu_seconds, "settled": settled, "held": held}

    return measure


def _resident() -> int:
    """Resident bytes of this process, mapped files included."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


MEASURES: dict[str, Callable[[Path], Any]] = {
    "indices": _loading(_indices),
    "plain": _loading(Plain.load),
    "ours": _loading(load_stored),
    "match": compare,
    "recall": recall,
}

if __name__ == "__main__":
    main()
