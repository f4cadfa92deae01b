"""Two lists of neighbours → ranked matches. Pure.

The rules and numbers are those of the reference sidecar, so that old thresholds keep their meaning: how far
a list can be trusted, how the two distances are joined, what is cut.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from facedb_sidecar.engine.catalog import Catalog, Performer
from facedb_sidecar.engine.index import Neighbours

CANDIDATES = 100
HEALTH_SAMPLE = 20
# A side that did not return this face counts as this far away.
MISSING_DISTANCE = 0.5
FACENET_WEIGHT = 0.5
ARCFACE_WEIGHT = 0.5


class Health(Enum):
    """Whether the distances of a list tell faces apart."""

    HEALTHY = "healthy"
    DEGENERATE = "degenerate"
    EMPTY = "no_results"


@dataclass(frozen=True)
class Match:
    """A stored face that is near. Distances are cosine distances in [0, 2]; 0.0 where a side has none.

    ``already_tagged``: whether the scene that was asked about names the performer already.
    """

    performer: Performer
    label: int
    distance: float
    facenet_distance: float
    arcface_distance: float
    already_tagged: bool = False

    @property
    def confidence(self) -> float:
        """1 - distance, within [0, 1]."""
        return min(1.0, max(0.0, 1.0 - self.distance))


def health(distances: npt.NDArray[np.float32]) -> Health:
    """Judge a list by its 20 nearest distances.

    Near-identical distances mean a collapsed embedding (a blank or tiny face), unless all of them are far.
    """
    top = distances[:HEALTH_SAMPLE]
    if len(top) == 0:
        return Health.EMPTY
    nearest, spread, variance = float(top.min()), float(np.ptp(top)), float(top.var())
    if nearest >= 0.20:
        return Health.HEALTHY
    if nearest < 0.10 and (variance < 0.002 or spread < 0.05):
        return Health.DEGENERATE
    if spread < 0.03 and variance < 0.001:
        return Health.DEGENERATE
    return Health.HEALTHY


def weights(facenet: Health, arcface: Health) -> tuple[float, float]:
    """The weights of both sides: the healthy ones count; where neither is, FaceNet alone."""
    match (facenet is Health.HEALTHY, arcface is Health.HEALTHY):
        case (True, True):
            return FACENET_WEIGHT, ARCFACE_WEIGHT
        case (False, True):
            return 0.0, 1.0
        case _:
            return 1.0, 0.0


def rank(
    facenet: Neighbours, arcface: Neighbours, catalog: Catalog, *, max_distance: float, top_k: int
) -> tuple[Match, ...]:
    """Join both sides per stored face, drop gaps and what is too far, nearest first.

    Args:
        facenet: neighbours in the FaceNet index.
        arcface: neighbours in the ArcFace index.
        catalog: who the faces belong to.
        max_distance: in [0, 2]; farther matches are dropped.
        top_k: at most so many.
    """
    on_facenet, on_arcface = weights(health(facenet.distances), health(arcface.distances))
    near = _by_label(facenet) if on_facenet else {}
    also = _by_label(arcface) if on_arcface else {}
    matches = []
    for label in near.keys() | also.keys():
        performer = catalog.of_face(label)
        distance = on_facenet * near.get(label, MISSING_DISTANCE) + on_arcface * also.get(
            label, MISSING_DISTANCE
        )
        if performer is not None and distance <= max_distance:
            matches.append(Match(performer, label, distance, near.get(label, 0.0), also.get(label, 0.0)))
    # The label breaks ties, so that the same request has the same answer.
    return tuple(sorted(matches, key=lambda m: (m.distance, m.label))[:top_k])


def _by_label(found: Neighbours) -> dict[int, float]:
    return {int(n): float(d) for n, d in zip(found.labels, found.distances, strict=True)}
