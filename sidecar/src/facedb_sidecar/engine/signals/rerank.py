"""Matches by distance and what the signals say → matches in a better order. Pure.

The rules and numbers are the reference sidecar's: score = 1 / (1 + distance) x body x tattoo. Distances and
confidences stay what they were; only the order changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from facedb_sidecar.engine.signals.evidence import Evidence, Proportions, Tattoos

# What the reference ranks again, whatever the request says: so many matches, up to this distance.
RERANKED = 20
RERANKED_DISTANCE = 1.0

# The first difference of shoulder / hip that is exceeded decides.
BODY_STEPS = ((0.35, 0.3), (0.2, 0.6), (0.12, 0.85))
NO_TATTOO_SEEN = 0.95
NO_TATTOO_KNOWN = 0.7
ALIKE, ALIKE_BOOST = 0.5, 1.1
SAME, SAME_BOOST, SAME_MOST = 0.7, 1.3, 1.5


class Named(Protocol):
    """A performer, as far as this module cares."""

    @property
    def universal_id(self) -> str:
        """Stash-box domain, colon, id."""


class Ranked(Protocol):
    """A match, as far as this module cares."""

    @property
    def distance(self) -> float:
        """In [0, 2], smaller is closer."""

    @property
    def performer(self) -> Named:
        """Who it is."""


class Known(Protocol):
    """What a release knows of its performers."""

    def shoulder_hip(self, universal_id: str) -> float | None:
        """Shoulder width by hip width, or None."""

    def has_tattoos(self, universal_id: str) -> bool:
        """Whether a tattoo of this performer is in the index."""


M = TypeVar("M", bound=Ranked)


def rerank(matches: Sequence[M], evidence: Evidence, known: Known) -> tuple[M, ...]:
    """Order matches by score, best first; equal scores keep their order.

    Args:
        matches: nearest first; the best matches of all, before any cut to what the request asks for.
        evidence: of the image that they come from.
        known: such as Signals.
    """
    if not evidence.used:
        return tuple(matches)
    return tuple(sorted(matches, key=lambda match: -score(match, evidence, known)))


def score(match: Ranked, evidence: Evidence, known: Known) -> float:
    """How well a match fits, above 0; larger is better."""
    who = match.performer.universal_id
    body = body_factor(evidence.body, known.shoulder_hip(who))
    tattoo = tattoo_factor(evidence.tattoos, who, known=known.has_tattoos(who))
    return body * tattoo / (1.0 + match.distance)


def body_factor(seen: Proportions | None, stored: float | None) -> float:
    """0.3 to 1: how well shoulders and hips fit; 1 where either side is not known."""
    if seen is None or stored is None:
        return 1.0
    apart = abs(seen.shoulder_hip - stored)
    return next((factor for step, factor in BODY_STEPS if apart > step), 1.0)


def tattoo_factor(seen: Tattoos | None, universal_id: str, *, known: bool) -> float:
    """0.7 to 1.5: how well the tattoos fit.

    Args:
        seen: on the image; None when nobody looked.
        universal_id: of the candidate.
        known: whether the release has a tattoo of the candidate.
    """
    if seen is None:
        return 1.0
    if not seen.found:
        return NO_TATTOO_SEEN if known else 1.0
    similarity = min(1.0, seen.similarity.get(universal_id, 0.0))
    if similarity > SAME:
        return SAME_BOOST + (SAME_MOST - SAME_BOOST) * (similarity - SAME) / (1.0 - SAME)
    if similarity > ALIKE:
        return ALIKE_BOOST
    return 1.0 if known else NO_TATTOO_KNOWN
