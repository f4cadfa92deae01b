"""This process, between two moments → seconds, CPU, bytes written, peak memory. Used inside each variant.

Written bytes are `write_bytes` of /proc/self/io: what the kernel was made to bring to storage, by this
process and the children it waited for. Where a file system does not count them (tmpfs), `wchar` stands in,
which counts every write call, also to pipes and sockets.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass
class Reading:
    """What one run cost.

    Attributes:
        seconds: of wall time, without the interpreter's start and imports.
        cpu_seconds: of this process and its children.
        written: bytes, see the module.
        peak: resident bytes of this process alone (VmHWM).
        children_peak: resident bytes of its largest child.
        phases: seconds by part, where the variant has parts.
    """

    seconds: float
    cpu_seconds: float
    written: int
    peak: int
    children_peak: int
    phases: dict[str, float]


@contextmanager
def metered() -> Iterator[dict[str, float]]:
    """Measure the block, and write the reading to stdout as one line of JSON; the block may name phases."""
    phases: dict[str, float] = {}
    written, cpu, began = _io(), _cpu(), time.perf_counter()
    yield phases
    seconds = time.perf_counter() - began
    after = _io()
    key = "write_bytes" if after["write_bytes"] > written["write_bytes"] else "wchar"
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    reading = Reading(seconds, _cpu() - cpu, after[key] - written[key], _peak(), children, phases)
    sys.stdout.write(json.dumps(asdict(reading)) + "\n")
    sys.stdout.flush()


@contextmanager
def timed(phases: dict[str, float], name: str) -> Iterator[None]:
    """Add the block's seconds to a phase."""
    began = time.perf_counter()
    yield
    phases[name] = phases.get(name, 0.0) + time.perf_counter() - began


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(r.ru_utime + r.ru_stime for r in both)


def _io() -> dict[str, int]:
    lines = (line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {name: int(value) for name, value in lines}


def _peak() -> int:
    """Return this program's own peak: ru_maxrss would hold that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    line = next(text for text in status.splitlines() if text.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
