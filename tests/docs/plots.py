"""The plots of docs/performance.md, out of docs/benchmarks/*.json; nothing is measured here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from docs.svg import Bar, Chart, charts

DOCS = Path(__file__).resolve().parents[2] / "docs"
FOLDER = DOCS / "plots"


def report(name: str) -> Mapping[str, Any]:
    """Read a bench report."""
    found: Mapping[str, Any] = json.loads((DOCS / "benchmarks" / f"{name}.json").read_text("utf-8"))
    return found


def measured(name: str) -> Mapping[str, Mapping[str, Any]]:
    """Return a report's rows by their name."""
    return {bar["name"]: bar for bar in report(name)["bars"]}


def pair(note: str) -> tuple[float, float]:
    """Return ours and plain out of a row's words, as in ``9.51 s to 18.57 s: 2.0 x faster``."""
    ours, _, rest = note.partition(" to ")
    return float(ours.split()[0]), float(rest.split()[0])


def _against(title: str, name: str, row: str, unit: str) -> Chart:
    bar = measured(name)[row]
    ours, plain = pair(bar["note"])
    limit = None if bar["at_most"] is None else bar["at_most"] * plain
    words = (
        "" if limit is None else f"the bar: {limit:.3g} {unit}" + (", missed" * (bar["verdict"] == "MISSED"))
    )
    both = (
        Bar("the plain way", plain, f"{plain:g} {unit}", ours=False),
        Bar("facedb", ours, f"{ours:g} {unit}"),
    )
    return Chart(title, both, limit, words)


def _alone(title: str, name: str, rows: Mapping[str, str], unit: str) -> Chart:
    every = measured(name)
    bars = tuple(
        Bar(shown, every[row]["measured"], f"{every[row]['measured']:.3g} {unit}")
        for row, shown in rows.items()
    )
    with_bar = [every[row] for row in rows if every[row]["at_most"] is not None]
    if not with_bar:
        return Chart(title, bars)
    limit = with_bar[-1]["at_most"]
    missed = ", missed" if any(row["verdict"] == "MISSED" for row in with_bar) else ""
    return Chart(title, bars, limit, f"the bar: {limit:g} {unit}{missed}")


def fetching() -> str:
    """Seconds and bytes of a fetch at the real size."""
    name = "fetch-full"
    return charts(
        "Seconds of a fetch with all checks at the real size, and bytes written",
        [
            _against("Network does not count: seconds", name, "unlimited: seconds, ours / plain", "s"),
            _against("Server limits each connection: seconds", name, "capped: seconds, ours / plain", "s"),
            _alone(
                "Bytes written, as a multiple of the release",
                name,
                {
                    "plain: bytes written / unpacked": "the plain way",
                    "ours: bytes written / unpacked": "facedb",
                },
                "x",
            ),
        ],
    )


def serving() -> str:
    """Matching and loading at the real size."""
    name = "serving-full"
    return charts(
        "Milliseconds to match faces and seconds to load at the real size",
        [
            _against("One face: ms", name, "one face: milliseconds, parity / plain", "ms"),
            _against(
                "64 faces of strangers: ms",
                name,
                "64 faces, batch of strangers: milliseconds, parity / plain",
                "ms",
            ),
            _against(
                "64 faces of a scene: ms",
                name,
                "64 faces, batch of a scene: milliseconds, parity / plain",
                "ms",
            ),
            _against("Load to ready: seconds", name, "load to ready: seconds, ours / plain", "s"),
        ],
    )


def traffic() -> str:
    """/health while other things go on."""
    rows = {
        "health alone: p99 ms": "nothing else",
        "health, 8 identify: p99 ms": "8 clients identify",
        "health, 8 identify and a load: p99 ms": "… and a release is loaded",
    }
    return charts(
        "The slowest hundredth of answers to /health", [_alone("/health, p99: ms", "traffic", rows, "ms")]
    )


def operator() -> str:
    """The operator with 1,000 databases."""
    return charts(
        "The operator with 1,000 databases",
        [
            _alone("Memory", "operator", {"resident MiB": "resident"}, "MiB"),
            _alone(
                "Requests to the API server at rest",
                "operator",
                {"API requests per second at rest, beyond watches": "beyond watches"},
                "/s",
            ),
            _alone(
                "50 specs change at once: until their Jobs are there",
                "operator",
                {"spec change to Job, p50, seconds": "p50", "spec change to Job, p99, seconds": "p99"},
                "s",
            ),
        ],
    )


def drawings() -> Mapping[Path, str]:
    """Return every plot by its file."""
    made = {"fetching": fetching(), "serving": serving(), "traffic": traffic(), "operator": operator()}
    return {FOLDER / f"{name}.svg": text for name, text in made.items()}


def missed() -> Sequence[tuple[str, str]]:
    """Return report and row of every bar that was not reached, at the real size."""
    return [
        (name, bar["name"])
        for name in ("fetch-full", "serving-full", "traffic", "operator")
        for bar in report(name)["bars"]
        if bar["verdict"] == "MISSED"
    ]
