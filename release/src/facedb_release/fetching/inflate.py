"""Compressed pieces → inflated blocks, with points from which another process can go on.

Python's bindings of zlib cannot stop at the end of a deflate block nor begin in the middle of a byte, which
is what going on after a kill needs (the way of zlib's own examples/zran.c), so the C functions are called
here: zlib-ng's out of the package of that name (1.3 times faster), else the system's zlib. Blocks are filled
in place, so nothing is copied on the way to the hash and the disk.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import zlib_ng.zlib_ng

WINDOW_BYTES = 32 << 10
_OK, _STREAM_END, _BUF_ERROR = 0, 1, -5
_NO_FLUSH, _BLOCK = 0, 5
_AT_BLOCK_END, _LAST_BLOCK = 128, 64
_RAW = -15


class InflateError(Exception):
    """The data is no deflate stream, or ends early."""


@dataclass(frozen=True)
class Point:
    """A place between two deflate blocks.

    Attributes:
        packed: whole compressed bytes before it; the last of them may hold bits that come after.
        bits: how many bits of that last byte come after, 0 to 7.
        plain: inflated bytes before it.
    """

    packed: int
    bits: int
    plain: int


def _fields(avail: type, total: type, check: type) -> tuple[tuple[str, type], ...]:
    """Return the stream's fields; the two libraries differ in the width of three kinds of number."""
    return (
        ("next_in", ctypes.c_void_p),
        ("avail_in", avail),
        ("total_in", total),
        ("next_out", ctypes.c_void_p),
        ("avail_out", avail),
        ("total_out", total),
        ("msg", ctypes.c_char_p),
        ("state", ctypes.c_void_p),
        ("zalloc", ctypes.c_void_p),
        ("zfree", ctypes.c_void_p),
        ("opaque", ctypes.c_void_p),
        ("data_type", ctypes.c_int),
        ("adler", check),
        ("reserved", ctypes.c_ulong),
    )


class _NgStream(ctypes.Structure):
    """zng_stream of zlib-ng.h."""

    _fields_ = _fields(ctypes.c_uint32, ctypes.c_size_t, ctypes.c_uint32)


class _ZlibStream(ctypes.Structure):
    """z_stream of zlib.h."""

    _fields_ = _fields(ctypes.c_uint, ctypes.c_ulong, ctypes.c_ulong)


@dataclass(frozen=True)
class _Library:
    """The C functions, and the structure that they want."""

    stream: type[ctypes.Structure]
    init: Callable[[Any], int]
    inflate: Any
    prime: Any
    dictionary: Any
    end: Any


class Inflater:
    """One raw deflate stream. Use it in a `with`; not safe for several threads.

    Args:
        point: where to begin; the start of the stream when None.
        last_byte: the compressed byte before the point, when the point has bits.
        window: the last inflated bytes before the point, up to 32 KiB.

    Attributes:
        packed: compressed bytes taken.
        plain: inflated bytes made.
        ended: whether the stream's end was reached.
    """

    def __init__(self, point: Point | None = None, *, last_byte: int = 0, window: bytes = b"") -> None:
        self._library = _library()
        self._stream: Any = self._library.stream()
        if self._library.init(self._stream) != _OK:
            raise MemoryError("zlib cannot be set up")
        self.packed = point.packed if point else 0
        self.plain = point.plain if point else 0
        self.ended = False
        self._piece = b""
        if point and point.bits:
            self._library.prime(ctypes.byref(self._stream), point.bits, last_byte >> (8 - point.bits))
        if window:
            self._library.dictionary(ctypes.byref(self._stream), window, len(window))

    def __enter__(self) -> Inflater:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.end(ctypes.byref(self._stream))

    def offer(self, piece: bytes) -> None:
        """Lay the next compressed piece ready; the one before must have been used up."""
        self._piece = piece  # kept alive: the C code reads it in place
        self._stream.next_in = ctypes.cast(ctypes.c_char_p(piece), ctypes.c_void_p).value
        self._stream.avail_in = len(piece)

    @property
    def hungry(self) -> bool:
        """Whether the piece at hand is used up."""
        return not self._stream.avail_in

    def into(self, block: bytearray, start: int, *, stop_at_block: bool = False) -> int:
        """Inflate what lies ready into block[start:]; return the new end of what is filled.

        Args:
            block: filled in place.
            start: where its free room begins.
            stop_at_block: return at the next end of a deflate block, also when there is room left.

        Raises:
            InflateError: if the data is damaged.
        """
        room = len(block) - start
        stream = self._stream
        before = stream.avail_in
        hold = (ctypes.c_char * room).from_buffer(block, start)
        stream.next_out = ctypes.addressof(hold)
        stream.avail_out = room
        said = self._library.inflate(ctypes.byref(stream), _BLOCK if stop_at_block else _NO_FLUSH)
        made = room - stream.avail_out
        self.packed += before - stream.avail_in
        self.plain += made
        if said == _STREAM_END:
            self.ended = True
        elif said not in (_OK, _BUF_ERROR):
            text = stream.msg.decode("ascii", "replace") if stream.msg else f"zlib says {said}"
            raise InflateError(text)
        return int(start + made)

    def point(self) -> Point | None:
        """Return the place that was reached, if it lies between two blocks."""
        kind = self._stream.data_type
        if not kind & _AT_BLOCK_END or kind & _LAST_BLOCK:
            return None
        return Point(self.packed, kind & 7, self.plain)

    @property
    def left(self) -> int:
        """How many bytes of the piece at hand were not used."""
        return int(self._stream.avail_in)


@lru_cache(maxsize=1)
def _library() -> _Library:
    """Return zlib-ng, or the system's zlib.

    Raises:
        OSError: if there is neither.
    """
    try:
        ng = ctypes.CDLL(zlib_ng.zlib_ng.__file__)
        return _Library(
            _NgStream,
            lambda s: int(ng.zng_inflateInit2(ctypes.byref(s), _RAW)),
            ng.zng_inflate,
            ng.zng_inflatePrime,
            ng.zng_inflateSetDictionary,
            ng.zng_inflateEnd,
        )
    except (OSError, AttributeError):
        z = ctypes.CDLL(ctypes.util.find_library("z") or "libz.so.1")
        z.zlibVersion.restype = ctypes.c_char_p
        return _Library(
            _ZlibStream,
            lambda s: int(z.inflateInit2_(ctypes.byref(s), _RAW, z.zlibVersion(), ctypes.sizeof(s))),
            z.inflate,
            z.inflatePrime,
            z.inflateSetDictionary,
            z.inflateEnd,
        )
