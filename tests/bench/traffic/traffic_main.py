"""`python -m bench.traffic.traffic_main [--scale quarter|full|toy]`: measure; write each promise."""

from __future__ import annotations

import argparse
import base64
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from enrolment import astronaut_photo, jpeg
from model_pack import build_model_pack

from ..bars import Bar
from ..data import BASE, FIVE, releases
from ..facts import facts
from ..main import ROOT, cache_folder
from ..report import method_and_machine, show, table
from ..scales import SCALES
from . import scenes_of_traffic as scenes
from .sidecar_process import fetched, serving
from .traffic_bars import bars
from .traffic_results import TrafficResults

console = Console(width=None if sys.stdout.isatty() else 150)
METHOD = """\
The sidecar runs as in its container: uvicorn with uvloop and httptools, one process, on the CPU. Clients are
processes of their own on the same cores: what they use is taken from the server. They hold connections open
and send a JPEG of one face in base64. `/health` is asked 50 times a second whatever becomes of the answers,
and a time counts from when it was to be asked. *A load* is the other release's indices, maps and networks
loaded and checked beside the serving ones, then swapped in; only probes that were under way during one count.
What the client was late with is time in which the machine did not run the client, nor perhaps the server.
*Full load* is eight connections that ask again when they were answered; *10 x* asks ten times that goodput a
second without waiting for answers. What is rejected gets its 503 before its body is read; the client sends
its body all the same, so that the connection serves its next request."""


def main() -> None:
    """Run what the command line asks for."""
    asked = _asked()
    scale, cache = SCALES[asked.scale], cache_folder()
    data = releases(scale, cache, console.print)
    first, other = (fetched(data, version, console.print) for version in (BASE, FIVE))
    with tempfile.TemporaryDirectory(prefix="work-", dir=cache) as work:
        models, body = Path(work) / "models", Path(work) / "body.json"
        build_model_pack(models)
        photo = base64.b64encode(jpeg(astronaut_photo())).decode()
        body.write_text(json.dumps({"image_base64": photo, "max_distance": 2.0}))
        with serving(first, other, models) as sidecar:
            stage = scenes.Stage(sidecar, body, asked.seconds, asked.loads)
            results = TrafficResults(
                scale.name, scale.faces, scenes.health(stage), scenes.swaps(stage), scenes.overload(stage)
            )
    rows = bars(results)
    show(console, rows)
    if asked.out:
        stem = "traffic" if scale.name == "full" else f"traffic-{scale.name}"
        _write(asked.out, stem, results, rows)


def _write(folder: Path, stem: str, results: TrafficResults, rows: Sequence[Bar]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    machine = facts("uvicorn", "uvloop", "httptools", "fastapi", "onnxruntime-gpu", "faiss-cpu")
    (folder / f"{stem}.md").write_text("\n".join(_markdown(results, rows, machine)) + "\n")
    data = {
        "machine": machine,
        "bars": [asdict(b) | {"verdict": b.verdict} for b in rows],
        "results": asdict(results),
    }
    (folder / f"{stem}.json").write_text(json.dumps(data, indent=2) + "\n")


def _markdown(results: TrafficResults, rows: Sequence[Bar], machine: dict[str, str]) -> Iterator[str]:
    yield f"# Traffic, measured ({results.scale} scale: {results.faces:,} faces in each of two indices)"
    yield ""
    yield "Written by `make bench`; do not edit."
    yield ""
    yield from table(rows)
    yield from method_and_machine(METHOD, machine)


def _asked() -> argparse.Namespace:
    cli = argparse.ArgumentParser(prog="bench.traffic.traffic_main", description=__doc__)
    cli.add_argument("--scale", choices=SCALES, default="quarter")
    cli.add_argument("--seconds", type=float, default=20.0, help="of each state that is measured")
    cli.add_argument("--loads", type=int, default=4, help="and swaps")
    cli.add_argument("--out", type=Path, default=ROOT / "docs" / "benchmarks", help="folder of the numbers")
    return cli.parse_args()


if __name__ == "__main__":
    main()
