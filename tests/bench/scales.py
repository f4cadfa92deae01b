"""How large a benchmark is: the toy of the smoke test, a quarter of the real release, or all of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """One size of release.

    Attributes:
        name: as given on the command line.
        performers: people.
        faces: of them together, twice as many vectors.
        ef_construction: of the index build; low, since its quality is not what is measured.
        speed: of the slow links, 1 as the design has them; a toy needs slower ones to be caught in the act.
    """

    name: str
    performers: int
    faces: int
    ef_construction: int = 40
    speed: float = 1.0


SCALES = {
    s.name: s
    for s in (
        Scale("toy", 120, 400, speed=0.1),
        Scale("quarter", 27_000, 90_000),
        Scale("full", 108_001, 366_794),
    )
}
