"""An archive's last bytes → its judged directory, with one or two small reads. Remote or on disk alike."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from facedb_release.archive.directory import (
    DEFLATED,
    LOCAL,
    DirectoryPlace,
    Member,
    broken,
    find_directory,
    judge,
)
from facedb_release.archive.records import judge_descriptor, judge_local, judge_local_name
from facedb_release.profiles import FileSet

BLOCK = 1 << 20
# A real directory has 600 bytes.
FIRST_LOOK = 4096


class Archive(Protocol):
    """What can be unpacked: a remote file, or one on disk."""

    size: int
    slow_down: Callable[[], None] | None

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end)."""

    def pieces(self, start: int, end: int, *, still_wanted: Callable[[], bool] | None = None) -> list[bytes]:
        """Return the bytes [start, end) in pieces; fewer only when they are no longer wanted."""

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes in order."""


@dataclass(frozen=True)
class Contents:
    """The judged directory: where it lies, its bytes, and the members in the order of their bytes."""

    place: DirectoryPlace
    directory: bytes
    members: tuple[Member, ...]

    @property
    def unpacked_bytes(self) -> int:
        """How many bytes the files will have together."""
        return sum(m.size for m in self.members)

    def identity(self, archive_size: int) -> str:
        """Return what two copies of the same archive share: its size and the sha256 of its directory."""
        return f"{archive_size}:{hashlib.sha256(self.directory).hexdigest()}"


class LocalArchive:
    """A zip on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size
        self.slow_down: Callable[[], None] | None = None

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end)."""
        with self._path.open("rb") as f:
            f.seek(start)
            return f.read(end - start)

    def pieces(self, start: int, end: int, *, still_wanted: Callable[[], bool] | None = None) -> list[bytes]:
        """Return the bytes [start, end)."""
        return [self.read(start, end)]

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes in order."""
        with self._path.open("rb") as f:
            while block := f.read(BLOCK):
                yield block


def read_contents(archive: Archive, files: FileSet) -> Contents:
    """Read and judge the central directory, with one or two small reads.

    Raises:
        WrongRelease: see directory.judge.
    """
    start = max(0, archive.size - FIRST_LOOK)
    tail = archive.read(start, archive.size)
    place = find_directory(tail, archive.size)
    if place.offset >= start:
        directory = tail[place.offset - start : place.offset - start + place.size]
    else:
        directory = archive.read(place.offset, place.offset + place.size)
    return Contents(place, directory, judge(directory, place, files))


def read_member(archive: Archive, member: Member) -> bytes:
    """Return a small member's bytes; its size was judged before.

    Raises:
        WrongRelease: WrongArchive or UnsafeArchive.
    """
    record = archive.read(member.offset, member.end)
    fixed = record[: LOCAL.size]
    follows = judge_local(member, fixed)
    judge_local_name(member, record[LOCAL.size : LOCAL.size + follows], fixed)
    begin = LOCAL.size + follows
    judge_descriptor(member, record[begin + member.packed :])
    data = record[begin : begin + member.packed]
    if member.method == DEFLATED:
        data = _inflated(data, member)
    if len(data) != member.size or zlib.crc32(data) != member.crc32:
        broken("a member is damaged", file=member.name)
    return data


def _inflated(packed: bytes, member: Member) -> bytes:
    """Inflate, to not much more than was promised."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflate.decompress(packed, member.size + 1)
    except zlib.error as e:
        broken(f"its data cannot be inflated ({e})", file=member.name)
    if not inflate.eof or inflate.unused_data:
        broken("its compressed data end early, or late", file=member.name)
    return data
