"""A whole voyager file → is every link, label and vector one that a search can follow? Without voyager.

voyager trusts its files: a bad link makes it read elsewhere in memory, mostly at query time (measured). So
selfquery runs this walk before voyager sees the file, and the sidecar makes the cheap half of it again when
it loads one. Reads each byte once, in blocks; holds one block, and some bytes for each vector. Never changes
the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from facedb_release.verify.index import HEADER_BYTES, IndexHeader, Storage, corrupt

# 2 MiB stay in a core's cache from the read to the last sum: twice as fast as 16 MiB (measured).
BLOCK_BYTES = 2 << 20
DELETED = 0x0001_0000
# A search for 10 neighbours must be able to find 10, or voyager raises an error.
WANTED = 10
MOST_VISITED = 4096
# |v|² - 1 of what voyager writes is at most 5e-6 at 1280 dimensions, plus 4e-6 from adding up in float32
# (measured on 9 kinds of vectors). From 2e-5 on, voyager finds negative distances and raises an error.
SQUARE_TOLERANCE = 1.2e-5
# voyager raises an error where 1 - |v|² of an E4M3 vector is below -0.14.
E4M3_MOST_SQUARE = 1.14
# Rounding to E4M3 moves a number by 1/16 of itself, or by 0.0049 in the gap between 7/1024 and 1/64.
E4M3_RELATIVE, E4M3_ABSOLUTE = 1 / 16, 0.0049

Words = npt.NDArray[np.uint32]
Squares = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Tall:
    """The vectors that are on upper levels too, in the order of the file.

    Attributes:
        nodes: (t,) which ones.
        levels: (n,) uint8, of every vector of the index: the highest level it is on.
        links: (t, 1 + 2M) their lowest level's count and neighbours, filled while the records are read.
    """

    nodes: npt.NDArray[np.int64]
    levels: npt.NDArray[np.uint8]
    links: Words


@dataclass(frozen=True)
class Records:
    """What is remembered of the records: (n,) bool each."""

    labelled: npt.NDArray[np.bool_]
    deleted: npt.NDArray[np.bool_] = field(repr=False)


def check_graph(path: Path, header: IndexHeader, *, norms: bool = True) -> None:
    """Check every link, label and vector of an index whose header is good.

    Args:
        path: of the index.
        header: as index.read_header read it.
        norms: check that each vector is finite and of the length its storage type allows.

    Raises:
        WrongRelease: CorruptIndex.
    """
    file = path.name
    if not header.count:
        corrupt(file, "it holds no vector, and voyager opens no such index", "1 vector or more", 0)
    with np.errstate(all="ignore"), path.open("rb", buffering=0) as f:
        tall = _check_upper_levels(f, header, file)
        records = _check_records(f, header, tall, file, norms=norms)
        if not records.labelled.all():
            missing = int(np.argmin(records.labelled))
            corrupt(file, "two vectors have one label", f"label {missing}", "none")
        gone = int(records.deleted.sum())
        if gone * WANTED > header.count:
            corrupt(file, "too many of its vectors are marked as deleted", f"{header.count // WANTED}", gone)
        _check_reach(f, header, tall, records.deleted, file)


def _check_upper_levels(f: BinaryIO, header: IndexHeader, file: str) -> Tall:
    """Check the lists of the upper levels → what the other checks need to know of them."""
    upper = read_upper_levels(f, header, file)
    nodes = upper.nodes
    if not upper.levels[header.entry]:
        nodes = np.append(nodes, header.entry)
    return Tall(nodes, upper.levels, np.zeros((nodes.size, 1 + 2 * header.links), np.uint32))


@dataclass(frozen=True)
class UpperLevels:
    """The lists of the upper levels, behind the records: for each vector a size, and then its lists.

    Attributes:
        words: (w,) uint32, all of it; a list is a count and room for M neighbours.
        nodes: (t,) the vectors that are on upper levels, ascending.
        places: (t,) where in words their first list begins.
        heights: (t,) on how many upper levels they are.
        levels: (n,) uint8, of every vector of the index: the highest level it is on.
    """

    words: Words
    nodes: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    heights: npt.NDArray[np.int64]
    levels: npt.NDArray[np.uint8]


def read_upper_levels(f: BinaryIO, header: IndexHeader, file: str) -> UpperLevels:
    """Read and check the lists of the upper levels. The sidecar builds its own graph from them.

    Raises:
        WrongRelease: CorruptIndex.
    """
    start = HEADER_BYTES + header.count * header.record
    raw = np.empty(max(0, os.fstat(f.fileno()).st_size - start), np.uint8)
    fill(f, start, raw, file)
    words = raw[: raw.size // 4 * 4].view("<u4")
    nodes, places, heights = _tall_nodes(words, header, file)
    levels = np.zeros(header.count, np.uint8)
    levels[nodes] = heights
    if levels[header.entry] != header.max_level:
        corrupt(file, "its entry point is not on the top level", header.max_level, levels[header.entry])
    if nodes.size:
        _check_lists(words, header, (nodes, places, heights), levels, file)
    return UpperLevels(words, nodes, places, heights, levels)


Found = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]


def _tall_nodes(words: Words, header: IndexHeader, file: str) -> Found:
    """Follow the sizes to the end of the file → nodes on upper levels, where their lists begin, how many."""
    total, unit = words.size, 4 * (header.links + 1)
    # The place of the next size that is not 0, from every place on: most sizes are 0.
    places = np.where(words, np.arange(total, dtype=np.int64), total)
    following = np.append(np.minimum.accumulate(places[::-1])[::-1], total).data
    sizes = words.data
    found: list[tuple[int, int, int]] = []
    at = node = 0
    while following[at] < total:
        node += following[at] - at
        at = following[at]
        height, rest = divmod(sizes[at], unit)
        if rest or height > header.max_level or node >= header.count:
            corrupt(
                file, f"the lists of vector {node} are of a wrong size", f"multiples of {unit}", sizes[at]
            )
        found.append((node, at + 1, height))
        at += 1 + sizes[at] // 4
        node += 1
        if at > total:
            break
    if at > total or node + total - at != header.count:
        corrupt(file, "its link lists do not end with the file", header.count, node + max(0, total - at))
    table = np.array(found, np.int64).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _check_lists(
    words: Words, header: IndexHeader, found: Found, levels: npt.NDArray[np.uint8], file: str
) -> None:
    """Check each list of an upper level: a count and up to M neighbours that are on that level too."""
    nodes, places, heights = found
    step = header.links + 1
    which = np.repeat(np.arange(nodes.size), heights)
    level = 1 + np.arange(which.size) - np.repeat(np.cumsum(heights) - heights, heights)
    lists = np.lib.stride_tricks.sliding_window_view(words, step)[places[which] + (level - 1) * step]
    if lists[:, 0].max() > header.links:
        corrupt(file, "a list of an upper level is too long", header.links, lists[:, 0].max())
    own = nodes[which][:, None]
    used = np.arange(header.links) < lists[:, :1]
    if (used & (lists[:, 1:] == own)).any():
        corrupt(file, "a vector is its own neighbour", "another", own[0, 0])
    ids = np.where(used, lists[:, 1:], own)
    if ids.max() >= header.count:
        corrupt(file, "a neighbour on an upper level is no vector of it", f"below {header.count}", ids.max())
    if (levels[ids] < level[:, None]).any():
        corrupt(file, "a neighbour is not on the level of its list", "on that level", "below it")


def _check_records(f: BinaryIO, header: IndexHeader, tall: Tall, file: str, *, norms: bool) -> Records:
    """Read all records, block by block, and check links, labels and vectors."""
    count, record = header.count, header.record
    seen = Records(np.zeros(count, np.bool_), np.zeros(count, np.bool_))
    squares = _Squares(header)
    order = np.argsort(tall.nodes)
    nodes = tall.nodes[order]
    for first, block in _blocks(f, header, file):
        rows = len(block) // record
        width = 1 + 2 * header.links
        links = np.ndarray((rows, width), "<u4", block, 0, (record, 4)).copy()
        check_links(links, first, header, file)
        seen.deleted[first : first + rows] = links[:, 0] & DELETED
        labels = np.ndarray((rows,), "<u8", block, record - 8, (record,))
        if labels.max() >= count:
            corrupt(file, "a label is not that of a vector of it", f"below {count}", labels.max())
        seen.labelled[labels] = True
        if norms:
            squares.check(block, first, file)
        low, high = np.searchsorted(nodes, (first, first + rows))
        tall.links[order[low:high]] = links[nodes[low:high] - first]
    return seen


def check_links(links: Words, first: int, header: IndexHeader, file: str) -> None:
    """Check the lowest level's lists of some records: (rows, 1 + 2M)."""
    counts = links[:, 0] & np.uint32(~DELETED & 0xFFFF_FFFF)
    most, least = 2 * header.links, min(1, header.count - 1)
    if counts.max() > most or counts.min() < least:
        found = f"{counts.min()} to {counts.max()}"
        corrupt(file, "a vector has too few or too many neighbours", f"{least} to {most}", found)
    # The slots behind the count hold former neighbours, or 0: also vectors of the index.
    if links[:, 1:].max() >= header.count:
        corrupt(file, "a neighbour is no vector of it", f"below {header.count}", links[:, 1:].max())
    own = np.arange(first, first + len(links), dtype=np.uint32)[:, None]
    alike = np.nonzero(links[:, 1:] == own)
    if (alike[1] < counts[alike[0]]).any():
        corrupt(file, "a vector is its own neighbour", "another", first + int(alike[0][0]))


