"""The heads inside a `.patch` file ↔ bytes. Pure: no file, no compression. Used by make and apply.

A patch is one header, then for each frame_bytes of the new file one frame: a head, the places in the old
file that it leans on, and a zstd frame whose dictionary is the bytes at those places, joined. All numbers are
little endian. Every size is checked here against fixed caps: whoever reads a patch may allocate what it says.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import MIB

MAGIC = b"FDBPATCH"
FORMAT = 1
HEADER = struct.Struct("<8s2HIQ32sQ32s")
HEAD = struct.Struct("<2I")
PLACE = struct.Struct("<QI")
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

MIN_FRAME_BYTES = 1 << 16
MAX_FRAME_BYTES = 4 * MIB
# How many bytes of the old file a frame may lean on: so many times what it rebuilds, and at most this.
REACH = 4
MAX_REACH_BYTES = 8 * MIB
MAX_PLACES = 128
MAX_FILE_BYTES = 1 << 40


@dataclass(frozen=True)
class Header:
    """What a patch turns into what. Sizes in bytes, sums as 64 hex digits.

    Attributes:
        old_size: of the file it starts from.
        old_sha256: of that file.
        new_size: of the file it makes.
        new_sha256: of that file.
        frame_bytes: how much of the new file each frame rebuilds; the last may be shorter. A power of two.
    """

    old_size: int
    old_sha256: str
    new_size: int
    new_sha256: str
    frame_bytes: int = MAX_FRAME_BYTES

    @property
    def frames(self) -> int:
        """How many frames follow."""
        return -(-self.new_size // self.frame_bytes)

    @property
    def reach(self) -> int:
        """How many bytes of the old file a frame may lean on."""
        return min(REACH * self.frame_bytes, MAX_REACH_BYTES)

    @property
    def max_packed(self) -> int:
        """How many bytes a packed frame may have: a little more than unpacked, for what does not shrink."""
        return self.frame_bytes + (self.frame_bytes >> 8) + 1024

    def size_of(self, frame: int) -> int:
        """How many bytes of the new file this frame (from 0) rebuilds."""
        return min(self.frame_bytes, self.new_size - frame * self.frame_bytes)


@dataclass(frozen=True)
class Place:
    """The bytes [start, start + size) of the old file."""

    start: int
    size: int


@dataclass(frozen=True)
class FrameHead:
    """What follows a frame's head: this many places, then this many packed bytes."""

    packed: int
    places: int


def header_bytes(header: Header) -> bytes:
    """Write the header."""
    return HEADER.pack(
        MAGIC,
        FORMAT,
        0,
        header.frame_bytes,
        header.old_size,
        bytes.fromhex(header.old_sha256),
        header.new_size,
        bytes.fromhex(header.new_sha256),
    )


def parse_header(data: bytes | bytearray) -> Header:
    """Read a header of HEADER.size bytes.

    Raises:
        WrongRelease: WrongArchive when it is no patch, UnsafeArchive when a number is out of bounds.
    """
    magic, form, spare, frame_bytes, old_size, old_sum, new_size, new_sum = HEADER.unpack(data)
    if magic != MAGIC:
        broken("it does not begin as a patch does")
    if form != FORMAT or spare:
        broken(f"its format is {form}.{spare}, and this program reads {FORMAT}.0. Update the program")
    if not MIN_FRAME_BYTES <= frame_bytes <= MAX_FRAME_BYTES or frame_bytes & (frame_bytes - 1):
        unsafe(
            "has frames of an unusual size",
            expected=f"{MIN_FRAME_BYTES} to {MAX_FRAME_BYTES}",
            found=frame_bytes,
        )
    if max(old_size, new_size) > MAX_FILE_BYTES:
        unsafe(
            "is for files that are too large",
            expected=f"at most {MAX_FILE_BYTES}",
            found=max(old_size, new_size),
        )
    return Header(old_size, old_sum.hex(), new_size, new_sum.hex(), frame_bytes)


def frame_bytes(packed: bytes, places: Sequence[Place]) -> bytes:
    """Write one frame."""
    listed = b"".join(PLACE.pack(p.start, p.size) for p in places)
    return HEAD.pack(len(packed), len(places)) + listed + packed


def parse_head(data: bytes | bytearray, header: Header) -> FrameHead:
    """Read a frame's head of HEAD.size bytes.

    Raises:
        WrongRelease: UnsafeArchive, when a number is out of bounds.
    """
    packed, places = HEAD.unpack(data)
    if not 0 < packed <= header.max_packed:
        unsafe("has a frame that is too large", expected=f"1 to {header.max_packed}", found=packed)
    if places > MAX_PLACES:
        unsafe("has a frame with too many places", expected=f"at most {MAX_PLACES}", found=places)
    return FrameHead(packed, places)


def parse_places(data: bytes | bytearray, header: Header) -> tuple[Place, ...]:
    """Read a frame's places; they rise, lie inside the old file, and are small together.

    Raises:
        WrongRelease: UnsafeArchive, when they are not so.
    """
    places = tuple(Place(*PLACE.unpack_from(data, at)) for at in range(0, len(data), PLACE.size))
    end = 0
    for place in places:
        if place.start < end or not place.size:
            unsafe("has places out of order", expected=f"at least {end}", found=place.start)
        end = place.start + place.size
    if end > header.old_size:
        unsafe("leans on bytes behind the old file's end", expected=header.old_size, found=end)
    total = sum(p.size for p in places)
    if total > header.reach:
        unsafe("leans on too much of the old file", expected=f"at most {header.reach}", found=total)
    return places


def unsafe(what: str, *, expected: object = None, found: object = None) -> NoReturn:
    """Refuse a patch that asks for what no patch needs."""
    raise WrongRelease(
        Reason.UNSAFE_ARCHIVE, f"The patch {what}; it is not used.", expected=expected, found=found
    )


def broken(what: str) -> NoReturn:
    """Refuse what is no (whole) patch."""
    raise WrongRelease(
        Reason.WRONG_ARCHIVE, f"The patch cannot be read: {what}. Take the full release instead."
    )
