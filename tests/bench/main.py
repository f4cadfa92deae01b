"""`python -m bench.main [--scale quarter|full|toy]`: measure; print and write each promise.

Builds the data once into the cache, then runs the parts in turn. Exits 0 also when a bar is missed: what is
judged is printed, and a busy machine is no defect.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from . import scenarios
from .bars import CAPPED, PIPE, UNLIMITED, bars
from .data import releases
from .facts import facts
from .plot import draw
from .process import serving
from .report import busy, show, write
from .results import Results
from .scales import SCALES
from .scenarios import Bench
from .shaping_server import Link

PARTS = (UNLIMITED, CAPPED, PIPE, "stages", "update", "patch", "kill")
ROOT = Path(__file__).resolve().parents[2]
# A table in a log file is not to be squeezed into 80 columns.
console = Console(width=None if sys.stdout.isatty() else 150)


def main() -> None:
    """Run what the command line asks for."""
    asked = _asked()
    scale, cache = SCALES[asked.scale], cache_folder()
    data = releases(scale, cache, _say)
    with tempfile.TemporaryDirectory(prefix="work-", dir=cache) as work:
        bench = Bench(data, Path(work), _say, scale.speed)
        if asked.profile:
            _profile(bench)
            return
        empty = Results(scale.name, scale.faces, scale.performers, data.base.size, data.base.unpacked)
        results = _measure(bench, empty, asked)
    rows, stem = bars(results), "fetch" if scale.name == "quarter" else f"fetch-{scale.name}"
    show(console, rows)
    _warn_if_busy(results)
    if asked.out:
        write(asked.out, stem, results, rows, facts())
        _plot(asked.out / f"{stem}.svg", results)


def _measure(bench: Bench, results: Results, asked: argparse.Namespace) -> Results:
    """Run the parts, in the order in which a wrong one shows soonest."""
    rounds = {UNLIMITED: asked.rounds, CAPPED: asked.slow_rounds, PIPE: asked.slow_rounds}
    for link in (UNLIMITED, CAPPED, PIPE):
        if link in asked.parts:
            results = replace(results, races=(*results.races, scenarios.race(bench, link, rounds[link])))
    if "stages" in asked.parts:
        results = replace(results, stages=scenarios.stages(bench, asked.rounds))
    if "update" in asked.parts:
        results = replace(results, update=scenarios.update(bench))
    if "patch" in asked.parts:
        results = replace(results, patch=scenarios.patched(bench))
    if "kill" in asked.parts:
        results = replace(results, kills=scenarios.kills(bench, asked.kills))
    return results


def _profile(bench: Bench) -> None:
    """Print where one fetch spends its time."""
    base = bench.data.base
    with serving(bench.data.folder, Link()) as server, bench.folder() as into:
        command = [
            sys.executable,
            "-m",
            "bench.profiling",
            server.archive(base.name),
            str(into),
            base.version,
        ]
        subprocess.run(command, check=True)


def _warn_if_busy(results: Results) -> None:
    if warning := busy(results):
        console.print(f"[yellow]{warning}")


def _plot(path: Path, results: Results) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        _say("no plot: matplotlib is missing (uv sync --all-packages --group bench)")
        return
    draw(path, results)


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


def cache_folder() -> Path:
    """Return where the built data lies."""
    base = (
        os.environ.get("FACEDB_CACHE")
        or f"{os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'}/facedb"
    )
    folder = Path(base) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _asked() -> argparse.Namespace:
    cli = argparse.ArgumentParser(prog="bench.main", description=__doc__)
    cli.add_argument("--scale", choices=SCALES, default="quarter")
    cli.add_argument("--rounds", type=int, default=3, help="of the unlimited link and of the stages")
    cli.add_argument("--slow-rounds", type=int, default=1, help="of the slow links")
    cli.add_argument("--kills", type=int, default=4)
    cli.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="only these; nothing is written"
    )
    cli.add_argument(
        "--out", type=Path, default=None, help="folder of the numbers (default: docs/benchmarks)"
    )
    cli.add_argument("--profile", action="store_true", help="only show where one fetch spends its time")
    asked = cli.parse_args()
    if asked.out is None and set(asked.parts) == set(PARTS):
        asked.out = ROOT / "docs" / "benchmarks"
    return asked


if __name__ == "__main__":
    main()
