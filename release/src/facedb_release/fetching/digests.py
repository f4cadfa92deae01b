"""sha256 that can be put aside and taken up again by another process.

hashlib hides its state. A fetch that was killed must neither read 800 MB again from disk nor fetch an archive
again only because a pinned digest covers all of it, so the state is saved beside the half-written file. It is
OpenSSL's own function, by its older interface, whose state is a plain structure (openssl/sha.h: SHA256_CTX,
112 bytes, unchanged since 0.9.8). Where libcrypto is not to be had, hashlib takes its place and has no state.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import struct
from functools import lru_cache
from typing import Protocol

STATE_BYTES = 112
_DIGEST_BYTES, _BLOCK_BYTES = 32, 64
# Of SHA256_CTX: bytes of the block at hand, and the digest's length.
_LAST = struct.Struct("=2I")
_NAMES = ("libcrypto.so.3", "libcrypto.so.1.1")


class Sha256(Protocol):
    """A running sha256."""

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far, as 64 hex digits."""

    def state(self) -> bytes | None:
        """Return what `sha256(state)` goes on from; None where that is not possible."""


def sha256(state: bytes | None = None) -> Sha256:
    """Return a running sha256, new or from a state of this same program.

    Raises:
        ValueError: if the state is none, or cannot be used here.
    """
    library = _library()
    if state is not None and (library is None or not _is_state(state)):
        raise ValueError("this state of a sha256 cannot be used")
    return _Hashlib() if library is None else _OpenSsl(library, state)


def _is_state(state: bytes) -> bool:
    """Whether C code may be given this: a damaged one would make it write beyond its block."""
    if len(state) != STATE_BYTES:
        return False
    held, digest = _LAST.unpack_from(state, STATE_BYTES - _LAST.size)
    return bool(held < _BLOCK_BYTES and digest == _DIGEST_BYTES)


class _Hashlib:
    """hashlib's, where libcrypto cannot be found."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def update(self, data: bytes | bytearray | memoryview) -> None:
        self._sha.update(data)

    def hexdigest(self) -> str:
        return self._sha.hexdigest()

    def state(self) -> bytes | None:
        return None


class _OpenSsl:
    """libcrypto's; the calls run without the interpreter's lock."""

    def __init__(self, library: ctypes.CDLL, state: bytes | None) -> None:
        self._library = library
        self._context = ctypes.create_string_buffer(state or b"", STATE_BYTES)
        if state is None:
            library.SHA256_Init(self._context)

    def update(self, data: bytes | bytearray | memoryview) -> None:
        if isinstance(data, bytes):
            self._library.SHA256_Update(self._context, data, ctypes.c_size_t(len(data)))
        elif len(data):
            view = (ctypes.c_char * len(data)).from_buffer(data)
            self._library.SHA256_Update(self._context, view, ctypes.c_size_t(len(data)))

    def hexdigest(self) -> str:
        copy = ctypes.create_string_buffer(self._context.raw, STATE_BYTES)
        digest = ctypes.create_string_buffer(_DIGEST_BYTES)
        self._library.SHA256_Final(digest, copy)
        return digest.raw.hex()

    def state(self) -> bytes | None:
        return self._context.raw


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """Return libcrypto, when it does what hashlib does."""
    for name in (*_NAMES, ctypes.util.find_library("crypto")):
        try:
            library = ctypes.CDLL(name) if name else None
            if library is not None and _works(library):
                return library
        except (OSError, AttributeError):
            continue
    return None


def _works(library: ctypes.CDLL) -> bool:
    """Whether a hash put aside in the middle comes out right."""
    first = _OpenSsl(library, None)
    first.update(b"one block and a part of the next" * 3)
    second = _OpenSsl(library, first.state())
    second.update(bytearray(b"rest"))
    return second.hexdigest() == hashlib.sha256(b"one block and a part of the next" * 3 + b"rest").hexdigest()
