"""Vectors and queries → the nearest of each query, found by comparing all with all. Pure; called by graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Places = npt.NDArray[np.int64]

# 32 MB of vectors at once: a product large enough for all cores, its results small enough for their caches.
BLOCK_ROWS = 16_384


def most_alike(vectors: Vectors, queries: Vectors, k: int) -> tuple[Vectors, Places]:
    """Find the vectors with the largest inner products.

    Args:
        vectors: (n, d) float32.
        queries: (m, d) float32.
        k: how many, at most n.

    Returns:
        (m, k) float32 inner products, descending, and (m, k) int64 which vectors they are with; -1, with
        -inf, for a query that holds what is no number.
    """
    best = np.full((len(queries), k), -np.inf, np.float32)
    places = np.full(best.shape, -1)
    for first in range(0, len(vectors), BLOCK_ROWS):
        alike = queries @ vectors[first : first + BLOCK_ROWS].T
        # Few columns hold anything better than what is known, once some blocks have passed.
        columns = np.flatnonzero((alike > best.min(axis=1, keepdims=True)).any(axis=0))
        if not columns.size:
            continue
        values = np.hstack((best, alike[:, columns]))
        values[np.isnan(values)] = -np.inf
        where = np.hstack((places, np.broadcast_to(columns + first, (len(queries), columns.size))))
        kept = np.argpartition(-values, k - 1, axis=1)[:, :k]
        best, places = np.take_along_axis(values, kept, 1), np.take_along_axis(where, kept, 1)
    places[np.isneginf(best)] = -1
    order = np.argsort(-best, axis=1, kind="stable")
    return np.take_along_axis(best, order, 1), np.take_along_axis(places, order, 1)
