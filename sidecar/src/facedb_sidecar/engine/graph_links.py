"""The links and labels of a mapped voyager file → an index in faiss that still lacks its vectors.

They are checked on the way, because a bad one would make faiss read elsewhere in memory. Called by graph.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import faiss
import numpy as np
import numpy.typing as npt

from facedb_release.verify.graph import DELETED, UpperLevels, Words, check_links, read_upper_levels
from facedb_release.verify.index import HEADER_BYTES, MOST_LEVELS, IndexHeader, corrupt

Labels = npt.NDArray[np.int64]

# Records that are read at once: 70 MB of the file, so that it seldom waits for the interpreter.
BLOCK_ROWS = 32_768


@dataclass(frozen=True)
class Linked:
    """An index without vectors.

    Attributes:
        index: the IndexHNSW.
        labels: (n,) int64, whose vector it is; None: the n-th vector is that of label n.
    """

    index: Any = field(repr=False)
    labels: Labels | None = field(repr=False)


def read_links(f: BinaryIO, mapped: mmap.mmap, header: IndexHeader, file: str) -> Linked | None:
    """Read and check all links and labels.

    Args:
        f: the opened index.
        mapped: the same.
        header: as facedb_release.verify.index.read_header read it.
        file: its name.

    Returns:
        None where vectors are marked as deleted: faiss knows no such mark.

    Raises:
        WrongRelease: CorruptIndex.
    """
    upper = read_upper_levels(f, header, file)
    links = _Links(header, upper)
    count, width, record = header.count, 1 + 2 * header.links, header.record
    lists = np.ndarray((count, width), "<u4", mapped, HEADER_BYTES, (record, 4))
    for first in range(0, count, BLOCK_ROWS):
        block = lists[first : first + BLOCK_ROWS].copy()
        if (block[:, 0] & DELETED).any():
            return None
        check_links(block, first, header, file)
        links.put_lowest(first, block)
    labels = np.ndarray((count,), "<i8", mapped, HEADER_BYTES + record - 8, (record,)).copy()
    return Linked(links.index(), _permutation(labels, file))


class _Links:
    """The links of all levels, as faiss holds them: a node's lowest list, then its others."""

    def __init__(self, header: IndexHeader, upper: UpperLevels) -> None:
        self._header = header
        self._levels = upper.levels
        self._index: Any = faiss.IndexHNSWFlat(header.dimensions, header.links, faiss.METRIC_INNER_PRODUCT)
        ends = np.cumsum(header.links * (2 + upper.levels.astype(np.int64)))
        self._starts = np.concatenate((np.zeros(1, np.int64), ends))
        graph: Any = self._index.hnsw
        room = graph.neighbors
        room.resize(int(ends[-1]))
        self._all: npt.NDArray[np.int32] = faiss.rev_swig_ptr(room.data(), room.size())
        if upper.nodes.size:
            self._put_upper(upper)

    def _put_upper(self, upper: UpperLevels) -> None:
        step = self._header.links
        which = np.repeat(np.arange(upper.nodes.size), upper.heights)
        nth = np.arange(which.size) - np.repeat(np.cumsum(upper.heights) - upper.heights, upper.heights)
        windows = np.lib.stride_tricks.sliding_window_view(upper.words, step + 1)
        lists = windows[upper.places[which] + nth * (step + 1)]
        self._put(self._starts[upper.nodes[which]] + (2 + nth) * step, lists)

    def put_lowest(self, first: int, lists: Words) -> None:
        """Take the lowest lists of some nodes: (r, 1 + 2M), a count and the neighbours."""
        self._put(self._starts[first : first + len(lists)], lists)

    def _put(self, at: npt.NDArray[np.int64], lists: Words) -> None:
        width = np.arange(lists.shape[1] - 1)
        ids = lists[:, 1:].astype(np.int32)
        ids[width >= lists[:, :1]] = -1
        self._all[at[:, None] + width] = ids

    def index(self) -> Any:
        """The index, finished but for its vectors."""
        header, index = self._header, self._index
        graph = index.hnsw
        lengths = np.full(MOST_LEVELS + 2, header.links, np.int32)
        lengths[:2] = 0, 2 * header.links
        faiss.copy_array_to_vector(np.cumsum(lengths, dtype=np.int32), graph.cum_nneighbor_per_level)
        faiss.copy_array_to_vector(self._starts.astype(np.uint64), graph.offsets)
        faiss.copy_array_to_vector(self._levels.astype(np.int32) + 1, graph.levels)
        graph.entry_point, graph.max_level = header.entry, header.max_level
        index.own_fields, index.ntotal = False, header.count
        return index


def _permutation(labels: Labels, file: str) -> Labels | None:
    """The labels, unless each stands at its own place.

    Raises:
        WrongRelease: CorruptIndex, where they are not 0 to n - 1, each once.
    """
    count = len(labels)
    if (labels == np.arange(count)).all():
        return None
    seen = np.zeros(count, np.bool_)
    seen[labels[(labels >= 0) & (labels < count)]] = True
    if not seen.all():
        corrupt(file, "two vectors have one label, or one that is none", f"0 to {count - 1}", "others")
    return labels
