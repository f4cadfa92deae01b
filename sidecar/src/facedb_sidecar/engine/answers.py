"""What an engine answers about one image: values for routes to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import overload

from facedb_sidecar.engine.faces import Face
from facedb_sidecar.engine.matching import Match
from facedb_sidecar.engine.timing import Timing


@dataclass(frozen=True)
class Identified:
    """A face of an image and who it may be, most likely first."""

    face: Face
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class Identification(Sequence[Identified]):
    """The faces of an image, as a sequence.

    Attributes:
        faces: best detected first.
        timing: how long the stages took.
        signals_used: of ``body`` and ``tattoo``, those that said something about any face.
    """

    faces: tuple[Identified, ...]
    timing: Timing = field(default_factory=Timing)
    signals_used: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        faces: Sequence[Face],
        matches: Sequence[tuple[Match, ...]],
        timing: Timing,
        signals_used: tuple[str, ...] = (),
    ) -> Identification:
        """Put faces and their matches together; both have the same order."""
        found = tuple(Identified(face, near) for face, near in zip(faces, matches, strict=True))
        return cls(found, timing, signals_used)

    @overload
    def __getitem__(self, at: int) -> Identified: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Identified, ...]: ...
    def __getitem__(self, at: int | slice) -> Identified | tuple[Identified, ...]:
        """One face, or some."""
        return self.faces[at]

    def __len__(self) -> int:
        """How many faces there are."""
        return len(self.faces)
