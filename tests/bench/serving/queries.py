"""Stored faces → new pictures of them, easy and hard; and what an exact search finds for those."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from builders import DIMENSIONS, NOISE

Vectors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]

# Of what length the noise is that is added to a stored face, which has length 1 and such noise in it already.
# The distance to the stored face is then about 0.11, 0.29 and 0.45.
NOISES = {"as releases": NOISE, "twice that": 2 * NOISE, "three times that": 3 * NOISE}
PEOPLE_OF_A_SCENE = 8
BLOCK = 16_384


def strangers(rng: np.random.Generator, faces: int, count: int) -> Labels:
    """Each face of somebody else: nothing that one search has read helps the next."""
    return rng.choice(faces, count, replace=count > faces)


def scene(rng: np.random.Generator, faces: int, count: int) -> Labels:
    """Eight people, each seen many times, in turns, as in the frames of a scene."""
    people = strangers(rng, faces, PEOPLE_OF_A_SCENE)
    return np.resize(people, count)


def pictures(rng: np.random.Generator, stored: Vectors, noise: float = NOISE) -> Vectors:
    """New pictures of these faces: (n, 512) float32, of no particular length."""
    drawn = rng.standard_normal(stored.shape, dtype=np.float32)
    return stored + drawn * np.float32(noise / DIMENSIONS**0.5)


def nearest(vectors: Vectors, queries: Vectors) -> tuple[Labels, Vectors]:
    """The exact nearest place of each query, and how alike both are."""
    unit = queries / np.linalg.norm(queries, axis=1, keepdims=True)
    place, best = np.zeros(len(unit), np.int64), np.full(len(unit), -2, np.float32)
    for first in range(0, len(vectors), BLOCK):
        alike = unit @ vectors[first : first + BLOCK].T
        at = alike.argmax(axis=1)
        value = alike[np.arange(len(unit)), at]
        place = np.where(value > best, first + at, place)
        best = np.maximum(value, best)
    return place, best
