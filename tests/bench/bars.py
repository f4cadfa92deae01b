"""What was measured → each bar of the design beside its number: ok, MISSED, or skipped and why. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from .results import OURS, PLAIN, Moved, Race, Results, Skipped, Stage

MIB = 1 << 20
UNLIMITED, CAPPED, PIPE = "unlimited", "capped", "pipe"
# The stages whose slowest bounds a fetch; the other inflate and the write without fsync are only shown.
BOUNDING = ("inflate, zlib-ng", "sha256", "write, fsync", "index check")


@dataclass(frozen=True)
class Bar:
    """One promise: what is measured, the number, the most it may be, and what stands behind it.

    Attributes:
        name: what is measured, with its unit.
        measured: None when it was not.
        at_most: None for a number that is only shown.
        note: the numbers behind it, or why it was skipped.
        digits: after the point.
    """

    name: str
    measured: float | None
    at_most: float | None
    note: str
    digits: int = 2

    @property
    def verdict(self) -> str:
        """Say ok, MISSED, skipped, or nothing for a number without a bar."""
        if self.measured is None:
            return "skipped"
        if self.at_most is None:
            return ""
        return "ok" if self.measured <= self.at_most else "MISSED"


def bars(results: Results) -> tuple[Bar, ...]:
    """Return every row, also those that were skipped."""
    return (
        _ratio(results, UNLIMITED, 1 / 3.5),
        _cpu(results),
        _ratio(results, CAPPED, 1 / 4),
        _pipe(results),
        *_stages(results),
        *_written(results),
        *_memory(results),
        _update(results),
        _patch(results),
        _kills(results),
    )


def _ratio(results: Results, link: str, at_most: float) -> Bar:
    name, race = f"{link}: seconds, ours / plain", results.race(link)
    if race is None:
        return Bar(name, None, at_most, "not asked for")
    note = f"{race.seconds(OURS):.2f} s to {race.seconds(PLAIN):.2f} s: {1 / race.ratio:.1f} x faster"
    return Bar(name, race.ratio, at_most, note, digits=3)


def _cpu(results: Results) -> Bar:
    """Show what neither the link nor other work on the machine can blur."""
    name, race = "unlimited: CPU seconds, ours / plain", results.race(UNLIMITED)
    if race is None:
        return Bar(name, None, None, "not asked for")
    ours, plain = race.cpu_seconds(OURS), race.cpu_seconds(PLAIN)
    return Bar(name, ours / plain, None, f"{ours:.2f} to {plain:.2f}, children included", digits=3)


def _pipe(results: Results) -> Bar:
    name, race = "pipe: seconds, ours / (bytes / bandwidth)", results.race(PIPE)
    if race is None or not race.link.total:
        return Bar(name, None, 1.1, "not asked for")
    least = results.packed / race.link.total
    note = f"{race.seconds(OURS):.2f} s to {least:.2f} s; plain {race.seconds(PLAIN):.2f} s"
    return Bar(name, race.seconds(OURS) / least, 1.1, note)


def _stages(results: Results) -> Iterator[Bar]:
    """Compare with the slowest stage on one thread, and on all cores; show what the cores' time allows."""
    names = [f"unlimited: seconds, ours / slowest stage, {how}" for how in ("one thread", "all cores")]
    bounding = [s for s in results.stages if s.name in BOUNDING]
    race = results.race(UNLIMITED)
    if race is None or not bounding:
        yield from (Bar(name, None, 1.5, "not asked for") for name in names)
        return
    ours = race.seconds(OURS)
    one, every = max(bounding, key=lambda s: s.one), max(bounding, key=lambda s: s.best)
    yield Bar(names[0], ours / one.one, 1.5, f"{ours:.2f} s to {one.one:.2f} s ({one.name})")
    yield Bar(names[1], ours / every.best, 1.5, f"{ours:.2f} s to {every.best:.2f} s ({every.name})")
    yield _floor(ours, bounding)


def _floor(ours: float, stages: list[Stage]) -> Bar:
    cores = os.cpu_count() or 1
    floor = sum(s.cpu_seconds for s in stages) / cores
    note = f"{ours:.2f} s to {floor:.2f} s: nothing that does every stage on {cores} cores is faster"
    return Bar("unlimited: seconds, ours / (all stages' CPU time / cores)", ours / floor, None, note)


def _written(results: Results) -> Iterator[Bar]:
    race = results.race(UNLIMITED)
    for variant, at_most in ((OURS, 1.02), (PLAIN, None)):
        name = f"{variant}: bytes written / unpacked"
        if race is None:
            yield Bar(name, None, at_most, "not asked for")
            continue
        note = f"{race.written(variant) / 1e6:.1f} MB to {results.unpacked / 1e6:.1f} MB"
        yield Bar(name, race.written(variant) / results.unpacked, at_most, note, digits=3)


def _memory(results: Results) -> Iterator[Bar]:
    name, shown = (
        "ours: peak resident MiB of the fetch process",
        "ours: peak resident MiB of a checking child",
    )
    if not results.races:
        yield from (Bar(name, None, 100.0, "not asked for"), Bar(shown, None, None, "not asked for"))
        return
    plain = _most(results.races, PLAIN)
    note = f"the most of all links; plain {plain / MIB:.0f} MiB, with both indices loaded"
    yield Bar(name, _most(results.races, OURS) / MIB, 100.0, note, digits=0)
    child = max(r.children_peak(OURS) for r in results.races) / MIB
    yield Bar(shown, child, None, "checks one index at a time" if child else "no child was started", digits=0)


def _most(races: tuple[Race, ...], variant: str) -> int:
    return max(r.peak(variant) for r in races)


def _update(results: Results) -> Bar:
    name, moved = "update, 1 of 6 files changed: MiB moved beyond that file", results.update
    if isinstance(moved, Skipped):
        return Bar(name, None, 1.0, moved.why)
    note = f"{_moved(moved)}; the file has {moved.needed / 1e6:.2f} MB packed"
    return Bar(name, (moved.sent - moved.needed) / MIB, 1.0, note)


def _patch(results: Results) -> Bar:
    name, moved = "update by patch, 5 % new faces: bytes moved / full", results.patch
    if isinstance(moved, Skipped):
        return Bar(name, None, 0.15, moved.why)
    note = f"{_moved(moved)}; the patch has {moved.needed / 1e6:.2f} MB"
    return Bar(name, moved.sent / moved.full, 0.15, note, digits=3)


def _moved(moved: Moved) -> str:
    return f"{moved.sent / 1e6:.2f} of {moved.full / 1e6:.1f} MB moved in {moved.seconds:.2f} s"


def _kills(results: Results) -> Bar:
    name, kills = "kill -9: MiB fetched again per parallel stream", results.kills
    if isinstance(kills, Skipped) or not kills:
        return Bar(name, None, 8.0, kills.why if isinstance(kills, Skipped) else "not asked for")
    worst = max(k.again / k.streams for k in kills)
    parts = ", ".join(f"{k.again / MIB:.1f} MiB at {k.at:.0%}" for k in kills)
    return Bar(name, worst / MIB, 8.0, f"the worst of {len(kills)}: {parts}; {kills[0].streams} streams")