def _blocks(f: BinaryIO, header: IndexHeader, file: str) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
    """Yield the number of the first record and the bytes of some; each time in the same memory."""
    rows = max(1, BLOCK_BYTES // header.record)
    room = np.empty(min(rows, header.count) * header.record, np.uint8)
    for first in range(0, header.count, rows):
        block = room[: min(rows, header.count - first) * header.record]
        fill(f, HEADER_BYTES + first * header.record, block, file)
        yield first, block


def fill(f: BinaryIO, start: int, room: npt.NDArray[np.uint8], file: str) -> None:
    """Read exactly as many bytes as there is room for."""
    f.seek(start)
    done, into = 0, room.data
    while done < len(into):
        got = f.readinto(into[done:])  # type: ignore[attr-defined]
        if not got:
            corrupt(file, "it ends too early", start + len(into), start + done)
        done += got


class _Squares:
    """The squared length of stored vectors, and what it may be."""

    def __init__(self, header: IndexHeader) -> None:
        self._header = header
        # Two numbers are looked up at once, which is twice as fast.
        self._wide = 2 - header.dimensions % 2
        self._table = _e4m3_squares(self._wide) if header.storage is Storage.E4M3 else None
        self.least, self.most = _square_range(header)

    def check(self, block: npt.NDArray[np.uint8], first: int, file: str) -> None:
        """Check every vector of a block."""
        squares = self._of(block)
        # Written so that a NaN is no good length.
        good = (squares >= self.least) & (squares <= self.most)
        if not good.all():
            bad = int(np.argmin(good))
            corrupt(
                file,
                f"vector {first + bad} is not of unit length, or holds what is no number",
                f"a squared length of {self.least:.5f} to {self.most:.5f}",
                f"{squares[bad]:.5f}",
            )

    def _of(self, block: npt.NDArray[np.uint8]) -> Squares:
        """The squared length of each vector of a block: (rows,) float32."""
        h = self._header
        shape, steps = (len(block) // h.record, h.dimensions), (h.record, h.storage.number_bytes)
        kind = {Storage.FLOAT8: "<i1", Storage.FLOAT32: "<f4", Storage.E4M3: "<u1"}[h.storage]
        stored = np.ndarray(shape, kind, block, 4 + 8 * h.links, steps)
        if self._table is not None:
            pairs = np.ascontiguousarray(stored).view(f"<u{self._wide}")
            summed: Squares = np.einsum("ij->i", np.take(self._table, pairs, mode="clip"))
            return summed
        numbers = stored.astype(np.float32, copy=False)
        squares: Squares = np.einsum("ij,ij->i", numbers, numbers)
        return squares / np.float32(127**2) if h.storage is Storage.FLOAT8 else squares


def _e4m3_squares(wide: int) -> Squares:
    """The square of the number that a byte stands for, or of the two of a pair, added: (256 or 65,536,)."""
    # From the lowest bit up: sign, 4 bits of exponent, 3 of mantissa.
    byte = np.arange(256)
    exponent, mantissa = (byte >> 1) & 15, byte >> 5
    values = np.where(exponent, 1 + mantissa / 8, mantissa / 8) * 2.0 ** (exponent - 7)
    values[(exponent == 15) & (mantissa == 7)] = np.nan
    squares: Squares = np.square(values).astype(np.float32)
    return squares if wide == 1 else np.add.outer(squares, squares).ravel()


def _square_range(header: IndexHeader) -> tuple[float, float]:
    """The least and the most that a unit vector's squared length can be, once it is stored."""
    root = math.sqrt(header.dimensions)
    slack = SQUARE_TOLERANCE * max(1.0, header.dimensions / 1280)
    if header.storage is Storage.FLOAT32:
        return 1 - slack, 1 + slack
    if header.storage is Storage.FLOAT8:
        # voyager cuts each number to whole 127ths, so that a vector shrinks by at most √d / 127.
        return max(0.0, 1 - root / 127) ** 2 - slack, 1 + slack
    return max(0.0, 1 - E4M3_RELATIVE - E4M3_ABSOLUTE * root) ** 2 - slack, E4M3_MOST_SQUARE


def _check_reach(
    f: BinaryIO, header: IndexHeader, tall: Tall, deleted: npt.NDArray[np.bool_], file: str
) -> None:
    """Check that a search finds neighbours from wherever it may come down to the lowest level."""
    needed = min(WANTED, header.links + 1, header.count - int(deleted.sum()))
    own = tall.nodes[:, None]
    used = np.arange(2 * header.links) < (tall.links[:, :1] & 0xFFFF)
    around = np.sort(np.hstack((np.where(used, tall.links[:, 1:], own), own)), axis=1)
    fresh = np.hstack((np.ones_like(own, np.bool_), around[:, 1:] != around[:, :-1]))
    reached = (fresh & ~deleted[around]).sum(axis=1)
    for node in tall.nodes[reached < needed].tolist():
        found = _reached(f, header, node, deleted, needed)
        if found < needed:
            corrupt(file, f"a search that comes by vector {node} stays there", f"{needed} neighbours", found)


def _reached(
    f: BinaryIO, header: IndexHeader, start: int, deleted: npt.NDArray[np.bool_], needed: int
) -> int:
    """Walk the lowest level from one vector on → how many are reached, counted up to what is needed."""
    known, waiting = {start}, [start]
    alive = int(not deleted[start])
    while waiting and alive < needed and len(known) < MOST_VISITED:
        at = HEADER_BYTES + waiting.pop() * header.record
        links = np.frombuffer(os.pread(f.fileno(), 4 + 8 * header.links, at), "<u4")
        for other in set(links[1 : 1 + (links[0] & 0xFFFF)].tolist()) - known:
            known.add(other)
            waiting.append(other)
            alive += not deleted[other]
    return alive
