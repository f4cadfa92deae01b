"""The local records of a zip → where each member's data begins, if they agree with the directory. Pure.

A reader that streams sees only these, another only the directory: what they could disagree about is refused.
"""

from __future__ import annotations

import struct

from facedb_release.archive.directory import FULL32, LOCAL, MAX_VERSION, ZIP64, Member, extras, unsafe

SIGNATURE = b"PK\7\x08"


def judge_local(member: Member, fixed: bytes) -> int:
    """Judge a local header's fixed part; return how many bytes of name and extra field follow.

    Args:
        member: as the directory has it.
        fixed: the first LOCAL.size bytes of its record.

    Raises:
        WrongRelease: UnsafeArchive, when the two disagree.
    """
    if len(fixed) != LOCAL.size:
        unsafe("has a record that is cut short", file=member.name, expected=LOCAL.size, found=len(fixed))
    magic, version, flags, method, time, date, crc, packed, size, name_size, extra_size = LOCAL.unpack(fixed)
    zero = (0,) if member.has_descriptor else ()
    # The directory alone needs zip64, hence a newer program, when only the member's offset is large.
    older = (10, 20) if member.version == MAX_VERSION else ()
    for what, here, allowed in (
        ("mark", magic, (b"PK\3\4",)),
        ("version", version, (member.version, *older)),
        ("flags", flags, (member.flags,)),
        ("method", method, (member.method,)),
        ("time", (time, date), (member.stamp,)),
        ("CRC", crc, (member.crc32, *zero)),
        ("packed size", packed, (member.packed, FULL32, *zero)),
        ("size", size, (member.size, FULL32, *zero)),
        ("length of the name", name_size, (len(member.name),)),
    ):
        if here not in allowed:
            _differs(member, f"{what} {allowed[0]!r}", here)
    room = member.end - member.offset - LOCAL.size - name_size - extra_size - member.packed
    if room < 0 or (room and not member.has_descriptor):
        unsafe("has members that overlap or leave gaps", file=member.name, expected=0, found=room)
    return int(name_size + extra_size)


def judge_local_name(member: Member, rest: bytes, fixed: bytes) -> None:
    """Judge the name and extra field after the fixed part.

    Args:
        member: as the directory has it.
        rest: the bytes of name and extra field.
        fixed: what judge_local judged.

    Raises:
        WrongRelease: UnsafeArchive, when the name or the zip64 sizes differ; WrongArchive, when cut short.
    """
    name = rest[: len(member.name)]
    if name != member.name.encode("ascii"):
        _differs(member, member.name, name)
    full = FULL32 in LOCAL.unpack(fixed)[7:9]
    blocks = [body for tag, body in extras(rest[len(member.name) :], member.name) if tag == ZIP64]
    # Both sizes, always, says the format; zeros where a descriptor follows.
    allowed = [struct.pack("<2Q", member.size, member.packed)]
    if member.has_descriptor:
        allowed.append(bytes(16))
    if (full and not blocks) or any(body not in allowed for body in blocks):
        _differs(member, "zip64 sizes as in the directory", f"{len(blocks)} blocks")


def judge_descriptor(member: Member, data: bytes) -> None:
    """Judge what lies between a member's data and the next record: nothing, or its data descriptor.

    Raises:
        WrongRelease: UnsafeArchive, when it is anything else.
    """
    if not member.has_descriptor:
        if data:
            unsafe("has stray bytes after a member", file=member.name)
        return
    allowed = [struct.pack("<I2Q", member.crc32, member.packed, member.size)]
    if max(member.packed, member.size) < FULL32:
        allowed.append(struct.pack("<3I", member.crc32, member.packed, member.size))
    if data not in [mark + body for body in allowed for mark in (SIGNATURE, b"")]:
        unsafe("has stray bytes after a member", file=member.name)


def _differs(member: Member, expected: object, found: object) -> None:
    unsafe(
        "has a local header that differs from its directory",
        file=member.name,
        expected=expected,
        found=found,
    )
