"""The faces of a scene → groups of faces of one person. Pure.

The rules are the reference sidecar's: faces go one by one to the nearest group, and groups that look most
like the same performer are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from facedb_sidecar.engine.faces import Face
from facedb_sidecar.engine.matching import Match

SCREENSHOT = -1


@dataclass(frozen=True)
class SceneFace:
    """A face in a frame of a scene, and who it may be, most likely first.

    ``frame``: the frame's index; SCREENSHOT is the scene's cover.
    """

    frame: int
    face: Face
    matches: tuple[Match, ...]


Cluster = tuple[SceneFace, ...]


def cluster(faces: Sequence[SceneFace], threshold: float) -> tuple[Cluster, ...]:
    """Put each face, in order, into the nearest group, or into one of its own.

    A face is its FaceNet and ArcFace vectors one after the other, neither scaled; a group is the mean of its
    faces. Where two groups are as near, the older one takes the face.

    Args:
        faces: in the order of the frames.
        threshold: cosine distance in [0, 2] below which a face belongs to a group.

    Returns:
        Groups in the order of their first faces; each face is in exactly one.
    """
    groups: list[list[SceneFace]] = []
    # A mean has the direction of the sum, and only directions are compared.
    sums = np.zeros((0, 0), np.float64)
    for face in faces:
        vector = np.concatenate([face.face.facenet, face.face.arcface]).astype(np.float64)
        distances = _distances(vector, sums[: len(groups)]) if groups else np.zeros(0)
        nearest = int(distances.argmin()) if groups else -1
        if groups and distances[nearest] < threshold:
            groups[nearest].append(face)
            sums[nearest] += vector
            continue
        if len(groups) == len(sums):
            sums = _larger(sums, len(vector))
        sums[len(groups)] = vector
        groups.append([face])
    return tuple(tuple(group) for group in groups)


def _larger(sums: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """The same rows, and as many again."""
    more = np.zeros((max(8, 2 * len(sums)), width))
    more[: len(sums)] = sums.reshape(-1, width)
    return more


def _distances(vector: npt.NDArray[np.float64], sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cosine distances in [0, 2] of a vector to each row; 1 where either has no length."""
    lengths = np.linalg.norm(sums, axis=1) * np.linalg.norm(vector)
    cosine = np.divide(sums @ vector, lengths, out=np.zeros(len(sums)), where=lengths > 0)
    distances: npt.NDArray[np.float64] = 1.0 - cosine
    return distances


def merge(clusters: Iterable[Cluster]) -> tuple[Cluster, ...]:
    """Join groups whose nearest match is the same performer.

    Returns:
        Groups with a match in the order of their first members, then those without.
    """
    known: dict[str, list[SceneFace]] = {}
    unknown: list[Cluster] = []
    for group in clusters:
        best = min(
            (face.matches[0] for face in group if face.matches),
            key=lambda match: (match.distance, match.label),
            default=None,
        )
        if best is None:
            unknown.append(group)
        else:
            known.setdefault(best.performer.universal_id, []).extend(group)
    return (*(tuple(group) for group in known.values()), *unknown)


def frames_of(faces: Iterable[SceneFace]) -> int:
    """In how many different frames these faces are; the screenshot counts as one."""
    return len({face.frame for face in faces})


def largest_first(faces: Iterable[SceneFace]) -> list[SceneFace]:
    """The faces of frames, without the screenshot's, with the most pixels first; one for each frame."""
    ordered = sorted(faces, key=lambda face: (-face.face.box.area, face.frame))
    first: dict[int, SceneFace] = {}
    for face in ordered:
        if face.frame != SCREENSHOT:
            first.setdefault(face.frame, face)
    return list(first.values())
