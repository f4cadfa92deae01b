"""The local records of a zip → where each member's data begins, if they agree with the directory. Pure."""

from __future__ import annotations

import struct

from facedb_release.archive.directory import FULL32, LOCAL, Member, extras, unsafe


def judge_local(member: Member, fixed: bytes) -> int:
    """Judge a local header's fixed part; return how many bytes of name and extra field follow.

    Args:
        member: as the directory has it.
        fixed: the first LOCAL.size bytes of its record.

    Raises:
        WrongRelease: UnsafeArchive, when the two disagree.
    """
    magic, _, flags, method, _, _, crc, packed, size, name_size, extra_size = LOCAL.unpack(fixed)
    if magic != b"PK\3\4" or (flags, method, name_size) != (member.flags, member.method, len(member.name)):
        unsafe("has a local header that differs from its directory", file=member.name)
    zero_is_fine = member.has_descriptor
    facts = ((crc, member.crc32), (packed, member.packed), (size, member.size))
    for i, (local, central) in enumerate(facts):
        large = i > 0 and local == FULL32
        if local != central and not large and not (zero_is_fine and local == 0):
            unsafe(
                "has a local header that differs from its directory",
                file=member.name,
                expected=central,
                found=local,
            )
    room = member.end - member.offset - LOCAL.size - name_size - extra_size - member.packed
    if room < 0 or (room and not zero_is_fine):
        unsafe("has members that overlap or leave gaps", file=member.name, expected=0, found=room)
    return int(name_size + extra_size)


def judge_local_name(member: Member, rest: bytes) -> None:
    """Judge the name and extra field after the fixed part.

    Raises:
        WrongRelease: UnsafeArchive, when the name or the zip64 sizes differ.
    """
    if rest[: len(member.name)] != member.name.encode("ascii"):
        unsafe("has a local name that differs from its directory", file=member.name)
    for tag, body in extras(rest[len(member.name) :], member.name):
        allowed = (b"", struct.pack("<2Q", member.size, member.packed), bytes(16))
        if tag == 1 and body not in allowed:
            unsafe("has a local header that differs from its directory", file=member.name)


def judge_descriptor(member: Member, data: bytes) -> None:
    """Judge what lies between a member's data and the next record: nothing, or its data descriptor.

    Raises:
        WrongRelease: UnsafeArchive, when it is anything else.
    """
    if not member.has_descriptor:
        return
    body = data[4:] if data[:4] == b"PK\7\x08" else data
    allowed = [struct.pack(form, member.crc32, member.packed, member.size) for form in ("<I2Q",)]
    if max(member.packed, member.size) < FULL32:
        allowed.append(struct.pack("<3I", member.crc32, member.packed, member.size))
    if body not in allowed:
        unsafe("has stray bytes after a member", file=member.name)
