"""`python -m bench.operator.scale_main [--databases 1000]`: the operator's memory, requests and quickness.

Exits 0 also when a bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from ..facts import facts
from ..main import ROOT
from ..report import show
from .scale import measure
from .scale_report import bars, write

console = Console(width=None if sys.stdout.isatty() else 150)


def main() -> None:
    """Run what the command line asks for."""
    asked = _asked()
    with tempfile.TemporaryDirectory(prefix="facedb-scale-") as folder:
        results = asyncio.run(
            measure(
                Path(folder),
                databases=asked.databases,
                changes=asked.changes,
                rounds=asked.rounds,
                rest_s=asked.rest,
                say=lambda words: console.print(f"[dim]{words}[/]"),
            )
        )
    rows = bars(results)
    show(console, rows)
    if asked.out:
        write(asked.out, results, rows, facts("kopf", "kubernetes", "aiohttp"))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=50, help="specs that change at once")
    parser.add_argument("--rounds", type=int, default=3, help="how often they do")
    parser.add_argument("--rest", type=float, default=120.0, help="seconds of rest that are measured")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks")
    return parser.parse_args()


if __name__ == "__main__":
    main()
