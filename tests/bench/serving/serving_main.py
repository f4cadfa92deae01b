"""`python -m bench.serving.serving_main [--scale quarter|full|toy]`: match and load against the plain way.

Uses the data that bench.main builds into the cache. Exits 0 also when a bar is missed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from rich.console import Console

from ..data import releases
from ..facts import facts
from ..main import ROOT, cache_folder
from ..report import show
from ..scales import SCALES
from .serving_bars import bars
from .serving_report import write
from .well_built import well_built

PARTS = ("load", "match", "recall")
FILES = ("face_facenet.voy", "face_arcface.voy", "faces.json", "performers.json")
LOADS = ("indices", "plain", "ours")
console = Console(width=None if sys.stdout.isatty() else 150)


def main() -> None:
    """Run what the command line asks for."""
    asked = _asked()
    scale, cache = SCALES[asked.scale], cache_folder()
    data = releases(scale, cache, _say)
    with tempfile.TemporaryDirectory(prefix="work-", dir=cache) as work:
        folder = Path(work)
        with zipfile.ZipFile(data.folder / data.base.name) as z:
            for name in FILES:
                z.extract(name, folder)
        results = {"scale": scale.name, "faces": scale.faces, "performers": scale.performers}
        results |= _measure(folder, well_built(scale, cache, _say), asked.parts, asked.rounds)
    rows = bars(results)
    show(console, rows)
    if asked.out:
        stem = "serving" if scale.name == "quarter" else f"serving-{scale.name}"
        write(asked.out, stem, results, rows, facts("faiss-cpu", "msgspec"))


def _measure(folder: Path, well: Path, parts: list[str], rounds: int) -> dict[str, Any]:
    results: dict[str, Any] = {}
    if "load" in parts:
        results["load"] = {name: [] for name in LOADS}
        for _ in range(rounds):
            for name in LOADS:
                results["load"][name].append(_child(name, folder))
    if "match" in parts:
        results["match"] = _child("match", folder)
    if "recall" in parts:
        results["recall"] = {"in haste": _child("recall", folder), "built well": _child("recall", well)}
    return results


def _child(what: str, folder: Path) -> Any:
    _say(f"measuring: {what}")
    command = [sys.executable, "-m", "bench.serving.child", what, str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _say(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


def _asked() -> argparse.Namespace:
    cli = argparse.ArgumentParser(prog="bench.serving", description=__doc__)
    cli.add_argument("--scale", choices=SCALES, default="quarter")
    cli.add_argument("--rounds", type=int, default=5, help="of the loads")
    cli.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="only these; nothing is written"
    )
    cli.add_argument("--out", type=Path, help="folder of the numbers (default: docs/benchmarks)")
    asked = cli.parse_args()
    if asked.out is None and set(asked.parts) == set(PARTS):
        asked.out = ROOT / "docs" / "benchmarks"
    return asked


if __name__ == "__main__":
    main()
