"""The bytes of a zip's central directory → the members to unpack, or a refusal. Pure: no file, no network.

A reader must agree with every other reader about what is inside, so only the plain form is taken: files in
the root with names we know, stored or deflated, in records that tile the file from its first byte to the
directory, and nothing else. Whatever readers disagree about (measured: duplicates, symlinks, overlaps, bombs,
comments, local headers that differ) is refused, before a byte is written.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import Profile

END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR64 = struct.Struct("<4sIQI")
ENTRY = struct.Struct("<4s6H3I5H2I")
LOCAL = struct.Struct("<4s5H3I2H")
TAIL = END.size + END64.size + LOCATOR64.size
MAX_DIRECTORY = 1 << 16
MAX_ENTRIES = 32

STORED, DEFLATED = 0, 8
_ENCRYPTED, DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800
# Bits 1 and 2 tell how hard deflate tried; the others change what the bytes mean.
_KNOWN_FLAGS = 0x2 | 0x4 | DESCRIPTOR | _UTF8
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF


@dataclass(frozen=True)
class DirectoryPlace:
    """Where the central directory lies: [offset, offset + size) in bytes, `entries` of them."""

    offset: int
    size: int
    entries: int


@dataclass(frozen=True)
class Member:
    """One file of the archive, as the central directory has it. Sizes and offsets in bytes."""

    name: str
    method: int
    flags: int
    crc32: int
    packed: int
    size: int
    offset: int
    end: int
    """Where the next record, or the directory, begins."""

    @property
    def has_descriptor(self) -> bool:
        """Whether its CRC and sizes follow the data."""
        return bool(self.flags & DESCRIPTOR)


def find_directory(tail: bytes, archive_size: int) -> DirectoryPlace:
    """Find the central directory from the archive's last bytes.

    Args:
        tail: the last min(archive_size, ≥ TAIL) bytes.
        archive_size: of the whole file.

    Raises:
        WrongRelease: WrongArchive when it is no (whole) zip, UnsafeArchive when readers could disagree.
    """
    if len(tail) < END.size or tail[-END.size :][:4] != b"PK\5\6":
        if b"PK\5\6" in tail:
            unsafe("has a comment or bytes after its end", expected="nothing after the end record")
        broken("the end record of a zip is missing; the file is truncated or no zip")
    _, disk, first_disk, here, entries, size, offset, comment = END.unpack(tail[-END.size :])
    if comment:
        unsafe("has a comment", expected=0, found=comment)
    end = archive_size - END.size
    locator = tail[-END.size - LOCATOR64.size : -END.size]
    if len(locator) == LOCATOR64.size and locator[:4] == b"PK\6\7":
        plain = (disk, first_disk, here, entries, size, offset)
        (disk, first_disk, here, entries, size, offset), end = _zip64(tail, archive_size, locator, plain)
    elif FULL16 in (disk, first_disk, here, entries) or FULL32 in (size, offset):
        broken("it says zip64 but has no zip64 end record")
    if disk or first_disk or here != entries:
        unsafe("is one of several disks")
    return _placed(DirectoryPlace(offset, size, entries), end)


def _placed(place: DirectoryPlace, end: int) -> DirectoryPlace:
    """Return the place when it is small and ends where the end records begin."""
    if place.entries > MAX_ENTRIES or place.size > MAX_DIRECTORY:
        unsafe("has too many entries", expected=f"at most {MAX_ENTRIES}", found=place.entries)
    if place.offset + place.size != end:
        unsafe("has gaps around its directory", expected=end, found=place.offset + place.size)
    return place


def _zip64(
    tail: bytes, archive_size: int, locator: bytes, plain: tuple[int, ...]
) -> tuple[tuple[int, ...], int]:
    """Return the six facts of the zip64 end record, and where it begins."""
    _, disk, where, disks = LOCATOR64.unpack(locator)
    begin = archive_size - TAIL
    record = tail[-TAIL : -TAIL + END64.size]
    if len(record) < END64.size or record[:4] != b"PK\6\6" or where != begin or disk or disks > 1:
        unsafe("has a zip64 end record out of place", expected=begin, found=where)
    _, length, _, _, *facts = END64.unpack(record)
    if length != END64.size - 12:
        unsafe("has a zip64 end record of unusual length", expected=END64.size - 12, found=length)
    for small, large, full in zip(plain, facts, (FULL16,) * 4 + (FULL32,) * 2, strict=True):
        if small not in (full, large):
            unsafe("has two end records that disagree", expected=small, found=large)
    return tuple(facts), begin


def judge(directory: bytes, place: DirectoryPlace, profile: Profile) -> tuple[Member, ...]:
    """Judge the central directory; the members come back in the order of their bytes.

    Raises:
        WrongRelease: UnsafeArchive, UnexpectedFile, MissingFile or WrongArchive.
    """
    members = sorted(_entries(directory, place), key=lambda m: m.offset)
    for member in members:
        _judge_member(member, profile)
    _judge_names([m.name for m in members], profile)
    total = sum(m.size for m in members)
    if total > profile.max_total_bytes:
        unsafe("unpacks to too much", expected=f"at most {profile.max_total_bytes}", found=total)
    return _tiled(members, place)


def _entries(directory: bytes, place: DirectoryPlace) -> Iterator[Member]:
    """Read the entries; they must fill the directory exactly."""
    at = 0
    for _ in range(place.entries):
        if len(directory) < at + ENTRY.size or directory[at : at + 4] != b"PK\1\2":
            broken("its directory is damaged")
        fields = ENTRY.unpack_from(directory, at)
        name_size, extra_size, comment_size = fields[10:13]
        begin = at + ENTRY.size
        at = begin + name_size + extra_size + comment_size
        if at > len(directory):
            broken("its directory is cut short")
        if comment_size:
            unsafe("has a comment on a member")
        extra = directory[begin + name_size : begin + name_size + extra_size]
        yield _entry(fields, directory[begin : begin + name_size], extra)
    if at != len(directory):
        broken("its directory holds more than its entries")


def _entry(fields: tuple[int, ...], raw_name: bytes, extra: bytes) -> Member:
    """Make one member, with its zip64 sizes, from an entry's fields."""
    _, made_by, _, flags, method, _, _, crc, packed, size, _, _, _, disk, _, external, offset = fields
    name = _name(raw_name)
    kind = stat.S_IFMT(external >> 16) if made_by >> 8 == 3 else 0
    if kind not in (0, stat.S_IFREG):
        unsafe("holds something other than a plain file (a link, a folder, a device)", file=name)
    if external & 0x10:
        unsafe("holds a folder", file=name)
    size, packed, offset, disk = _large(extra, name, size, packed, offset, disk)
    if disk:
        unsafe("is one of several disks", file=name)
    return Member(name, method, flags, crc, packed, size, offset, end=0)


