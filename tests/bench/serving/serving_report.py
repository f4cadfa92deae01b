"""The numbers of matching and loading → Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..bars import Bar
from ..report import BUSY, table

METHOD = """\
**plain** is contract 3.4 as it reads: two voyager queries with k = 100, one after the other (voyager then
searches 100 wide), loops and dicts in Python, an object for each candidate; its indices and JSON maps are
loaded one after the other. **parity** is the engine with the same width, **wide** the engine's default,
**exact** compares every vector. One face and batches: the ways take turns in one process, and what is shown
is the best tenth of each, because what else the machine does only ever adds. A *batch of strangers* is 64
faces of 64 people, so that no search finds in the caches what another has read; a *batch of a scene* is eight
people, seen eight times each. An answer is the five nearest; they are compared to the 50th, at any distance.

Loads take turns, each in a fresh process with the files in the page cache; the best. Ready means that stored
faces have found themselves, which the plain way does not check. The engine then still copies the vectors from
the mapped files into memory of its own; what is resident is read when that is done, and is the difference to
the same process before the load. All processes import the same.

Recall asks the FaceNet index for new pictures of stored faces: the stored vector plus noise as releases have
it (NOISE in tests/builders.py), and two and three times as much. *Exact finds the face* says how often even
the nearest of all vectors is the one the picture was made from. The releases' graphs were built in haste
(`ef_construction=40`); the graph *built well* is built as voyager does by default (200), which is what real
releases have, over 90,000 faces at most."""


def write(
    folder: Path, stem: str, results: Mapping[str, Any], rows: Sequence[Bar], machine: Mapping[str, str]
) -> None:
    """Write `<stem>.md` and `<stem>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.md").write_text("\n".join(_markdown(results, rows, machine)) + "\n")
    data = {
        "machine": dict(machine),
        "bars": [asdict(bar) | {"verdict": bar.verdict} for bar in rows],
        "results": dict(results),
    }
    (folder / f"{stem}.json").write_text(json.dumps(data, indent=2) + "\n")


def _markdown(results: Mapping[str, Any], rows: Sequence[Bar], machine: Mapping[str, str]) -> Iterator[str]:
    yield f"# Matching and loading, measured ({results['scale']} scale)"
    yield ""
    yield "Written by `make bench`" + (" SCALE=full" if results["scale"] == "full" else "") + "; do not edit."
    yield ""
    yield from table(rows)
    yield from _match(results.get("match"))
    yield from _recall(results.get("recall"))
    yield "Not measured: exact search on a GPU against voyager. No GPU was at hand."
    yield ""
    yield "## Method"
    yield ""
    yield METHOD
    yield ""
    yield "## Release and machine"
    yield ""
    people = f"{results['faces']:,} faces of {results['performers']:,} performers"
    yield f"{people}, two 512-d Float32 indices (M=12)."
    yield ""
    yield from (f"- {name}: {value}" for name, value in machine.items())


def _match(match: Mapping[str, Any] | None) -> Iterator[str]:
    if match is None:
        return
    yield "## Milliseconds"
    yield ""
    yield "| What | Way | Wall | CPU | Wall, median |"
    yield "|---|---|---:|---:|---:|"
    for kind in ("one", "batch of strangers", "batch of a scene"):
        for way, taken in match[kind].items():
            cells = (f"{taken[what]:.2f}" for what in ("wall", "cpu", "median"))
            yield f"| {kind} | {way} | {' | '.join(cells)} |"
    yield ""
    if match["others"] > BUSY:
        yield f"Other work used {match['others']:.0%} of the cores meanwhile: ratios of wall time are unsure."
        yield ""


def _recall(graphs: Mapping[str, Sequence[Mapping[str, Any]]] | None) -> Iterator[str]:
    if graphs is None:
        return
    yield "## Top-1 against exact search"
    yield ""
    yield "| Graph | Noise of the pictures | Width | Found | ms a query, in batches | Exact finds the face |"
    yield "|---|---|---:|---:|---:|---:|"
    for graph, rows in graphs.items():
        for row in rows:
            cells = (f"{row['width']}", f"{row['top1']:.3f}", f"{row['milliseconds']:.2f}")
            yield f"| {graph} | {row['pictures']} | {' | '.join(cells)} | {row['exact_is_the_face']:.3f} |"
    yield ""
