"""The state of updates ↔ a small file in DATA_DIR, so that the next process knows where this one was."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

from facedb_release.receipt import write_whole
from facedb_sidecar.updater.machine import Bad, State, Status

NAME = ".facedb-update.json"

log = logging.getLogger(__name__)


def read_note(folder: Path) -> State:
    """Return the state that was written last; a fresh one where there is none, or none that can be read."""
    try:
        return _state(json.loads((folder / NAME).read_bytes()))
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        log.warning("%s cannot be used, and is written anew: %s", folder / NAME, error)
        return State()


def write_note(folder: Path, state: State) -> None:
    """Write the state, whole or not at all.

    Raises:
        OSError: the volume is full or read-only.
    """
    write_whole(folder / NAME, json.dumps(asdict(state), indent=2).encode())


def _state(raw: dict[str, Any]) -> State:
    """Read the note.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """
    return State(
        status=Status(raw["status"]),
        progress_pct=min(100, max(0, int(raw["progress_pct"]))),
        job_id=_text(raw["job_id"]),
        target=_text(raw["target"]),
        digest=_text(raw["digest"]),
        error=_text(raw["error"]),
        deaths=int(raw["deaths"]),
        deaths_loading=int(raw["deaths_loading"]),
        bad=tuple(Bad(str(b["version"]), _text(b["digest"]), str(b["message"])) for b in raw["bad"]),
        # Absent in what a sidecar wrote that could not go back.
        reason=_text(raw.get("reason")),
        back=bool(raw.get("back")),
        left=_text(raw.get("left")),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)