def _large(
    extra: bytes, name: str, size: int, packed: int, offset: int, disk: int
) -> tuple[int, int, int, int]:
    """Put the zip64 values in where the plain ones are full."""
    wanted = [size == FULL32, packed == FULL32, offset == FULL32]
    blocks = [body for tag, body in extras(extra, name) if tag == 1]
    if not any(wanted) and disk != FULL16:
        return size, packed, offset, disk
    if len(blocks) != 1 or len(blocks[0]) != 8 * sum(wanted) or disk == FULL16:
        unsafe("has zip64 sizes that do not add up", file=name)
    numbers = iter(struct.unpack(f"<{sum(wanted)}Q", blocks[0]))
    size, packed, offset = (
        next(numbers) if full else plain for full, plain in zip(wanted, (size, packed, offset), strict=True)
    )
    return size, packed, offset, disk


def extras(extra: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Split an extra field into (tag, body)."""
    while extra:
        if len(extra) < 4:
            broken("an extra field is cut short", file=name)
        tag, length = struct.unpack_from("<2H", extra)
        if len(extra) < 4 + length:
            broken("an extra field is cut short", file=name)
        # An Info-ZIP Unicode name would be a second name for the same member.
        if tag == 0x7075:
            unsafe("gives a member a second name", file=name)
        yield tag, extra[4 : 4 + length]
        extra = extra[4 + length :]


def _name(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        unsafe("holds a name that is not ASCII", file=raw[:60].decode("latin-1"))


def _judge_member(member: Member, profile: Profile) -> None:
    """Judge one member by itself."""
    name = member.name
    if not name or name != name.strip(". ") or any(c in name for c in "/\\:\0") or not name.isprintable():
        unsafe("holds a name that leads elsewhere", file=name[:80])
    if name not in profile.required + profile.optional:
        raise WrongRelease(
            Reason.UNEXPECTED_FILE,
            f"The archive holds {name[:80]!r}, which is no file of a release. Nothing was unpacked.",
            file=name[:80],
        )
    if member.flags & _ENCRYPTED:
        unsafe("is encrypted", file=name)
    if member.flags & ~_KNOWN_FLAGS or member.method not in (STORED, DEFLATED):
        unsafe("uses a method other than stored and deflated", file=name, found=member.method)
    if member.method == STORED and (member.size != member.packed or member.has_descriptor):
        unsafe("stores a member whose sizes differ", file=name, expected=member.size, found=member.packed)
    if member.size > profile.max_bytes[name]:
        unsafe(
            "holds a file that is too large", file=name, expected=profile.max_bytes[name], found=member.size
        )
    if member.size > profile.max_ratio * max(member.packed, 1) + 4096:
        ratio = member.size // max(member.packed, 1)
        unsafe(
            "is a decompression bomb",
            file=name,
            expected=f"at most {profile.max_ratio}:1",
            found=f"{ratio}:1",
        )


def _judge_names(names: list[str], profile: Profile) -> None:
    """Judge the names together: each once, and all that are required."""
    folded = [n.casefold() for n in names]
    if len(set(folded)) != len(folded):
        twice = next(n for n in names if folded.count(n.casefold()) > 1)
        unsafe("holds a name twice", file=twice)
    for name in profile.required:
        if name not in names:
            raise WrongRelease(
                Reason.MISSING_FILE,
                f"The archive lacks {name}, which every release must hold. Nothing was unpacked.",
                file=name,
                expected=name,
            )


def _tiled(members: list[Member], place: DirectoryPlace) -> tuple[Member, ...]:
    """Return the members with their ends, when their records can tile [0, place.offset)."""
    ends = [m.offset for m in members[1:]] + [place.offset]
    if members and members[0].offset:
        unsafe("has bytes before its first member", expected=0, found=members[0].offset)
    tiled = []
    for m, end in zip(members, ends, strict=True):
        least = m.offset + LOCAL.size + len(m.name) + m.packed
        if not least <= end <= least + FULL16 + 24:
            unsafe("has members that overlap or leave gaps", file=m.name, expected=least, found=end)
        tiled.append(Member(m.name, m.method, m.flags, m.crc32, m.packed, m.size, m.offset, end))
    return tuple(tiled)


def unsafe(what: str, *, file: str | None = None, expected: object = None, found: object = None) -> NoReturn:
    """Refuse an archive about which readers could disagree, or that could harm."""
    raise WrongRelease(
        Reason.UNSAFE_ARCHIVE,
        f"The archive {what}{f' ({file})' if file else ''}; it is refused as a whole.",
        file=file,
        expected=expected,
        found=found,
    )


def broken(what: str, *, file: str | None = None) -> NoReturn:
    """Refuse what is no (whole) zip."""
    raise WrongRelease(
        Reason.WRONG_ARCHIVE,
        f"The archive cannot be read: {what}. Publish it again, or point to another source.",
        file=file,
    )
