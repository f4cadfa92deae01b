"""The modes of the plugin's backend → the table of docs/plugin-backend.md. Called by pages."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The plugin is no installed package: Stash runs it in its folder.
sys.path.append(str(ROOT / "plugin" / "facedb"))

from facedb_arguments import Argument, named_in_path  # noqa: E402
from facedb_modes import MODES, Mode  # noqa: E402

PAGE = ROOT / "docs" / "plugin-backend.md"


def table() -> str:
    """Return a row for each mode."""
    rows = ["| mode | request | arguments | seconds |", "|---|---|---|---:|"]
    for name, mode in MODES.items():
        route = mode.path.replace(":whole", "").replace(":base64", "")
        rows.append(f"| `{name}` | `{mode.method} {route}` | {_arguments(mode)} | {mode.limit_s:g} |")
    return "\n".join(rows)


def _arguments(mode: Mode) -> str:
    """The names that a page gives; what is needed is bold."""
    placed = [f"**`{name}`**" for name in named_in_path(mode.path)]
    whole = [f"`{mode.body_is}`"] if mode.body_is else []
    return ", ".join([*placed, *map(_named, (*(mode.body or ()), *mode.query)), *whole])


def _named(argument: Argument) -> str:
    names = " or ".join(f"`{name}`" for name in argument.sources)
    return f"**{names}**" if argument.needed else names
