"""The archive's bytes, once and in order → the members' files, every sha256, and the archive's own.

One thread reads and hashes the archive, the caller's thread inflates, hashes and writes: hashing, inflating,
reading and writing all release the interpreter lock. The zip itself is never stored.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
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
    find_directory,
    judge,
)
from facedb_release.archive.records import judge_descriptor, judge_local, judge_local_name
from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import Profile
from facedb_release.receipt import FileRecord

BLOCK = 1 << 20
QUEUED_BLOCKS = 8
# A real directory has 600 bytes.
FIRST_LOOK = 4096
Told = Callable[[int, str | None], None]


class Archive(Protocol):
    """What can be unpacked: a remote file, or one on disk."""

    size: int

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end)."""

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


@dataclass(frozen=True)
class Unpacked:
    """What was written: the archive's `sha256:<hex>` and each file's record."""

    digest: str
    files: tuple[FileRecord, ...]


class LocalArchive:
    """A zip on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes [start, end)."""
        with self._path.open("rb") as f:
            f.seek(start)
            return f.read(end - start)

    def stream(self) -> Iterator[bytes]:
        """Yield all bytes in order."""
        with self._path.open("rb") as f:
            while block := f.read(BLOCK):
                yield block


def read_contents(archive: Archive, profile: Profile) -> Contents:
    """Read and judge the central directory, with one or two small reads.

    Raises:
        WrongRelease: see archive.judge.
    """
    start = max(0, archive.size - FIRST_LOOK)
    tail = archive.read(start, archive.size)
    place = find_directory(tail, archive.size)
    if place.offset >= start:
        directory = tail[place.offset - start : place.offset - start + place.size]
    else:
        directory = archive.read(place.offset, place.offset + place.size)
    return Contents(place, directory, judge(directory, place, profile))


def unpack(archive: Archive, contents: Contents, folder: Path, told: Told) -> Unpacked:
    """Write every member into the folder.

    Args:
        archive: read once, from its first byte to its last.
        contents: the judged directory.
        folder: holds none of the names yet.
        told: gets the archive's bytes done and the file at hand.

    Raises:
        WrongRelease: WrongArchive, UnsafeArchive or WrongChecksum; and whatever the archive's reading raises.
    """
    with Pump(archive.stream()) as pump:
        ordered = Ordered(pump, told)
        files = tuple(_member(ordered, member, folder) for member in contents.members)
        rest = ordered.take(archive.size - contents.place.offset)
        if rest[: len(contents.directory)] != contents.directory:
            raise _damaged("its directory is not the one that was judged", file=None)
        return Unpacked("sha256:" + pump.hexdigest(), files)


class Pump:
    """Runs an iterator of bytes in a thread, hashing what passes; iterate over it to get blocks of ~1 MiB."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._sha = hashlib.sha256()
        self._blocks: queue.Queue[bytes | BaseException | None] = queue.Queue(QUEUED_BLOCKS)
        self._stopped = threading.Event()
        # A daemon: when the caller refuses the data, nobody waits for a connection that stalls.
        self._thread = threading.Thread(target=self._run, name="facedb-pump", daemon=True)

    def __enter__(self) -> Pump:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        while self._thread.is_alive() and not self._blocks.empty():
            self._blocks.get_nowait()
        self._thread.join(timeout=0.5)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the blocks; an error of the thread is raised here."""
        while (block := self._blocks.get()) is not None:
            if isinstance(block, BaseException):
                raise block
            yield block

    def hexdigest(self) -> str:
        """Return the sha256 of all bytes; call it when all were taken."""
        self._thread.join()
        return self._sha.hexdigest()

    def _run(self) -> None:
        try:
            for block in _blocks(self._chunks):
                self._sha.update(block)
                if not self._put(block):
                    return
            self._put(None)
        except BaseException as e:  # noqa: BLE001 - the edge of a thread: raised again by the reader
            self._put(e)

    def _put(self, block: bytes | BaseException | None) -> bool:
        """Hand over one block; false when nobody wants it any more."""
        while not self._stopped.is_set():
            try:
                self._blocks.put(block, timeout=0.2)
            except queue.Full:
                continue
            return True
        return False


def _blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Join small chunks into blocks of about BLOCK bytes."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= BLOCK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


class Ordered:
    """Bytes in order, to be taken by length."""

    def __init__(self, blocks: Pump, told: Told) -> None:
        self._blocks = iter(blocks)
        self._told = told
        self._left = memoryview(b"")
        self._done = 0
        self.file: str | None = None

    def pieces(self, length: int) -> Iterator[memoryview]:
        """Yield exactly this many bytes, in pieces."""
        while length:
            if not self._left:
                self._left = memoryview(next(self._blocks, b""))
                if not self._left:
                    raise _damaged("it ends early", file=self.file)
                self._done += len(self._left)
                self._told(self._done, self.file)
            piece, self._left = self._left[:length], self._left[length:]
            length -= len(piece)
            yield piece

    def take(self, length: int) -> bytes:
        """Return exactly this many bytes."""
        return b"".join(self.pieces(length))


def _member(ordered: Ordered, member: Member, folder: Path) -> FileRecord:
    """Unpack one member whose record comes next."""
    ordered.file = member.name
    follows = judge_local(member, ordered.take(LOCAL.size))
    judge_local_name(member, ordered.take(follows))
    pieces = ordered.pieces(member.packed)
    plain = _inflated(pieces, member) if member.method == DEFLATED else pieces
    record = _write(plain, member, folder / member.name)
    gap = member.end - member.offset - LOCAL.size - follows - member.packed
    judge_descriptor(member, ordered.take(gap))
    return record


def _inflated(pieces: Iterator[memoryview], member: Member) -> Iterator[bytes]:
    """Inflate, never more than one block at a time."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for piece in pieces:
            data: bytes | memoryview = piece
            while data and not inflate.eof:
                yield inflate.decompress(data, BLOCK)
                data = inflate.unconsumed_tail
            if inflate.unused_data or (inflate.eof and data):
                raise _damaged("there are bytes after the compressed data", file=member.name)
        yield inflate.flush()
    except zlib.error as e:
        raise _damaged(f"its data cannot be inflated ({e})", file=member.name) from e
    if not inflate.eof:
        raise _damaged("its compressed data ends early", file=member.name)


def _write(plain: Iterator[bytes] | Iterator[memoryview], member: Member, path: Path) -> FileRecord:
    """Write and hash; the size never passes what the directory promised."""
    sha, crc, size = hashlib.sha256(), 0, 0
    with path.open("xb", buffering=0) as f:
        for block in plain:
            size += len(block)
            if size > member.size:
                break
            sha.update(block)
            crc = zlib.crc32(block, crc)
            f.write(block)
        os.fsync(f.fileno())
    if size != member.size:
        raise _damaged("it has another size than promised", file=member.name)
    if crc != member.crc32:
        raise WrongRelease(
            Reason.WRONG_CHECKSUM,
            f"{member.name} does not have the CRC that the archive promises: it was damaged after packing.",
            file=member.name,
            expected=f"crc32:{member.crc32:08x}",
            found=f"crc32:{crc:08x}",
        )
    return FileRecord(member.name, size, sha.hexdigest())


def _damaged(what: str, *, file: str | None) -> WrongRelease:
    where = f" ({file})" if file else ""
    return WrongRelease(Reason.WRONG_ARCHIVE, f"The archive is damaged{where}: {what}.", file=file)
