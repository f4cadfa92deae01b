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
from dataclasses import dataclass, replace
from typing import NoReturn

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import FileSet

END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR64 = struct.Struct("<4sIQI")
ENTRY = struct.Struct("<4s6H3I5H2I")
# magic, version needed, flags, method, time, date, CRC, packed, size, length of the name, of the extra field
LOCAL = struct.Struct("<4s5H3I2H")
TAIL = END.size + END64.size + LOCATOR64.size
MAX_DIRECTORY = 1 << 16
MAX_ENTRIES = 32

STORED, DEFLATED = 0, 8
_ENCRYPTED, DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800
# Bits 1 and 2 tell how hard deflate tried; the others change what the bytes mean.
_KNOWN_FLAGS = 0x2 | 0x4 | DESCRIPTOR | _UTF8
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
# 1.0 stored, 2.0 deflated, 4.5 zip64: what needs more, needs something that is refused.
MAX_VERSION = 45
# Attributes of DOS: read-only, hidden, system, archive, normal. Others make it no plain file.
_PLAIN_ATTRIBUTES = 0x1 | 0x2 | 0x4 | 0x20 | 0x80
ZIP64 = 0x0001
# Extra fields without a say in what a member is: times (NTFS, Unix old and new), owners (Unix old and new).
_HARMLESS = frozenset({0x000A, 0x5455, 0x5855, 0x7855, 0x7875})


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
    version: int = 20
    """The version that is needed to unpack it, times ten."""
    stamp: tuple[int, int] = (0, 0)
    """Time and date, as DOS packs them."""

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
    if place.entries > MAX_ENTRIES:
        unsafe("has too many entries", expected=f"at most {MAX_ENTRIES}", found=place.entries)
    if place.size > MAX_DIRECTORY:
        unsafe("has too large a directory", expected=f"at most {MAX_DIRECTORY} bytes", found=place.size)
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
    _, length, _, needed, *facts = END64.unpack(record)
    if needed > MAX_VERSION:
        unsafe("needs a newer program", expected=f"at most {MAX_VERSION}", found=needed)
    if length != END64.size - 12:
        unsafe("has a zip64 end record of unusual length", expected=END64.size - 12, found=length)
    for small, large, full in zip(plain, facts, (FULL16,) * 4 + (FULL32,) * 2, strict=True):
        if small not in (full, large):
            unsafe("has two end records that disagree", expected=small, found=large)
    return tuple(facts), begin


def judge(directory: bytes, place: DirectoryPlace, files: FileSet) -> tuple[Member, ...]:
    """Judge the central directory; the members come back in the order of their bytes.

    Raises:
        WrongRelease: UnsafeArchive, UnexpectedFile, MissingFile or WrongArchive.
    """
    members = sorted(_entries(directory, place), key=lambda m: m.offset)
    for member in members:
        judge_member(member, files)
    _judge_names([m.name for m in members], files)
    total = sum(m.size for m in members)
    if total > files.max_total_bytes:
        unsafe("unpacks to too much", expected=f"at most {files.max_total_bytes}", found=total)
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
    _, _, version, flags, method, time, date, crc, packed, size, _, _, _, disk, _, external, offset = fields
    name = _name(raw_name)
    # Some unpackers look at the mode whatever system the entry names.
    if stat.S_IFMT(external >> 16) not in (0, stat.S_IFREG) or external & FULL16 & ~_PLAIN_ATTRIBUTES:
        unsafe("holds something other than a plain file (a link, a folder, a device)", file=name)
    blocks = [body for tag, body in extras(extra, name) if tag == ZIP64]
    size, packed, offset = _large(blocks, name, (size, packed, offset))
    if disk:
        unsafe("is one of several disks", file=name)
    return Member(name, method, flags, crc, packed, size, offset, 0, version, (time, date))


def _large(blocks: list[bytes], name: str, plain: tuple[int, int, int]) -> tuple[int, int, int]:
    """Put the zip64 values in where the plain size, packed size and offset are full."""
    full = [value == FULL32 for value in plain]
    if not any(full) and not blocks:
        return plain
    if len(blocks) != 1 or not any(full) or len(blocks[0]) != 8 * sum(full):
        unsafe("has zip64 sizes that do not add up", file=name)
    numbers = iter(struct.unpack(f"<{sum(full)}Q", blocks[0]))
    size, packed, offset = (
        next(numbers) if large else value for large, value in zip(full, plain, strict=True)
    )
    return size, packed, offset


