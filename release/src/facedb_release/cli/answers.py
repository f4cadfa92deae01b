"""The outcome of a command and its details → one JSON object, or a few lines for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import typer

from facedb_release.outcome import Outcome

UNITS = ("B", "kB", "MB", "GB", "TB")


class Answer:
    """What a command has to say beyond its outcome; filled while it works, told at its end.

    Attributes:
        details: fields of the JSON object, beside the outcome's.
        lines: for people, below the message.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self.details: Mapping[str, Any] = {}
        self.lines: Sequence[str] = ()

    def __call__(self, outcome: Outcome) -> None:
        """Write it to stdout."""
        if self._as_json:
            typer.echo(json.dumps(asdict(outcome) | dict(self.details), indent=2))
            return
        typer.echo("\n".join([*_told(outcome), *self.lines, *(f"  warning: {w}" for w in outcome.warnings)]))


def json_line(outcome: Outcome) -> None:
    """Write the outcome as the last of a run's JSON lines."""
    typer.echo(json.dumps({"event": "outcome", **asdict(outcome)}))


def size_text(size_bytes: int) -> str:
    """Return a size as people read it: `794 MB`, `1.5 GB`, powers of 1000."""
    size, unit = float(size_bytes), 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {UNITS[unit]}" if unit and size < 9.95 else f"{size:.0f} {UNITS[unit]}"


def table(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """Return rows as lines of even columns, indented by two.

    Args:
        rows: cells, as many in each row.
        right: the columns to align to the right.
    """
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    align: list[Callable[[str, int], str]] = [
        str.rjust if i in right else str.ljust for i in range(len(widths))
    ]
    return [
        "  " + "  ".join(align[i](cell, widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows
    ]


def _told(outcome: Outcome) -> list[str]:
    lines = [outcome.message if outcome.ok else f"{outcome.reason}: {outcome.message}"]
    facts = (("expected", outcome.expected), ("found", outcome.found))
    return lines + [f"  {key}: {value}" for key, value in facts if value is not None]
