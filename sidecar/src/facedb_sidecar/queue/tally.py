"""How far a generation of fingerprints is, as the text that a job's cursor holds. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Tally:
    """Where a generation stands; also what was asked of it.

    Attributes:
        version: of the database that this counts for; another one begins again.
        after: id of the last scene that was tried; the next one is larger.
        successful: fingerprints made.
        failed: scenes and images that could not be analysed.
        skipped: scenes that needed nothing.
        refresh_outdated: whether scenes that an older database has seen are done again.
        num_frames: to look at in a scene; None: as the settings say. So the others.
        min_face_size: pixels.
        max_distance: of a match.
    """

    version: str | None = None
    after: int = -1
    successful: int = 0
    failed: int = 0
    skipped: int = 0
    refresh_outdated: bool = True
    num_frames: int | None = None
    min_face_size: int | None = None
    max_distance: float | None = None

    @property
    def tried(self) -> int:
        """Scenes and images so far."""
        return self.successful + self.failed

    def to_text(self) -> str:
        """For the cursor."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None})


def read_tally(cursor: str | None) -> Tally:
    """From a cursor; one that means nothing counts as none, for a user may send any text."""
    try:
        said = json.loads(cursor or "{}")
    except ValueError:
        return Tally()
    if not isinstance(said, dict):
        return Tally()
    usual = Tally()
    return Tally(**{f.name: _like(said.get(f.name), getattr(usual, f.name), f.name) for f in fields(Tally)})


_OPTIONAL = {"version": str, "num_frames": int, "min_face_size": int, "max_distance": float}


def _like(value: Any, usual: Any, name: str) -> Any:
    """The value, if it is of the type that the field has."""
    wanted = _OPTIONAL.get(name, type(usual))
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value if type(value) is wanted else usual
