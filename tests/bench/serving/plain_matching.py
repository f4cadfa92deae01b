"""The plain way to match: contract 3.4 as it reads. Two voyager queries, one after the other; loops.

It is the measure of what the engine does; its answers are the ones that `parity` must give.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import voyager

CANDIDATES = 100
Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PlainMatch:
    """One candidate, as an answer shows it."""

    label: int
    universal_id: str
    name: str
    country: str | None
    image_url: str | None
    distance: float
    facenet_distance: float | None
    arcface_distance: float | None


@dataclass(frozen=True)
class Plain:
    """Both indices and both maps, loaded one after the other."""

    facenet: Any
    arcface: Any
    faces: list[str | None]
    performers: dict[str, dict[str, Any]]

    @classmethod
    def load(cls, folder: Path) -> Plain:
        """Load all."""
        facenet = voyager.Index.load(str(folder / "face_facenet.voy"))
        arcface = voyager.Index.load(str(folder / "face_arcface.voy"))
        faces = json.loads((folder / "faces.json").read_text())
        performers = json.loads((folder / "performers.json").read_text())
        return cls(facenet, arcface, faces, performers)

    def match(self, facenet: Vector, arcface: Vector, *, max_distance: float, top_k: int) -> list[PlainMatch]:
        """Who one face may be."""
        sides = []
        for index, query in ((self.facenet, facenet), (self.arcface, arcface)):
            labels, distances = index.query(query, k=min(CANDIDATES, len(index)))
            sides.append((labels, distances))
        on_facenet, on_arcface = strategy(healthy(sides[0][1]), healthy(sides[1][1]))
        by_facenet: dict[int, float] = {}
        by_arcface: dict[int, float] = {}
        if on_facenet:
            for label, distance in zip(*sides[0], strict=True):
                by_facenet[int(label)] = float(distance)
        if on_arcface:
            for label, distance in zip(*sides[1], strict=True):
                by_arcface[int(label)] = float(distance)
        found = []
        for label in by_facenet.keys() | by_arcface.keys():
            near, also = by_facenet.get(label), by_arcface.get(label)
            joined = on_facenet * (0.5 if near is None else near) + on_arcface * (
                0.5 if also is None else also
            )
            match = self._candidate(label, joined, near, also)
            if match is not None and match.distance <= max_distance:
                found.append(match)
        return sorted(found, key=lambda m: (m.distance, m.label))[:top_k]

    def _candidate(
        self, label: int, joined: float, near: float | None, also: float | None
    ) -> PlainMatch | None:
        universal_id = self.faces[label] if label < len(self.faces) else None
        if universal_id is None:
            return None
        performer = self.performers.get(universal_id, {})
        return PlainMatch(
            label,
            universal_id,
            performer.get("name", "Unknown"),
            performer.get("country"),
            performer.get("image_url"),
            joined,
            near,
            also,
        )


def healthy(distances: Vector) -> bool:
    """Whether a list tells faces apart."""
    top = [float(d) for d in distances[:20]]
    if not top:
        return False
    nearest, spread, variance = min(top), max(top) - min(top), float(np.var(top))
    if nearest >= 0.20:
        return True
    if nearest < 0.10 and (variance < 0.002 or spread < 0.05):
        return False
    return not (spread < 0.03 and variance < 0.001)


def strategy(facenet: bool, arcface: bool) -> tuple[float, float]:
    """The weights of both sides."""
    if facenet and arcface:
        return 0.5, 0.5
    if arcface:
        return 0.0, 1.0
    return 1.0, 0.0
