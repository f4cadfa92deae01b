"""A scale's releases and a folder to work in → measurements, with a line of progress for each run."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from facedb_release.fetching.fetch import FetchRequest

from .bars import CAPPED, PIPE, UNLIMITED
from .data import CHANGED_FILE, Archive, Data
from .process import Ran, Serving, run, run_and_kill, serving
from .results import OURS, PLAIN, Kill, Moved, Race, Skipped, Stage
from .shaping_server import Link, Stats
from .stages import STAGES

FIRST_BYTE_SECONDS = 0.03
PATCHES = "facedb_release.patches.publish"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Bench:
    """What every scenario needs.

    Attributes:
        data: the releases.
        work: a folder on the disk that is to be measured.
        say: takes progress lines.
        speed: factor of the slow links.
    """

    data: Data
    work: Path
    say: Say
    speed: float = 1.0

    def link(self, name: str) -> Link:
        """Return the link of this name."""
        if name == UNLIMITED:
            return Link()
        each, total = {CAPPED: (25e6 * self.speed, 100e6 * self.speed), PIPE: (None, 60e6 * self.speed)}[name]
        return Link(each, total, FIRST_BYTE_SECONDS)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new name in the work folder, gone afterwards."""
        made = Path(tempfile.mkdtemp(dir=self.work))
        try:
            yield made / "into"
        finally:
            shutil.rmtree(made)


def race(bench: Bench, name: str, rounds: int) -> Race:
    """Run both variants in turn, each from an empty folder; every round begins with the other one."""
    runs: dict[str, list[Ran]] = {PLAIN: [], OURS: []}
    with serving(bench.data.folder, bench.link(name)) as server:
        for at in range(rounds):
            for variant in (PLAIN, OURS) if at % 2 == 0 else (OURS, PLAIN):
                with bench.folder() as into:
                    ran = run(variant, _arguments(variant, server, bench.data.base, into), server)
                runs[variant].append(ran)
                bench.say(f"{name} {at + 1}/{rounds} {variant:<5} {told(ran)}")
    return Race(name, bench.link(name), {variant: tuple(done) for variant, done in runs.items()})


def told(ran: Ran) -> str:
    """Return a run in one line."""
    parts = ", ".join(f"{name} {seconds:.2f}" for name, seconds in ran.reading.phases.items())
    return (
        f"{ran.reading.seconds:7.2f} s, {ran.reading.cpu_seconds:5.2f} CPU s, "
        f"{ran.sent.requests} requests over {ran.sent.most_transfers}, others {ran.others:.0%}"
        + (f" ({parts})" if parts else "")
    )


def _arguments(variant: str, server: Serving, archive: Archive, into: Path) -> list[object]:
    return [server.archive(archive.name), into] + ([archive.version] if variant == OURS else [])


def stages(bench: Bench, rounds: int) -> tuple[Stage, ...]:
    """Run each stage alone, with one thread and with one for each core."""
    archive = bench.data.folder / bench.data.base.name
    seen: dict[tuple[str, int], list[Ran]] = {}
    counts = (1, os.cpu_count() or 1)
    with bench.folder() as files:
        shutil.unpack_archive(archive, files)
        for at in range(rounds):
            for name in STAGES:
                for threads in counts:
                    seen.setdefault((name, threads), []).append(
                        run("stages", [name, threads, archive, files])
                    )
            bench.say(f"stages {at + 1}/{rounds}")
    return tuple(_stage(name, seen[name, counts[0]], seen[name, counts[1]]) for name in STAGES)


def _stage(name: str, one: list[Ran], every: list[Ran]) -> Stage:
    """Take the best of each: a stage that others disturbed would make the whole look good beside it."""
    return Stage(
        name,
        min(r.reading.seconds for r in one),
        min(r.reading.seconds for r in every),
        min(r.reading.cpu_seconds for r in one),
    )


def update(bench: Bench) -> Moved | Skipped:
    """Fetch the release that differs in one file, with the base at hand."""
    return _update(bench, bench.data.one, bench.data.one.packed[CHANGED_FILE])


def patched(bench: Bench) -> Moved | Skipped:
    """Fetch the release with 5 % new faces, with the base at hand and a patch beside it."""
    if (
        importlib.util.find_spec("facedb_release.patches") is None
        or importlib.util.find_spec(PATCHES) is None
    ):
        return Skipped(f"{PATCHES} is not there yet")
    old, new = bench.data.base, bench.data.five
    patch = bench.data.folder / f"{Path(new.name).stem}.from-v{old.version}.zip"
    with bench.folder() as work:
        made = run("patching", [bench.data.folder / old.name, bench.data.folder / new.name, patch, work])
    size = patch.stat().st_size
    bench.say(f"patch of {size / 1e6:.2f} MB made in {made.reading.seconds:.2f} s")
    try:
        return _update(bench, new, size)
    finally:
        patch.unlink()


def _update(bench: Bench, new: Archive, needed: int) -> Moved | Skipped:
    if "previous" not in {f.name for f in fields(FetchRequest)}:
        return Skipped("FetchRequest knows no previous release")
    with serving(bench.data.folder, Link()) as server, bench.folder() as old, bench.folder() as into:
        run(OURS, _arguments(OURS, server, bench.data.base, old), server)
        ran = run(OURS, [*_arguments(OURS, server, new, into), old], server)
    bench.say(f"update to {new.version} {told(ran)}, {ran.sent.bytes_sent / 1e6:.2f} MB moved")
    return Moved(ran.sent.bytes_sent, needed, new.size, ran.reading.seconds)


def kills(bench: Bench, times: int) -> tuple[Kill, ...]:
    """Kill a fetch at random moments, and once at its end; on a slow link, where no buffer hides bytes."""
    rng = random.Random(7)
    moments = [*sorted(rng.uniform(0.05, 0.95) for _ in range(times - 1)), 1.0]
    with serving(bench.data.folder, bench.link(CAPPED)) as server:
        return tuple(_kill(bench, server, at) for at in moments)


def _kill(bench: Bench, server: Serving, at: float) -> Kill:
    base = bench.data.base

    def reached(stats: Stats) -> bool:
        return stats.bytes_sent >= at * base.size

    with bench.folder() as into:
        arguments = _arguments(OURS, server, base, into)
        before = run_and_kill(OURS, arguments, server, reached)
        after = run(OURS, arguments, server)
    streams = max(before.most_transfers, after.sent.most_transfers)
    kill = Kill(at, before.bytes_sent, after.sent.bytes_sent, base.size, streams)
    bench.say(f"kill at {at:.0%}: {kill.again / 2**20:.1f} MiB sent again over {streams} streams")
    return kill
