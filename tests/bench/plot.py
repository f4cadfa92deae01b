"""Results → one SVG: seconds by link of both variants, and of each stage alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .results import OURS, PLAIN, Race, Results

COLOURS = {PLAIN: "#9aa5b1", OURS: "#1f77b4"}
SHADES = {"one thread": "#dfe7ef", "all cores": "#b3c5d8"}


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
    axes.set_yticks(range(len(results.races)), [_label(r) for r in results.races])
    axes.invert_yaxis()
    axes.margins(x=0.3)
    axes.set_title(f"Fetch and verify {results.packed / 1e6:.0f} MB: seconds by link", loc="left")
    if results.races:
        axes.legend(frameon=False, loc="lower right")


def _label(race: Race) -> str:
    """Return the link's name and speeds."""
    each, total = race.link.each, race.link.total
    speeds = [f"{rate / 1e6:g} MB/s {whose}" for rate, whose in ((each, "each"), (total, "in all")) if rate]
    return "\n".join([race.name, *speeds])


def _stages(axes: Any, results: Results) -> None:
    """Draw each stage alone, with one thread and with one for each core, and where ours ends."""
    for at, stage in enumerate(results.stages):
        seconds = {"one thread": stage.one, "all cores": stage.all}
        for shift, (how, taken) in zip((-0.2, 0.2), seconds.items(), strict=True):
            axes.barh(at + shift, taken, height=0.38, color=SHADES[how], label=how if at == 0 else None)
            axes.text(taken, at + shift, f" {taken:.2f}", va="center", fontsize=7)
    axes.set_yticks(range(len(results.stages)), [s.name for s in results.stages])
    axes.invert_yaxis()
    if results.races:
        race = results.races[0]
        axes.axvline(race.seconds(OURS), color=COLOURS[OURS], label=f"all of ours ({race.name})")
    axes.margins(x=0.45)
    axes.set_title("Each stage alone: seconds", loc="left")
    axes.legend(loc="center right", fontsize=8, framealpha=1, edgecolor="none")
