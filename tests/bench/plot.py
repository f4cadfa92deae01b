"""Results → one SVG: seconds by link of both variants, and of each stage alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .results import OURS, PLAIN, Results

COLOURS = {PLAIN: "#9aa5b1", OURS: "#1f77b4"}


def draw(path: Path, results: Results) -> None:
    """Write the plot. Needs matplotlib."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams |= {"svg.hashsalt": "facedb", "svg.fonttype": "none", "font.size": 9}
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    _links(left, results)
    _stages(right, results)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _links(axes: Any, results: Results) -> None:
    """Draw a pair of bars for each link, with the ratio beside ours."""
    for at, race in enumerate(results.races):
        for shift, variant in ((-0.2, PLAIN), (0.2, OURS)):
            seconds = race.seconds(variant)
            text = f" {seconds:.2f} s" + (f"  ({1 / race.ratio:.1f} x)" if variant == OURS else "")
            label = variant if at == 0 else None
            axes.barh(at + shift, seconds, height=0.38, color=COLOURS[variant], label=label)
            axes.text(seconds, at + shift, text, va="center")
    axes.set_yticks(range(len(results.races)), [r.name for r in results.races])
    axes.invert_yaxis()
    axes.margins(x=0.3)
    axes.set_title(f"Fetch and verify {results.packed / 1e6:.0f} MB: seconds by link", loc="left")
    if results.races:
        axes.legend(frameon=False, loc="lower right")


def _stages(axes: Any, results: Results) -> None:
    """Draw each stage alone, and where ours ends on the unlimited link."""
    for at, stage in enumerate(results.stages):
        axes.barh(at, stage.best, height=0.6, color="#c8d6e5")
        axes.text(stage.best, at, f" {stage.best:.2f} s", va="center")
    axes.set_yticks(range(len(results.stages)), [s.name for s in results.stages])
    axes.invert_yaxis()
    if results.races:
        axes.axvline(
            results.races[0].seconds(OURS), color=COLOURS[OURS], label=f"ours, {results.races[0].name}"
        )
        axes.legend(frameon=False, loc="lower right")
    axes.margins(x=0.2)
    axes.set_title("Each stage alone: seconds", loc="left")
