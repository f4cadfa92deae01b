"""A voyager file of Float32 vectors → the same graph, link by link, in faiss. Called by engine.index.

voyager's wheels know no AVX2: faiss walks the same graph in less than half the time, and finds the same
faces, because both search as hnswlib does (measured: the same 100 of 366,794 for each of 2000 queries). The
vectors are first used where they lie, in the mapped file, so that loading copies only the links; settle then
brings them into memory of our own, while requests are served.
"""

from __future__ import annotations

import mmap
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from facedb_release.verify.index import HEADER_BYTES, IndexHeader
from facedb_sidecar.engine.exact import most_alike
from facedb_sidecar.engine.graph_links import read_links

Vectors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Found = tuple[Labels, Vectors]

# What settle copies at once: the interpreter is free meanwhile.
BLOCK_ROWS = 8192
BLOCK_BYTES = 8 << 20


class Graph:
    """An index in faiss. Safe to ask from several threads, also while it settles.

    Attributes:
        vectors: (n, 512) float32, each of length 1; rows apart by a whole record until it has settled.
        labels: (n,) int64, whose vector it is; None: the n-th vector is that of label n.
    """

    def __init__(self, index: Any, vectors: Vectors, labels: Labels | None, mapped: mmap.mmap) -> None:
        self._index = index
        self._mapped = mapped
        # All that a search may still point into.
        self._held: list[Any] = []
        self.vectors, self.labels = vectors, labels
        self._point_to(vectors)

    def __len__(self) -> int:
        return len(self.vectors)

    def _point_to(self, vectors: Vectors) -> None:
        flat = _flat(vectors)
        self._held += [flat, vectors]
        # One word is written, and a search reads it once, at its beginning.
        self._index.storage = flat
        self.vectors = vectors

    def settle(self) -> None:
        """Bring the vectors into memory of our own, and let go of the file's pages.

        There no other process can push them out, the volume may vanish, and a search takes a quarter less
        time: numpy asks for large pages. Until then the file must not be written to; releases never are.
        """
        own = np.empty(self.vectors.shape, np.float32)
        for first in range(0, len(own), BLOCK_ROWS):
            own[first : first + BLOCK_ROWS] = self.vectors[first : first + BLOCK_ROWS]
        self._point_to(own)
        # Python keeps its lock during a madvise: of a whole file at once it took a tenth of a second.
        for first in range(0, len(self._mapped), BLOCK_BYTES):
            length = min(BLOCK_BYTES, len(self._mapped) - first)
            self._mapped.madvise(mmap.MADV_DONTNEED, first, length)

    def near(self, vectors: Vectors, k: int, ef: int | None) -> Found:
        """The nearest of each vector.

        Args:
            vectors: (m, 512) float32, each of length 1.
            k: how many, at most the index's size.
            ef: how wide the graph is searched; None: every vector is compared.

        Returns:
            (m, k) int64 labels, -1 where fewer were found, and (m, k) float32 cosine distances, ascending.
        """
        if ef is None:
            alike, places = most_alike(self.vectors, vectors, k)
        else:
            alike, places = self._index.search(vectors, k, params=_effort(max(ef, k)))
        if self.labels is not None:
            places = np.where(places < 0, places, self.labels[places])
        return places, np.float32(1) - alike

    def vector(self, label: int) -> Vectors:
        """The stored vector of a label: (512,)."""
        at = label if self.labels is None else int(np.flatnonzero(self.labels == label)[0])
        stored: Vectors = self.vectors[at]
        return stored


def search_alone() -> None:
    """Let this thread search without faiss' own threads, which spin while they wait for each other."""
    faiss.omp_set_num_threads(1)


@lru_cache(maxsize=64)
def _effort(ef: int) -> Any:
    # Unbounded queues are those of hnswlib, and so of voyager. faiss' stubs lack the class.
    return faiss.SearchParametersHNSW(efSearch=ef, bounded_queue=False)  # type: ignore[attr-defined]


def _flat(vectors: Vectors) -> Any:
    """A flat index of faiss over (n, d) float32 that lie elsewhere, each of them in one piece.

    faiss has such views for files that it maps itself; this makes one by hand. A test compares its answers.
    """
    flat = faiss.IndexFlatIP(vectors.shape[1])
    codes, size = flat.codes, vectors.size * vectors.itemsize
    # Said to be as long as the numbers alone: faiss only looks where a vector begins.
    first = np.lib.stride_tricks.as_strided(vectors, (vectors.size,), (vectors.itemsize,), writeable=False)
    codes.is_owned, codes.view_size, codes.c_size = False, size, size
    codes.view_data = codes.c_ptr = faiss.swig_ptr(first.view(np.uint8))
    flat.code_size, flat.ntotal = vectors.strides[0], len(vectors)
    return flat


def read_graph(path: Path, header: IndexHeader) -> Graph | None:
    """Read a whole Float32 index.

    Args:
        path: of the index.
        header: as facedb_release.verify.index.read_header read it.

    Returns:
        None where vectors are marked as deleted: faiss knows no such mark.

    Raises:
        WrongRelease: CorruptIndex.
    """
    with path.open("rb", buffering=0) as f:
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_WILLNEED)
        mapped = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
        links = read_links(f, mapped, header, path.name)
    if links is None:
        return None
    at = HEADER_BYTES + 4 + 8 * header.links
    vectors: Vectors = np.ndarray((header.count, header.dimensions), "<f4", mapped, at, (header.record, 4))
    return Graph(links.index, vectors, links.labels, mapped)
