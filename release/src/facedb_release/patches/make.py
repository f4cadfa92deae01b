"""Two files → a patch that makes the second from the first. Called by publish; needs numpy.

Holds, beside the anchors, only the few frames at work. The same two files give the same patch, with any
number of threads.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard

from facedb_release.patches.anchors import (
    GRAIN,
    Anchors,
    Marks,
    OldContent,
    choose_places,
    find_anchors,
    sparseness,
)
from facedb_release.patches.apply import dictionary
from facedb_release.patches.frames import Header, frame_bytes, header_bytes
from facedb_release.profiles import MIB
from facedb_release.receipt import FileRecord

# Measured on indices and databases: larger frames gain nothing and cost the receiver memory; higher levels
# gain 2 % of the patch for 10 times the time, and level 3 loses 4 %.
FRAME_BYTES = MIB
LEVEL = 6
MAX_THREADS = 4


@dataclass(frozen=True)
class PatchFacts:
    """What a patch turns into what; `patch.size` is what a receiver downloads."""

    old: FileRecord
    new: FileRecord
    patch: FileRecord


def make_patch(
    old: Path, new: Path, out: Path, *, frame_size: int = FRAME_BYTES, threads: int | None = None
) -> PatchFacts:
    """Write the patch; neither file may change meanwhile.

    Args:
        old: what receivers have.
        new: what they are to get.
        out: written anew.
        frame_size: bytes of the new file that each frame rebuilds: a power of two, 64 KiB to 4 MiB.
        threads: so many frames are packed at once; None for the machine's cores, at most MAX_THREADS.
    """
    was, becomes = record_of(old), record_of(new)
    header = Header(was.size, was.sha256, becomes.size, becomes.sha256, frame_size)
    sha, size = hashlib.sha256(), 0
    with out.open("wb") as f:
        for part in _parts(header, old, new, threads or min(os.cpu_count() or 1, MAX_THREADS)):
            sha.update(part)
            size += f.write(part)
    return PatchFacts(was, becomes, FileRecord(out.name, size, sha.hexdigest()))


def record_of(path: Path) -> FileRecord:
    """Read the file and return its name, size and sha256."""
    with path.open("rb") as f:
        sha = hashlib.file_digest(f, "sha256").hexdigest()
        return FileRecord(path.name, f.tell(), sha)


def _parts(header: Header, old: Path, new: Path, threads: int) -> Iterator[bytes]:
    """Yield the header and the frames in order, a few at work at a time."""
    yield header_bytes(header)
    bits = sparseness(max(header.old_size, header.new_size))
    content = OldContent(old, header.old_size, bits)
    with old.open("rb") as a, new.open("rb") as b, ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[bytes]] = deque()
        for number, marks in enumerate(_by_frame(find_anchors(new, bits), header)):
            waiting.append(pool.submit(_frame, header, content, (a.fileno(), b.fileno()), number, marks))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _by_frame(found: Iterable[Anchors], header: Header) -> Iterator[Marks]:
    """Sort the marks, whose offsets rise from block to block, by frame: one array for each, in order."""
    frame = 0
    held: list[Marks] = []
    for anchors in found:
        frames = anchors.offsets // header.frame_bytes
        for now in np.unique(frames).tolist():
            while frame < now:
                yield _concatenated(held)
                frame, held = frame + 1, []
            held.append(anchors.marks[frames == now])
    for _ in range(frame, header.frames):
        yield _concatenated(held)
        held = []


def _concatenated(marks: list[Marks]) -> Marks:
    return np.sort(np.concatenate([*marks, np.empty(0, np.uint64)]))


def _frame(header: Header, content: OldContent, handles: tuple[int, int], number: int, marks: Marks) -> bytes:
    """Pack one frame; runs in a thread."""
    old, new = handles
    start = number * header.frame_bytes
    piece = os.pread(new, header.size_of(number), start)
    places = choose_places(content.votes(marks, start // GRAIN), header, start)
    leaning = dictionary(old, places)
    parameters = _parameters(len(piece), sum(p.size for p in places))
    if leaning is None:
        return frame_bytes(zstandard.ZstdCompressor(compression_params=parameters).compress(piece), ())
    pack = zstandard.ZstdCompressor(compression_params=parameters, dict_data=leaning)
    return frame_bytes(pack.compress(piece), places)


def _parameters(piece: int, leaning: int) -> zstandard.ZstdCompressionParameters:
    """Return parameters whose tables suit this many bytes of piece and dictionary.

    With places all over the file every position of them counts; with one run, every second is enough, since
    a match is long and found from any of its bytes. Smaller tables are twice as fast.
    """
    bits = (piece + leaning).bit_length()
    scattered = leaning > piece + piece // 2
    return zstandard.ZstdCompressionParameters.from_level(
        LEVEL,
        window_log=max(bits, zstandard.WINDOWLOG_MIN),
        hash_log=max(bits - (1 if scattered else 2), zstandard.HASHLOG_MIN),
        chain_log=max(bits - 1, zstandard.CHAINLOG_MIN),
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )
