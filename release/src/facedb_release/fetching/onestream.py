"""A server without ranges: the archive in one stream → its files. Nothing counts before its directory came.

The directory lies at the end, so each local record is judged by itself as it comes (its name, its method, its
caps), files are written beside the real place, and at the end the directory must say the very same. A cut
means starting again: such a server cannot do better.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from facedb_release import volume
from facedb_release.archive.contents import Archive, Contents
from facedb_release.archive.directory import (
    FULL32,
    LOCAL,
    MAX_DIRECTORY,
    MAX_ENTRIES,
    TAIL,
    Member,
    broken,
    extras,
    find_directory,
    judge,
    judge_member,
    unsafe,
)
from facedb_release.archive.records import judge_local, judge_local_name
from facedb_release.fetching.digests import sha256
from facedb_release.fetching.journal import Journal
from facedb_release.fetching.member import Reader, Tap, Target, unpack_member
from facedb_release.fetching.unpack import Told, Unpacked
from facedb_release.profiles import FileSet
from facedb_release.receipt import FileRecord

_RECORD, _DIRECTORY = b"PK\3\4", b"PK\1\2"
_ZIP64 = 1


@dataclass(frozen=True)
class _Seen:
    """A record as it came: its offset, its fixed header, its name with the extra field, and the file made."""

    offset: int
    fixed: bytes
    rest: bytes
    record: FileRecord


def unpack_stream(
    archive: Archive,
    files: FileSet,
    folder: Path,
    told: Told,
    finished: Callable[[FileRecord], None] = lambda record: None,
) -> Unpacked:
    """Write every member into the folder, and hash the archive.

    Args:
        archive: read once, in order.
        files: what it may hold.
        folder: holds none of the names yet.
        told: gets the archive's bytes done and the file at hand.
        finished: gets each file as soon as it is whole.

    Raises:
        WrongRelease: as from reading its directory first; also UnsafeArchive, when a record has no sizes.
        NoSpace: if the next file does not fit.
    """
    tap = Tap(0, sha256())
    now: list[str | None] = [None]
    reader = Reader(archive.stream(), 0, tap=tap, told=lambda _: told(tap.at, now[0]))
    journal = Journal(None)
    seen: list[_Seen] = []
    while (magic := reader.take(4)) == _RECORD:
        offset = reader.at - 4
        fixed = magic + reader.take(LOCAL.size - 4)
        rest = reader.take(sum(LOCAL.unpack(fixed)[-2:]))
        member = _member(fixed, rest, offset)
        judge_member(member, files)
        if len(seen) >= MAX_ENTRIES or member.name in {s.record.name for s in seen}:
            unsafe("holds a name twice, or too many", file=member.name)
        volume.require_space(folder, member.size)
        now[0] = member.name
        reader.unread(fixed + rest)
        record = unpack_member(reader, member, Target(folder / member.name, None, journal))
        finished(record)
        seen.append(_Seen(offset, fixed, rest, record))
    _compare(magic, reader, archive.size, files, seen)
    return Unpacked("sha256:" + tap.sha.hexdigest(), tuple(s.record for s in seen))


def _member(fixed: bytes, rest: bytes, offset: int) -> Member:
    """Return what a local record says, as if the directory had said it."""
    _, version, flags, method, time, date, crc, packed, size, name_size, _ = LOCAL.unpack(fixed)
    try:
        name = rest[:name_size].decode("ascii")
    except UnicodeDecodeError:
        unsafe("holds a name that is not ASCII", file=rest[:60].decode("latin-1"))
    for tag, body in extras(rest[name_size:], name):
        if tag == _ZIP64 and len(body) == 16 and FULL32 in (size, packed):
            size, packed = struct.unpack("<2Q", body)
    end = offset + len(fixed) + len(rest) + packed
    member = Member(name, method, flags, crc, packed, size, offset, end, version, (time, date))
    if member.has_descriptor:
        unsafe(
            "was written without sizes in its records, and this server gives no ranges to look them up; "
            "pack it again, or use a server that knows ranges",
            file=name,
        )
    return member


def _compare(magic: bytes, reader: Reader, size: int, files: FileSet, seen: list[_Seen]) -> None:
    """Read and judge the directory; it must list the very records that came."""
    start = reader.at - 4
    if magic != _DIRECTORY or size - start > MAX_DIRECTORY + TAIL:
        broken("after its members comes something that is no directory")
    tail = magic + reader.take(size - reader.at)
    place = find_directory(tail[-TAIL:], size)
    if place.offset != start:
        unsafe("has gaps around its directory", expected=start, found=place.offset)
    members = Contents(place, tail[: place.size], judge(tail[: place.size], place, files)).members
    if [m.offset for m in members] != [s.offset for s in seen]:
        unsafe("has members that its directory does not list")
    for member, came in zip(members, seen, strict=True):
        judge_local(member, came.fixed)
        judge_local_name(member, came.rest, came.fixed)
