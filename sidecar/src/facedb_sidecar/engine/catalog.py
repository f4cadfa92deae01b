"""Who a face belongs to: faces.json and performers.json of a release, read once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facedb_sidecar.engine.errors import LoadError


@dataclass(frozen=True)
class Performer:
    """A performer as a match shows it. ``endpoint`` is a stash-box domain such as stashdb.org."""

    universal_id: str
    endpoint: str | None
    stashbox_id: str
    name: str
    country: str | None
    image_url: str | None


@dataclass(frozen=True)
class Catalog:
    """Position in ``faces`` = label in both indices; None where a face was deleted (a gap)."""

    faces: tuple[str | None, ...]
    performers: Mapping[str, Mapping[str, Any]]

    def of_face(self, label: int) -> Performer | None:
        """The performer of a face; None for a gap or a label beyond the end."""
        universal_id = self.faces[label] if 0 <= label < len(self.faces) else None
        if universal_id is None:
            return None
        found = self.performers.get(universal_id, {})
        # Only the first colon divides: an id may hold others.
        endpoint, colon, rest = universal_id.partition(":")
        return Performer(
            universal_id=universal_id,
            endpoint=endpoint if colon else None,
            stashbox_id=rest if colon else universal_id,
            name=str(found.get("name", "Unknown")),
            country=found.get("country"),
            image_url=found.get("image_url"),
        )


def load_catalog(folder: Path) -> Catalog:
    """Read both maps.

    Raises:
        LoadError: InvalidCatalog when one is missing or not of its shape.
    """
    faces = _read(folder / "faces.json")
    performers = _read(folder / "performers.json")
    if not isinstance(faces, list) or not isinstance(performers, dict):
        raise LoadError("InvalidCatalog", "faces.json must be an array and performers.json an object.")
    return Catalog(tuple(faces), performers)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise LoadError("InvalidCatalog", f"{path.name} cannot be read: {error}") from error
