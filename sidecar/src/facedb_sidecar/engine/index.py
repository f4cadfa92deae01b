"""The two indices of a release: opened side by side, checked, asked for the neighbours of many faces at once.

Float32 indices, which is what releases hold, are walked by faiss (graph.py). voyager itself serves those with
8-bit numbers and those in which vectors are marked as deleted, behind the same few methods. Called by the
engine and by matching.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import voyager

from facedb_release.errors import ReleaseError
from facedb_release.verify.graph import check_graph
from facedb_release.verify.index import Storage, read_header
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.graph import Found, read_graph, search_alone
from facedb_sidecar.engine.models import EMBEDDING_DIM

# How wide a graph is searched by each setting. `parity`: as wide as the list is long, which is what voyager
# does when nobody says anything (max(10, k)): the reference sidecar's answers, its misses included.
# `wide`: in a well built graph of 90,000 faces, of the faces that are nearest to hard pictures `parity` finds
# 74 in 100, 400 finds 98.6, 800 finds 99.8, at 2 ms for a face (docs/benchmarks/serving-full.md).
# `exact`: None, every vector is compared, which costs a batch twice as much as `wide`, and a single
# face more than ten times.
WIDTHS: dict[str, int | None] = {"parity": 1, "wide": 800, "exact": None}
# voyager has nothing wider, so that this stands for `exact` there.
WIDE_EF = 2000
# How wide the self-check searches, as far as needed: at full scale a graph that was built hastily loses 26 in
# 100 at 200, and 1 in 100 at 2000 (measured). Poor is not damaged.
CHECK_WIDTHS = (200, 600, WIDE_EF)
# A stored vector's distance from itself, or from the same photo under another label: 0 but for rounding.
SELF_DISTANCE = 1e-3
SAMPLES = 50
NEAR = 10
# A good graph leaves a few vectors where no search finds them: 16 of 10,000 at ef 200 (measured).
NEEDED_SHARE = 0.9
# Of the faces of the self-check, those that are asked for alone and timed.
TIMED = 13
# For one index, where every vector is compared.
MEASURE_SECONDS = 0.5
# hnswlib's guard against a vector of length 0.
TINY = np.float32(1e-30)
# Faces that one thread takes at once: so that none has much to do when the others are done.
SHARE = 8

Vector = npt.NDArray[np.float32]
CORES = min(16, len(os.sched_getaffinity(0)))
# Shared by all indices of the process: its threads are in C++ nearly all of the time, not in Python.
_POOL = ThreadPoolExecutor(max(2, CORES), thread_name_prefix="search", initializer=search_alone)


class Store(Protocol):
    """Whoever holds the vectors."""

    def __len__(self) -> int: ...

    def near(self, vectors: Vector, k: int, ef: int | None) -> Found:
        """As graph.Graph.near."""

    def vector(self, label: int) -> Vector:
        """As graph.Graph.vector."""

    def settle(self) -> None:
        """As graph.Graph.settle."""


@dataclass(frozen=True)
class Neighbours:
    """What was found for m faces, nearest first.

    Attributes:
        labels: (m, k) int64; -1 behind the last, where fewer than k were found.
        distances: (m, k) float32 cosine distances in [0, 2]; those behind the last say nothing.
    """

    labels: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float32]


@dataclass(frozen=True)
class VoyagerStore:
    """An index in voyager."""

    index: Any

    def __len__(self) -> int:
        return len(self.index)

    def near(self, vectors: Vector, k: int, ef: int | None) -> Found:
        """As graph.Graph.near; where every vector is to be compared, a very wide search stands for it."""
        ef = max(k, WIDE_EF if ef is None else ef)
        labels, distances = np.full((len(vectors), k), -1), np.ones((len(vectors), k), np.float32)
        try:
            found, distances[:] = self.index.query(vectors, k=k, query_ef=ef)
            labels[:] = found
        except voyager.RecallError:
            for i, vector in enumerate(vectors):
                self._fewer(vector, ef, labels[i], distances[i])
        return labels, distances

    def _fewer(self, vector: Vector, ef: int, labels: npt.NDArray[np.int64], distances: Vector) -> None:
        """Fill in what can be found: fewer than k are there, or can be reached from the way down."""
        k = len(labels)
        while k:
            try:
                labels[:k], distances[:k] = self.index.query(vector, k=k, query_ef=ef)
                return
            except voyager.RecallError:
                k //= 2

    def vector(self, label: int) -> Vector:
        """As graph.Graph.vector.

        Raises:
            RuntimeError: it is marked as deleted.
        """
        stored: Vector = self.index.get_vector(label)
        return stored

    def settle(self) -> None:
        """Nothing: voyager has read all into memory."""


@dataclass(frozen=True)
class FaceIndex:
    """An opened index. Immutable; safe to ask from several threads.

    Attributes:
        name: the file's.
        store: who holds the vectors.
        width: of a search; None: every vector is compared.
    """

    name: str
    store: Store = field(repr=False)
    width: int | None = WIDTHS["wide"]

    def __len__(self) -> int:
        return len(self.store)

    def search(self, vectors: Vector, k: int) -> Neighbours:
        """The nearest ``k`` faces, at most, of (m, 512) float32 vectors of any length."""
        return self.near(_unit(vectors), k)

    def near(self, unit: Vector, k: int) -> Neighbours:
        """The nearest ``k`` faces, at most, of (m, 512) float32 vectors of length 1."""
        return Neighbours(*self.store.near(unit, min(k, len(self)), self.width))

    def self_check(self) -> int:
        """Ask for stored vectors, evenly spread: nine in ten must find themselves.

        Returns:
            How many were asked.

        Raises:
            LoadError: CorruptIndex.
        """
        labels = self._sample()
        lost = labels
        for width in CHECK_WIDTHS:
            lost = lost[~self._find(lost, width)]
            if len(labels) - len(lost) >= NEEDED_SHARE * len(labels):
                break
        else:
            message = (
                f"{self.name}: {len(lost)} of {len(labels)} faces do not find themselves, {lost[0]} first."
            )
            raise LoadError("CorruptIndex", message)
        return len(labels)

    def recall(self) -> tuple[int, int]:
        """Ask for the faces of the self-check as wide as requests do.

        The self-check asks whether the index is damaged, and looks as wide as it has to; this tells how good
        it is.

        Returns:
            How many were asked for, and how many of those found themselves.
        """
        labels = lost = self._sample()
        if self.width is not None and self.width > CHECK_WIDTHS[0]:
            # Who is found by a narrow search is found by a wider one, too.
            lost = labels[~self._find(labels, CHECK_WIDTHS[0])]
        found = int(self._find(lost, self.width).sum()) if len(lost) else 0
        return len(labels), len(labels) - len(lost) + found

    def query_times(self) -> tuple[float, ...]:
        """Milliseconds of single queries, as requests ask them; takes half a second at most."""
        labels = self._sample()
        times: list[float] = []
        until = time.monotonic() + MEASURE_SECONDS
        for label in labels[:: -(-len(labels) // TIMED)].tolist():
            vector = self._stored(label)[None]
            began = time.perf_counter()
            self.search(vector, min(NEAR, len(self)))
            times.append(1000 * (time.perf_counter() - began))
            if time.monotonic() > until:
                break
        return tuple(times)

    def _sample(self) -> npt.NDArray[np.int64]:
        """Labels, evenly spread."""
        return np.unique(np.linspace(0, len(self) - 1, min(SAMPLES, len(self))).astype(np.int64))

    def _find(self, labels: npt.NDArray[np.int64], width: int | None) -> npt.NDArray[np.bool_]:
        """Whether each stored vector finds itself, or its like, among its nearest.

        Raises:
            LoadError: CorruptIndex, where a number of it is none: every answer with it would be one too.
        """
        vectors = np.stack([self._stored(label) for label in labels.tolist()])
        found = Neighbours(*self.store.near(_unit(vectors), min(NEAR, len(self)), width))
        there = found.labels >= 0
        good = np.isfinite(vectors).all(axis=1) & np.isfinite(np.where(there, found.distances, 0)).all(axis=1)
        if not good.all():
            face = labels[int(np.argmin(good))]
            raise LoadError("CorruptIndex", f"{self.name}: face {face} holds what is no number.")
        same = (found.labels == labels[:, None]) | (there & (found.distances < SELF_DISTANCE))
        finds: npt.NDArray[np.bool_] = same.any(axis=1)
        return finds

    def _stored(self, label: int) -> Vector:
        try:
            return self.store.vector(label)
        except RuntimeError:
            # Marked as deleted: nothing is like a vector without length.
            return np.zeros(EMBEDDING_DIM, np.float32)


def search_both(
    facenet: FaceIndex, arcface: FaceIndex, queries: tuple[Vector, Vector], k: int
) -> Iterator[tuple[Neighbours, Neighbours]]:
    """Ask both indices for the same faces, side by side.

    Args:
        facenet: an index.
        arcface: the other, of the same faces.
        queries: (m, 512) float32 each, of any length.
        k: how many neighbours, at most.

    Yields:
        What was found for the first faces, for those after them, and so on: some are judged while others
        are still searched for.
    """
    count = len(queries[0])
    if count == 1:
        other = _POOL.submit(arcface.search, queries[1], k)
        yield facenet.search(queries[0], k), other.result()
        return
    units = [_unit(vectors) for vectors in queries]
    if facenet.width is None:
        # Comparing all vectors with all faces is one large product, which has threads of its own.
        yield facenet.near(units[0], k), arcface.near(units[1], k)
        return
    share = max(1, min(SHARE, count // CORES))
    running = [
        (
            _POOL.submit(facenet.near, units[0][i : i + share], k),
            _POOL.submit(arcface.near, units[1][i : i + share], k),
        )
        for i in range(0, count, share)
    ]
    for near, also in running:
        yield near.result(), also.result()


def _unit(vectors: Vector) -> Vector:
    """Vectors of length 1, in the same directions; what is no number stays so, and finds nothing."""
    with np.errstate(all="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors)) + TINY
        unit: Vector = (vectors / lengths[:, None]).astype(np.float32, copy=False)
    return unit


def open_index(path: Path, search: str = "wide") -> FaceIndex:
    """Open an index of 512-d embeddings in cosine space.

    Args:
        path: of the voyager file.
        search: ``parity``, ``wide`` or ``exact``; see WIDTHS.

    Raises:
        LoadError: CorruptIndex when it cannot be read, or its dimension or space is another.
    """
    try:
        header = read_header(path)
        if header.dimensions != EMBEDDING_DIM:
            raise LoadError(
                "CorruptIndex", f"{path.name} has {header.dimensions} dimensions; expected {EMBEDDING_DIM}."
            )
        store: Store | None = read_graph(path, header) if header.storage is Storage.FLOAT32 else None
        if store is None:
            # voyager trusts its files, and ends the process over a bad link.
            check_graph(path, header)
            store = VoyagerStore(voyager.Index.load(str(path)))
    except (ReleaseError, RuntimeError, ValueError, OSError) as error:
        raise LoadError("CorruptIndex", f"{path.name} cannot be opened: {error}") from error
    return FaceIndex(path.name, store, WIDTHS[search])
