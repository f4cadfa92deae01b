"""Neighbours of many faces in both indices → ranked matches, for all faces at once. Called by Engine.match.

The rules and numbers are those of the reference sidecar, so that old thresholds keep their meaning: how far
a list can be trusted, how the two distances are joined, what is cut. All but ``match_many`` is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facedb_sidecar.engine.catalog import Catalog, Performer
from facedb_sidecar.engine.index import FaceIndex, Neighbours, Vector, search_both

CANDIDATES = 100
HEALTH_SAMPLE = 20
# A side that did not return this face counts as this far away.
MISSING_DISTANCE = 0.5
FACENET_WEIGHT = 0.5
ARCFACE_WEIGHT = 0.5
# Of FaceNet and of ArcFace, where neither is healthy, ArcFace, FaceNet, both.
_WEIGHTS = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [FACENET_WEIGHT, ARCFACE_WEIGHT]])
# Behind every label, so that what was not found is sorted to the end.
NOWHERE = np.iinfo(np.int64).max

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


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


@dataclass(frozen=True)
class Joined:
    """Candidates of m faces, in the order of their labels: (m, c) each.

    Attributes:
        labels: of stored faces.
        distances: joined; infinite where there is no candidate.
        first: of the side that found it; of FaceNet, where both did.
        second: of ArcFace, where both found it.
        by_facenet: whether FaceNet found it.
        by_both: whether both did.
    """

    labels: Labels
    distances: Numbers
    first: Numbers
    second: Numbers
    by_facenet: Flags
    by_both: Flags


def match_many(
    indices: tuple[FaceIndex, FaceIndex],
    catalog: Catalog,
    faces: tuple[Vector, Vector],
    *,
    max_distance: float,
    top_k: int,
) -> tuple[tuple[Match, ...], ...]:
    """Find who each face may be.

    Args:
        indices: FaceNet's and ArcFace's.
        catalog: who the stored faces belong to.
        faces: (m, 512) float32 embeddings of the same faces by FaceNet and by ArcFace, of any length.
        max_distance: in [0, 2]; farther matches are dropped.
        top_k: at most so many for each face.

    Returns:
        For each face its matches, nearest first.
    """
    if not len(faces[0]):
        return ()
    judge = rank_one if len(faces[0]) == 1 else rank
    matches: list[tuple[Match, ...]] = []
    for found in search_both(*indices, faces, CANDIDATES):
        matches += judge(*found, catalog, max_distance=max_distance, top_k=top_k)
    return tuple(matches)


def rank_one(
    facenet: Neighbours, arcface: Neighbours, catalog: Catalog, *, max_distance: float, top_k: int
) -> tuple[tuple[Match, ...], ...]:
    """As rank, of a single face: there, numpy's many small steps take twice as long as these loops."""
    near, also = _pairs(facenet), _pairs(arcface)
    good = healthy(
        np.stack((facenet.labels, arcface.labels), axis=1),
        np.stack((facenet.distances, arcface.distances), axis=1, dtype=np.float64),
    )
    on_facenet, on_arcface = weights(good).ravel().tolist()
    near, also = near if on_facenet else {}, also if on_arcface else {}
    found = [(on_facenet * d + on_arcface * also.get(n, MISSING_DISTANCE), n) for n, d in near.items()]
    missing = on_facenet * MISSING_DISTANCE
    found += [(missing + on_arcface * d, n) for n, d in also.items() if n not in near]
    matches: list[Match] = []
    for distance, label in sorted(pair for pair in found if pair[0] <= max_distance):
        performer = catalog.of_face(label)
        if performer is not None:
            matches.append(Match(performer, label, distance, near.get(label, 0.0), also.get(label, 0.0)))
            if len(matches) == top_k:
                break
    return (tuple(matches),)


def _pairs(found: Neighbours) -> dict[int, float]:
    pairs = zip(found.labels[0].tolist(), found.distances[0].tolist(), strict=True)
    return {label: distance for label, distance in pairs if label >= 0}


