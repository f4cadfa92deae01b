"""Results and this machine's facts → a table on the terminal, numbers in Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .bars import MIB, Bar
from .results import OURS, PLAIN, Race, Results

# Share of the cores that others may use before the seconds are in doubt.
BUSY = 0.15
STYLES = {"ok": "green", "MISSED": "bold red", "skipped": "yellow", "": ""}
METHOD = """\
Each run is a fresh process; the variants take turns, and each row is the median of its runs (a stage alone:
the best, so that nothing looks good beside a disturbed one). **plain** is one httpx stream to a zip on
disk, `zipfile.extractall`, a sha256 pass with 64 KiB reads, SQLite's integrity_check and two voyager loads.
**ours** is `facedb fetch` into an empty folder with every check on, the child processes that open the
indices included; it also makes its files durable (fsync), which the plain way does not. The seconds leave
out the interpreter's start and the imports, for both. The server runs on the same machine, in its own
process, with sendfile; its slow links are token buckets for each connection and for all, and an answer's
first byte takes 30 ms. Bytes written are `write_bytes` of /proc/PID/io, children included (`wchar` where
the file system does not count them); peaks are VmHWM of the fetch process alone; bytes moved are the
server's count. *Others* is the share of the cores that neither the variant nor the server used: the higher,
the less the seconds say, and the more the CPU seconds do."""


def show(console: Console, rows: Sequence[Bar]) -> None:
    """Print the table of bars."""
    table = Table(title="Each promise, measured")
    for heading in ("what", "measured", "at most", "", "behind it"):
        table.add_column(heading, justify="right" if heading in ("measured", "at most") else "left")
    for bar in rows:
        style = STYLES[bar.verdict]
        mark = f"[{style}]{bar.verdict}[/]" if style else ""
        table.add_row(bar.name, number(bar.measured, bar), number(bar.at_most, bar), mark, bar.note)
    console.print(table)


def busy(results: Results) -> str | None:
    """Return a warning when other work disturbed the run."""
    others = max((r.others for r in results.races), default=0.0)
    if others <= BUSY:
        return None
    return (
        f"Other work used {others:.0%} of the cores meanwhile: seconds and their ratios are unsure. "
        "Run it again on a quiet machine."
    )


def number(value: float | None, bar: Bar) -> str:
    """Return the value with the bar's digits, or a dash."""
    return "-" if value is None else f"{value:.{bar.digits}f}"


def table(rows: Sequence[Bar]) -> Iterator[str]:
    """The bars as Markdown, with an empty line behind them."""
    yield "| What | Measured | At most | | Behind it |"
    yield "|---|---:|---:|---|---|"
    for bar in rows:
        cells = (bar.name, number(bar.measured, bar), number(bar.at_most, bar), bar.verdict, bar.note)
        yield f"| {' | '.join(cells)} |"
    yield ""


def method_and_machine(method: str, machine: Mapping[str, str]) -> Iterator[str]:
    """The end of a page: how it was measured, and where."""
    yield "## Method"
    yield ""
    yield method
    yield ""
    yield "## Machine"
    yield ""
    yield from (f"- {name}: {value}" for name, value in machine.items())


def write(folder: Path, stem: str, results: Results, rows: Sequence[Bar], machine: Mapping[str, str]) -> None:
    """Write `<stem>.md` and `<stem>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.md").write_text("\n".join(_markdown(stem, results, rows, machine)) + "\n")
    (folder / f"{stem}.json").write_text(json.dumps(_data(results, rows, machine), indent=2) + "\n")


def _data(results: Results, rows: Sequence[Bar], machine: Mapping[str, str]) -> dict[str, Any]:
    return {
        "machine": dict(machine),
        "bars": [asdict(bar) | {"verdict": bar.verdict} for bar in rows],
        "results": asdict(results),
    }


def _markdown(stem: str, results: Results, rows: Sequence[Bar], machine: Mapping[str, str]) -> Iterator[str]:
    yield f"# Fetch and verify, measured ({results.scale} scale)"
    yield ""
    yield "Written by `make bench`" + (" SCALE=full" if results.scale == "full" else "") + "; do not edit."
    yield ""
    if warning := busy(results):
        yield warning
        yield ""
    yield f"![Seconds by link, and of each stage alone]({stem}.svg)"
    yield ""
    yield from table(rows)
    yield from _races(results.races)
    yield from _stages(results)
    yield "## Method"
    yield ""
    yield METHOD
    yield ""
    yield "## Release and machine"
    yield ""
    yield (
        f"{results.faces:,} faces of {results.performers:,} performers, two 512-d Float32 indices (M=12); "
        f"{results.unpacked / 1e6:.1f} MB in a deflated zip of {results.packed / 1e6:.1f} MB."
    )
    yield ""
    yield from (f"- {name}: {value}" for name, value in machine.items())


def _races(races: Sequence[Race]) -> Iterator[str]:
    if not races:
        return
    yield "## Links"
    yield ""
    yield "| Link | Variant | Runs | Seconds | CPU s | Written MB | Peak MiB | Child MiB | Others | Parts |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|---|"
    for race in races:
        for variant in (PLAIN, OURS):
            yield _race_row(race, variant)
    yield ""


def _race_row(race: Race, variant: str) -> str:
    runs = race.runs[variant]
    middle = sorted(runs, key=lambda r: r.reading.seconds)[len(runs) // 2]
    cells = (
        race.name,
        variant,
        str(len(runs)),
        f"{race.seconds(variant):.2f}",
        f"{race.cpu_seconds(variant):.2f}",
        f"{race.written(variant) / 1e6:.0f}",
        f"{race.peak(variant) / MIB:.0f}",
        f"{race.children_peak(variant) / MIB:.0f}",
        f"{race.others:.0%}",
        ", ".join(f"{name} {seconds:.2f}" for name, seconds in middle.reading.phases.items()),
    )
    return f"| {' | '.join(cells)} |"


def _stages(results: Results) -> Iterator[str]:
    if not results.stages:
        return
    yield "## Each stage alone"
    yield ""
    yield "| Stage | Seconds, one thread | Seconds, a thread for each core | CPU s |"
    yield "|---|---:|---:|---:|"
    for stage in results.stages:
        yield f"| {stage.name} | {stage.one:.2f} | {stage.all:.2f} | {stage.cpu_seconds:.2f} |"
    yield ""
