"""Where a fetch spends its time: by thread, by function. `python -m bench.profiling URL INTO VERSION`.

Two fetches: one only with clocks at the threads' ends, one under cProfile in each thread (which slows it).
"""

from __future__ import annotations

import cProfile
import pstats
import resource
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from facedb_release.fetching.fetch import fetch

from .ours import request

FUNCTIONS = 30
Around = Callable[[Callable[[], Any]], None]


def in_every_thread(around: Around, work: Callable[[], Any]) -> None:
    """Run the work here; wrap it, and what every thread it starts runs, in `around`."""
    original = threading.Thread.run

    def run(self: threading.Thread) -> None:
        around(lambda: original(self))

    threading.Thread.run = run  # type: ignore[method-assign]
    try:
        around(work)
    finally:
        threading.Thread.run = original  # type: ignore[method-assign]


class Clocks:
    """Wall and CPU time of each thread."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, float, float]] = []

    def around(self, work: Callable[[], Any]) -> None:
        """Time one thread."""
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            work()
        finally:
            name = threading.current_thread().name
            self.lines.append((name, time.perf_counter() - wall, time.thread_time() - cpu))


class Profiles:
    """A profile of each thread."""

    def __init__(self) -> None:
        self.all: list[cProfile.Profile] = []

    def around(self, work: Callable[[], Any]) -> None:
        """Profile one thread."""
        profile = cProfile.Profile(time.thread_time)
        self.all.append(profile)
        profile.runcall(work)


def main() -> None:
    """Fetch twice and tell."""
    url, into, version = sys.argv[1:]
    clocks, profiles = Clocks(), Profiles()
    began, imports = time.perf_counter(), time.process_time()
    in_every_thread(clocks.around, lambda: fetch(request(url, Path(into) / "clocked", version, None)))
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = sys.stdout
    out.write(
        f"{time.perf_counter() - began:.2f} s; CPU of the process {time.process_time() - imports:.2f} s, "
    )
    out.write(f"of its children {children.ru_utime + children.ru_stime:.2f} s\n")
    for name, wall, cpu in sorted(clocks.lines, key=lambda line: -line[2]):
        out.write(f"{name:<32} wall {wall:6.2f} s  CPU {cpu:6.2f} s\n")
    in_every_thread(profiles.around, lambda: fetch(request(url, Path(into) / "profiled", version, None)))
    stats = pstats.Stats(*profiles.all, stream=out)
    stats.sort_stats("tottime").print_stats(FUNCTIONS)


if __name__ == "__main__":
    main()
