"""What was measured → each bar of matching and loading beside its number. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from ..bars import MIB, Bar

# What a search of the reference sidecar sees: k = 100, and so as wide.
REFERENCE_WIDTH = 100


def bars(results: Mapping[str, Any]) -> tuple[Bar, ...]:
    """Return every row, also those that were skipped."""
    return tuple((*_matching(results.get("match")), *_loading(results.get("load")), *_recall(results)))


def _matching(match: Mapping[str, Any] | None) -> Iterator[Bar]:
    for kind, at_most in (("one", 1 / 3), ("batch of strangers", 1 / 6), ("batch of a scene", 1 / 6)):
        name = f"{'one face' if kind == 'one' else f'64 faces, {kind}'}: milliseconds, parity / plain"
        if match is None:
            yield Bar(name, None, at_most, "not asked for")
            continue
        plain, ours, wide = (match[kind][way]["wall"] for way in ("plain", "parity", "wide"))
        cpu = match[kind]["parity"]["cpu"] / match[kind]["plain"]["cpu"]
        note = f"{ours:.2f} to {plain:.2f} ms: {plain / ours:.1f} x faster; CPU {cpu:.2f}; wide {wide:.2f} ms"
        if "exact" in match[kind]:
            note += f", exact {match[kind]['exact']['wall']:.0f} ms"
        yield Bar(name, ours / plain, at_most, note, digits=3)
    names = ("parity: faces with other ids in their answer", "parity: largest difference of a distance")
    if match is None:
        yield from (Bar(name, None, 0, "not asked for") for name in names)
        return
    answers = match["answers"]
    note = f"{answers['faces']} faces, {answers['matches']} matches compared"
    back = f"{note}; behind the answer, {answers['far_back']} faces with two matches changed about"
    yield Bar(names[0], answers["differing"], 0, back, digits=0)
    yield Bar(names[1], answers["farthest"], 1e-6, note, digits=9)


def _loading(load: Mapping[str, Any] | None) -> Iterator[Bar]:
    names = ("load to ready: seconds, ours / plain", "resident MiB above the two indices")
    if load is None:
        yield from (
            Bar(name, None, most, "not asked for") for name, most in zip(names, (0.6, 60), strict=True)
        )
        return

    def best(way: str, what: str) -> float:
        return min(run[what] for run in load[way])

    ours, plain = best("ours", "seconds"), best("plain", "seconds")
    note = f"{ours:.2f} s to {plain:.2f} s; own memory after {best('ours', 'settled'):.2f} s"
    yield Bar(names[0], ours / plain, 0.6, note)
    cpu = best("ours", "cpu_seconds"), best("plain", "cpu_seconds")
    yield Bar(
        "load to ready: CPU seconds, ours / plain", cpu[0] / cpu[1], None, f"{cpu[0]:.2f} to {cpu[1]:.2f}"
    )
    held = {way: median(run["held"] for run in load[way]) / MIB for way in load}
    note = f"{held['ours']:.0f} MiB; both in voyager alone {held['indices']:.0f}, plain {held['plain']:.0f}"
    yield Bar(names[1], held["ours"] - held["indices"], 60, note, digits=0)
    yield Bar("plain: " + names[1], held["plain"] - held["indices"], None, note, digits=0)


def _recall(results: Mapping[str, Any]) -> Iterator[Bar]:
    rows = results.get("recall")
    if rows is None:
        yield Bar("top-1 of the index against exact search", None, None, "not asked for")
        return
    for graph, found in rows.items():
        for pictures in dict.fromkeys(row["pictures"] for row in found):
            shares = {row["width"]: row["top1"] for row in found if row["pictures"] == pictures}
            note = ", ".join(f"{width}: {share:.3f}" for width, share in shares.items())
            name = f"top-1 found at width {REFERENCE_WIDTH}, graph {graph}, noise {pictures}"
            yield Bar(name, shares[REFERENCE_WIDTH], None, note, digits=3)
