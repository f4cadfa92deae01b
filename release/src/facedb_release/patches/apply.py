"""A patch's bytes, in order, and the old file → the new file, checked. Called by fetch and by publish.

Resident memory stays within a few frames at any scale: one frame's places of the old file, its packed bytes
and what it rebuilds. Nothing is allocated before its size was checked, and a result with another sha256 than
promised does not stay on disk.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import zstandard

from facedb_release.errors import Reason, WrongRelease
from facedb_release.patches.frames import (
    HEAD,
    HEADER,
    PLACE,
    ZSTD_MAGIC,
    Header,
    Place,
    broken,
    parse_head,
    parse_header,
    parse_places,
    unsafe,
)
from facedb_release.receipt import FileRecord

Block = bytes | memoryview
Write = Callable[[bytes], object]


def apply_patch(blocks: Iterable[Block], old: Path, out: Path, *, expected: FileRecord) -> FileRecord:
    """Write the new file.

    Args:
        blocks: the patch, in order, in pieces of any size; a piece may be reused once the next is asked for.
        old: the file it starts from; its sha256 was compared by whoever chose the patch.
        out: does not exist yet; after a refusal it does not exist either.
        expected: what must come out.

    Returns:
        The record, equal to `expected`.

    Raises:
        WrongRelease: WrongArchive, UnsafeArchive or WrongChecksum.
        OSError: of the volume.
    """
    # Buffered, because a raw file may write less than it is given.
    with out.open("xb") as f:
        try:
            made = rebuild(blocks, old, f.write, expected=expected)
            f.flush()
            os.fsync(f.fileno())
        except BaseException:
            out.unlink()
            raise
    return made


def rebuild(blocks: Iterable[Block], old: Path, write: Write, *, expected: FileRecord) -> FileRecord:
    """Hand the new file's bytes to `write`, in order; see apply_patch.

    When this raises, what was written is worthless.
    """
    patch = _Taken(blocks)
    header = parse_header(patch.take(HEADER.size))
    _check_promise(header, expected)
    sha = hashlib.sha256()
    with old.open("rb", buffering=0) as source:
        _check_old(os.fstat(source.fileno()).st_size, old, header)
        for number in range(header.frames):
            piece = _frame(patch, source.fileno(), header, header.size_of(number))
            sha.update(piece)
            write(piece)
    patch.finish()
    if sha.hexdigest() != expected.sha256:
        raise WrongRelease(
            Reason.WRONG_CHECKSUM,
            f"The patch made another {expected.name} than promised: it was damaged, or {old} was. "
            "Take the full release instead.",
            file=expected.name,
            expected=expected.sha256,
            found=sha.hexdigest(),
        )
    return expected


class _Taken:
    """Bytes that arrive in pieces, to be taken by length."""

    def __init__(self, blocks: Iterable[Block]) -> None:
        self._blocks = iter(blocks)
        self._left = memoryview(b"")

    def take(self, length: int) -> bytearray:
        """Copy out exactly this many bytes; the length was checked before."""
        taken = bytearray(length)
        room = memoryview(taken)
        while room:
            if not self._left and not self._next():
                broken("it ends early")
            part = self._left[: len(room)]
            room[: len(part)] = part
            room, self._left = room[len(part) :], self._left[len(part) :]
        return taken

    def finish(self) -> None:
        """Check that nothing follows."""
        if self._left or self._next():
            broken("bytes follow its last frame")

    def _next(self) -> bool:
        """Move to the next piece that is not empty."""
        for block in self._blocks:
            if block:
                self._left = memoryview(block)
                return True
        return False


def _frame(patch: _Taken, source: int, header: Header, size: int) -> bytes:
    """Rebuild one frame of this size."""
    head = parse_head(patch.take(HEAD.size), header)
    places = parse_places(patch.take(head.places * PLACE.size), header)
    packed = patch.take(head.packed)
    _check_frame(packed, size)
    unpack = zstandard.ZstdDecompressor(dict_data=dictionary(source, places))
    try:
        piece = unpack.decompress(packed, max_output_size=size, allow_extra_data=False)
    except zstandard.ZstdError as e:
        broken(f"a frame cannot be unpacked ({e})")
    if len(piece) != size:
        unsafe("has a frame that unpacks to another size than promised", expected=size, found=len(piece))
    return piece


def _check_frame(packed: bytearray, size: int) -> None:
    """Check what a zstd frame says of itself, before it is unpacked."""
    if packed[:4] != ZSTD_MAGIC:
        broken("a frame is not of zstd")
    try:
        said = zstandard.get_frame_parameters(packed).content_size
    except zstandard.ZstdError as e:
        broken(f"a frame's head is damaged ({e})")
    if said != size:
        unsafe("has a frame that promises another size than its place", expected=size, found=said)


def dictionary(source: int, places: Sequence[Place]) -> zstandard.ZstdCompressionDict | None:
    """Read the old file's bytes at these places, as a dictionary; None for no place.

    Args:
        source: open handle of the old file.
        places: checked.

    Raises:
        WrongRelease: WrongChecksum, when the old file is shorter than it was.
    """
    joined = bytearray(sum(p.size for p in places))
    if not joined:
        return None
    room = memoryview(joined)
    for place in places:
        if os.preadv(source, [room[: place.size]], place.start) != place.size:
            raise WrongRelease(
                Reason.WRONG_CHECKSUM,
                "The old file became shorter while it was read. Take the full release instead.",
            )
        room = room[place.size :]
    return zstandard.ZstdCompressionDict(joined, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _check_promise(header: Header, expected: FileRecord) -> None:
    if (header.new_size, header.new_sha256) != (expected.size, expected.sha256):
        raise WrongRelease(
            Reason.WRONG_ARCHIVE,
            f"The patch of {expected.name} makes another file than its release needs. "
            "Take the full release instead.",
            file=expected.name,
            expected=f"{expected.size} bytes, {expected.sha256}",
            found=f"{header.new_size} bytes, {header.new_sha256}",
        )


def _check_old(size: int, old: Path, header: Header) -> None:
    if size != header.old_size:
        raise WrongRelease(
            Reason.WRONG_CHECKSUM,
            f"{old} is not the file that the patch starts from. Take the full release instead.",
            file=old.name,
            expected=f"{header.old_size} bytes",
            found=f"{size} bytes",
        )
