"""Two files → for each part of the new one, the places of the old one that hold the same content.

A word of 8 bytes is an anchor when its hash says so: the choice hangs on content alone, so the same content
is chosen in both files wherever it moved to. An anchor's mark hashes 32 bytes. Called by make. Never holds
more of a file than one block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from facedb_release.patches.frames import MAX_PLACES, Header, Place
from facedb_release.profiles import MIB

Marks = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]

GRAIN = 1 << 16
"""Places are whole grains of the old file."""
_BLOCK = MIB
_WORD = 8
_WORDS = 4
_TAIL = _WORD * _WORDS
_MOST_ANCHORS = 1 << 19
_DENSEST_BITS, _SPARSEST_BITS = 6, 14
# Content that stands in more places than this says little about where a part came from.
_MOST_PLACES = 4
_CHANCE = 32
_ODD = np.uint64(0x9E3779B97F4A7C15)
_MIXERS = tuple(np.uint64(n) for n in (0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93))


@dataclass(frozen=True)
class Anchors:
    """Marks (n,) and where each stands (n,), in bytes from the file's start."""

    marks: Marks
    offsets: Offsets


def sparseness(size: int) -> int:
    """Return b so that one word in 2^b is an anchor: enough, and not too many, for this many bytes."""
    bits = max(size // _MOST_ANCHORS, 1).bit_length()
    return min(max(bits, _DENSEST_BITS), _SPARSEST_BITS)


def find_anchors(path: Path, bits: int) -> Iterator[Anchors]:
    """Yield the file's anchors, one block after another; one word in 2^bits is one."""
    at, left = 0, b""
    with path.open("rb", buffering=0) as f:
        while block := f.read(_BLOCK):
            data = left + block
            found = _anchors(data, bits)
            yield Anchors(found.marks, found.offsets + at)
            keep = min(len(data), _TAIL - 1)
            at += len(data) - keep
            left = data[len(data) - keep :]


def _anchors(data: bytes, bits: int) -> Anchors:
    """Find the anchors whose 32 bytes lie in the data."""
    marks, offsets = [], []
    shift = np.uint64(64 - bits)
    for lane in range(_WORD):
        words = (
            np.frombuffer(data, "<u8", max(0, len(data) - lane) // _WORD, lane)
            if len(data) >= _TAIL
            else None
        )
        if words is None or len(words) < _WORDS:
            continue
        # Not 0: that would choose every zero of a file.
        picked = np.flatnonzero((words[: 1 - _WORDS] * _ODD) >> shift == 1)
        picked = picked[:: 1 + len(picked) // (8 * (len(words) >> bits) + 64)]
        mark = words[picked] * _ODD
        for i, mixer in enumerate(_MIXERS, 1):
            mark = (mark ^ (mark >> np.uint64(31)) ^ words[picked + i]) * mixer
        marks.append(mark)
        offsets.append(picked * _WORD + lane)
    if not marks:
        return Anchors(np.empty(0, np.uint64), np.empty(0, np.int64))
    return Anchors(np.concatenate(marks), np.concatenate(offsets).astype(np.int64))


class OldContent:
    """Where the old file's content stands."""

    def __init__(self, path: Path, size: int, bits: int) -> None:
        """Read the file once; `size` is its size in bytes."""
        parts = list(find_anchors(path, bits))
        marks = np.concatenate([p.marks for p in parts] or [np.empty(0, np.uint64)])
        grains = np.concatenate([p.offsets for p in parts] or [np.empty(0, np.int64)]) // GRAIN
        order = np.lexsort((grains, marks))
        marks, grains = marks[order], grains[order]
        # The same content twice in one grain is one.
        first = np.ones(len(marks), bool)
        first[1:] = (marks[1:] != marks[:-1]) | (grains[1:] != grains[:-1])
        self._marks, self._grains = marks[first], grains[first]
        self.grains = -(-size // GRAIN)

    def votes(self, marks: Marks) -> npt.NDArray[np.int64]:
        """Count, for each grain of the old file, how many of these marks it holds: (grains,)."""
        low = np.searchsorted(self._marks, marks, "left")
        count = np.searchsorted(self._marks, marks, "right") - low
        counts = np.zeros(self.grains, np.int64)
        for nth in range(_MOST_PLACES):
            hits = low[(count > nth) & (count <= _MOST_PLACES)] + nth
            counts += np.bincount(self._grains[hits], minlength=self.grains)
        return counts


def choose_places(votes: npt.NDArray[np.int64], header: Header, start: int) -> tuple[Place, ...]:
    """Choose what a frame leans on: the grains with the most votes, else the same place.

    Args:
        votes: (grains,) of the old file.
        header: of the patch.
        start: where the frame begins in the new file, in bytes.
    """
    room = header.reach // GRAIN
    ranked = np.argsort(-votes, kind="stable")
    # A few votes against many are chance: short content that happens to be the same.
    worth = int(np.count_nonzero(votes > votes.max(initial=0) // _CHANCE))
    best = ranked[: min(room, worth)]
    chosen = dict.fromkeys(best.tolist())
    # Where a run of content begins or ends, a grain holds little of it.
    around = [n for g in best.tolist() for n in (g - 1, g + 1) if 0 <= n < len(votes) and votes[n]]
    if len(best) * GRAIN < header.frame_bytes // 2:
        home = start // GRAIN
        around += [home + step for step in range(-room // 4, room - room // 4)]
    for grain in around:
        if len(chosen) < room and 0 <= grain < len(votes):
            chosen.setdefault(grain)
    return _joined(sorted(chosen), header.old_size)


def _joined(grains: list[int], old_size: int) -> tuple[Place, ...]:
    """Join neighbouring grains; the last one ends with the file."""
    places: list[Place] = []
    for grain in grains:
        start, size = grain * GRAIN, min(GRAIN, old_size - grain * GRAIN)
        if places and places[-1].start + places[-1].size == start:
            places[-1] = Place(places[-1].start, places[-1].size + size)
        else:
            places.append(Place(start, size))
    return tuple(places[:MAX_PLACES])
