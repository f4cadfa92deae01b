"""What an image tells beyond the face: the values that models fill and rerank reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Wanted:
    """Which signals a request asks for."""

    body: bool = True
    tattoo: bool = True


@dataclass(frozen=True)
class Proportions:
    """A body in ratios of lengths, each above 0; body.proportions_of says of which lengths.

    Attributes:
        shoulder_hip: the only one that matches are compared by.
        leg_torso: as the table body_proportions has it.
        arm_span_height: as the table body_proportions has it.
        confidence: in [0, 1].
    """

    shoulder_hip: float
    leg_torso: float
    arm_span_height: float
    confidence: float


@dataclass(frozen=True)
class Tattoos:
    """The tattoos of an image.

    Attributes:
        found: how many; 0 says that the image was looked at and shows none.
        similarity: universal id → the best similarity of any tattoo to one of that performer's, in [0, 1].
    """

    found: int
    similarity: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evidence:
    """What the signals say of one face's image; None where one was not asked, is missing or failed.

    Attributes:
        body: the proportions of the body that the face belongs to.
        tattoos: those of the whole image.
    """

    body: Proportions | None = None
    tattoos: Tattoos | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """The signals that said something: of ``body``, ``tattoo``."""
        said = (("body", self.body), ("tattoo", self.tattoos))
        return tuple(name for name, value in said if value is not None)


NOTHING = Evidence()


def merged(parts: Sequence[Evidence]) -> Evidence:
    """Several images of one person → one evidence.

    Args:
        parts: of each image.

    Returns:
        The body that was seen best; of the tattoos, the most in one image, and each performer's best
        similarity.
    """
    bodies = [part.body for part in parts if part.body is not None]
    seen = [part.tattoos for part in parts if part.tattoos is not None]
    similarity: dict[str, float] = {}
    for tattoos in seen:
        for performer, value in tattoos.similarity.items():
            similarity[performer] = max(value, similarity.get(performer, 0.0))
    return Evidence(
        body=max(bodies, key=lambda body: body.confidence, default=None),
        tattoos=Tattoos(max(t.found for t in seen), similarity) if seen else None,
    )