def rank(
    facenet: Neighbours, arcface: Neighbours, catalog: Catalog, *, max_distance: float, top_k: int
) -> tuple[tuple[Match, ...], ...]:
    """Join both sides per stored face, drop gaps and what is too far, nearest first.

    Args:
        facenet: neighbours of m faces in the FaceNet index.
        arcface: neighbours of the same faces in the ArcFace index.
        catalog: who the stored faces belong to.
        max_distance: in [0, 2]; farther matches are dropped.
        top_k: at most so many for each face.
    """
    joined = join(facenet, arcface)
    good = (joined.distances <= max_distance) & catalog.known(joined.labels)
    distances = np.where(good, joined.distances, np.inf)
    # Stable, so that the label breaks ties: the same request has the same answer.
    best = np.argsort(distances, axis=1, kind="stable")[:, :top_k]
    best += np.arange(len(best))[:, None] * distances.shape[1]
    parts = (joined.labels, distances, joined.first, joined.second, joined.by_facenet, joined.by_both)
    rows = zip(*(part.take(best).tolist() for part in parts), strict=True)
    return tuple(tuple(_matches(zip(*row, strict=True), catalog)) for row in rows)


def _matches(row: Iterable[tuple[int, float, float, float, bool, bool]], catalog: Catalog) -> Iterator[Match]:
    for label, distance, first, second, by_facenet, by_both in row:
        performer = catalog.of_face(label) if distance < np.inf else None
        if performer is None:
            return
        facenet, arcface = (first, second if by_both else 0.0) if by_facenet else (0.0, first)
        yield Match(performer, label, distance, facenet, arcface)


def join(facenet: Neighbours, arcface: Neighbours) -> Joined:
    """Weigh both sides of each face, and put together what they say of the same stored face."""
    # FaceNet's beside ArcFace's: (m, 2, k), and so (m, 2k) without a copy.
    count, width = len(facenet.labels), 2 * facenet.labels.shape[1]
    sides = np.stack((facenet.labels, arcface.labels), axis=1)
    distances = np.stack((facenet.distances, arcface.distances), axis=1, dtype=np.float64)
    weight = weights(healthy(sides, distances))
    # What was not found stands behind all; and so does all that a side says which does not count.
    sides[(sides < 0) | (weight == 0)] = NOWHERE
    labels = sides.reshape(count, width)
    order = np.argsort(labels, axis=1, kind="stable")
    by_facenet = order < width // 2
    order += np.arange(count)[:, None] * width
    labels, first = labels.take(order), distances.take(order)
    # A label that both know stands twice, FaceNet's first: the sort is stable.
    by_both = np.zeros(labels.shape, np.bool_)
    np.equal(labels[:, 1:], labels[:, :-1], out=by_both[:, :-1])
    second = np.full(labels.shape, MISSING_DISTANCE)
    np.copyto(second[:, :-1], first[:, 1:], where=by_both[:, :-1])
    on_facenet, on_arcface = weight[:, 0], weight[:, 1]
    joined = np.where(
        by_facenet,
        on_facenet * first + on_arcface * second,
        on_facenet * MISSING_DISTANCE + on_arcface * first,
    )
    joined[:, 1:][by_both[:, :-1]] = np.inf
    joined[labels == NOWHERE] = np.inf
    return Joined(labels, joined, first, second, by_facenet, by_both)


def weights(judged: Flags) -> Numbers:
    """What each side counts: the healthy ones; where neither is, FaceNet alone.

    Args:
        judged: (m, 2) whether FaceNet's and ArcFace's lists of m faces are healthy.

    Returns:
        (m, 2, 1).
    """
    counted: Numbers = _WEIGHTS[judged[:, 0] * 2 + judged[:, 1] * 1, :, None]
    return counted


def healthy(labels: Labels, distances: Numbers) -> Flags:
    """Judge lists by their 20 nearest distances → whether they tell faces apart.

    Near-identical distances mean a collapsed embedding (a blank or tiny face), unless all of them are far. An
    empty list tells nothing.

    Args:
        labels: (..., k), -1 behind the last that was found.
        distances: (..., k), ascending.
    """
    there = labels[..., :HEALTH_SAMPLE] >= 0
    count = there.sum(axis=-1)
    if not there.size:
        return np.zeros(count.shape, np.bool_)
    top, some = distances[..., :HEALTH_SAMPLE], np.maximum(count, 1)
    if not there.all():
        # Then they change neither the sum nor the largest.
        top = np.where(there, top, 0.0)
    nearest, spread = top[..., 0], top.max(axis=-1) - top[..., 0]
    away = top - (top.sum(axis=-1) / some)[..., None]
    away *= there
    variance = np.einsum("...i,...i->...", away, away) / some
    collapsed = (nearest < 0.10) & ((variance < 0.002) | (spread < 0.05))
    collapsed |= (spread < 0.03) & (variance < 0.001)
    judged: Flags = (count > 0) & ((nearest >= 0.20) | ~collapsed)
    return judged
