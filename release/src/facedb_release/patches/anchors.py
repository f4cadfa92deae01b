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
_FEW_PLACES = 4
# As many as files may have (MAX_FILE_BYTES).
_LAST_GRAIN = np.int64((1 << 24) - 1)
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
    """Where the old file's content stands: sorted keys of 40 bits of mark and 24 bits of grain."""

    def __init__(self, path: Path, size: int, bits: int) -> None:
        """Read the file once; `size` is its size in bytes."""
        keys = [_keys(found.marks, found.offsets // GRAIN) for found in find_anchors(path, bits)]
        self._keys = np.unique(np.concatenate([*keys, np.empty(0, np.uint64)]))
        self.grains = -(-size // GRAIN)

    def votes(self, marks: Marks, home: int) -> npt.NDArray[np.int64]:
        """Count, for each grain of the old file, how many of these marks it holds: (grains,).

        Args:
            marks: of the part that looks for its content.
            home: the grain that stands where the part does; what stands in many places is counted near it.
        """
        first, last = _keys(marks, np.int64(0)), _keys(marks, _LAST_GRAIN)
        low, high = np.searchsorted(self._keys, first), np.searchsorted(self._keys, last, "right")
        few = high - low <= _FEW_PLACES
        hits = [low[few & (low + nth < high)] + nth for nth in range(_FEW_PLACES)]
        near = np.searchsorted(self._keys, _keys(marks[~few], np.int64(home)))
        hits.append(np.minimum(near, high[~few] - 1))
        grains = self._keys[np.concatenate(hits)] & np.uint64(_LAST_GRAIN)
        return np.bincount(grains.astype(np.int64), minlength=self.grains)


def _keys(marks: Marks, grains: Offsets | np.int64) -> Marks:
    """Join marks and grains, so that the keys of one mark stand together and rise with the grain."""
    return (marks & ~np.uint64(_LAST_GRAIN)) | np.asarray(grains).astype(np.uint64)


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
        around += range(home - room // 16, home + room // 4 + room // 16)
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