def extras(extra: bytes, name: str) -> Iterator[tuple[int, bytes]]:
    """Split an extra field into (tag, body); refuse what could give a member another name, size or method."""
    seen = set()
    while extra:
        if len(extra) < 4:
            broken("an extra field is cut short", file=name)
        tag, length = struct.unpack_from("<2H", extra)
        if len(extra) < 4 + length:
            broken("an extra field is cut short", file=name)
        if tag in seen or tag not in _HARMLESS | {ZIP64}:
            unsafe("has an unusual extra field", file=name, found=f"{tag:#06x}")
        seen.add(tag)
        yield tag, extra[4 : 4 + length]
        extra = extra[4 + length :]


def _name(raw: bytes) -> str:
    try:
        return raw.decode("ascii")
    except UnicodeDecodeError:
        unsafe("holds a name that is not ASCII", file=raw[:60].decode("latin-1"))


def judge_member(member: Member, files: FileSet) -> None:
    """Judge one member by itself."""
    name = member.name
    if not name or name != name.strip(". ") or any(c in name for c in "/\\:\0") or not name.isprintable():
        unsafe("holds a name that leads elsewhere", file=name[:80])
    if name not in files.known:
        raise WrongRelease(
            Reason.UNEXPECTED_FILE,
            f"The archive holds {name[:80]}, which is no file of a release. Nothing was unpacked.",
            file=name[:80],
        )
    if member.flags & _ENCRYPTED:
        unsafe("is encrypted", file=name)
    if member.flags & ~_KNOWN_FLAGS or member.method not in (STORED, DEFLATED):
        unsafe("uses a method other than stored and deflated", file=name, found=member.method)
    if member.version > MAX_VERSION:
        unsafe("needs a newer program", file=name, expected=f"at most {MAX_VERSION}", found=member.version)
    _judge_sizes(member, files)


def _judge_sizes(member: Member, files: FileSet) -> None:
    """Judge what one member promises to become."""
    name = member.name
    if member.method == STORED and (member.size != member.packed or member.has_descriptor):
        unsafe("stores a member whose sizes differ", file=name, expected=member.size, found=member.packed)
    if member.size > files.max_bytes[name]:
        unsafe("holds a file that is too large", file=name, expected=files.max_bytes[name], found=member.size)
    if member.packed > member.size + member.size // 8 + 4096:
        unsafe("packs a file to more than it is", file=name, expected=member.size, found=member.packed)
    if member.size > files.max_ratio * max(member.packed, 1) + 4096:
        ratio = member.size // max(member.packed, 1)
        unsafe(
            "is a decompression bomb",
            file=name,
            expected=f"at most {files.max_ratio}:1",
            found=f"{ratio}:1",
        )


def _judge_names(names: list[str], files: FileSet) -> None:
    """Judge the names together: each once, and all that are required."""
    folded = [n.casefold() for n in names]
    if len(set(folded)) != len(folded):
        twice = next(n for n in names if folded.count(n.casefold()) > 1)
        unsafe("holds a name twice", file=twice)
    for name in files.required:
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
    first = members[0].offset if members else place.offset
    if first:
        unsafe("has bytes before its first member", expected=0, found=first)
    tiled = []
    for m, end in zip(members, ends, strict=True):
        least = m.offset + LOCAL.size + len(m.name) + m.packed
        if not least <= end <= least + FULL16 + 24:
            unsafe("has members that overlap or leave gaps", file=m.name, expected=least, found=end)
        tiled.append(replace(m, end=end))
    return tuple(tiled)


def unsafe(what: str, *, file: str | None = None, expected: object = None, found: object = None) -> NoReturn:
    """Refuse an archive about which readers could disagree, or that could harm."""
    name = _shown(file)
    raise WrongRelease(
        Reason.UNSAFE_ARCHIVE,
        f"The archive {what}{f' ({name})' if name else ''}; it is refused as a whole.",
        file=name,
        expected=expected,
        found=found,
    )


def broken(what: str, *, file: str | None = None) -> NoReturn:
    """Refuse what is no (whole) zip."""
    raise WrongRelease(
        Reason.WRONG_ARCHIVE,
        f"The archive cannot be read: {what}. Publish it again, or point to another source.",
        file=_shown(file),
    )


def _shown(name: str | None) -> str | None:
    """Return a name that drives no terminal."""
    return name if name is None or (name.isascii() and name.isprintable()) else ascii(name)[1:-1][:80]
