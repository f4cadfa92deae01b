"""Blocks of one file → the file, its CRC-32, its sha256 and its size, in a thread of its own.

So a file is hashed and written while its next block is inflated; all of it runs without the interpreter's
lock.
"""

from __future__ import annotations

import ctypes
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zlib_ng import zlib_ng

from facedb_release.fetching.digests import Sha256, sha256

# Small enough to stay in the processor's cache from inflating over hashing to writing (measured: inflating
# goes at 261 MB/s into 512 KiB, at 305 into 64), large enough that threads seldom hand over.
BLOCK_BYTES = 128 << 10
BLOCKS = 16
WRITE_BACK_BYTES = 8 << 20
_SYNC_FILE_RANGE_WRITE = 2
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True)
class Written:
    """What a file holds up to here: bytes, CRC-32, and the sha256's state where one can be had."""

    size: int
    crc32: int
    state: bytes | None


def _write_back(handle: int, start: int, length: int) -> None:
    """Let the disk begin with this part, so that little is left when the file is made durable (Linux)."""
    begin = getattr(_LIBC, "sync_file_range", None)
    if begin is not None:
        begin(handle, ctypes.c_int64(start), ctypes.c_int64(length), _SYNC_FILE_RANGE_WRITE)


_Item = tuple[bytearray, int] | bytes | Callable[[Written], None]


class Sink:
    """Writes one file. Use it in a `with`; take a `room`, fill it, and `put` it.

    Args:
        path: of the file; what lies beyond `begin.size` is cut off.
        begin: what is already there.
        sha: of what is already there.
    """

    def __init__(self, path: Path, begin: Written, sha: Sha256 | None = None) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.ftruncate(self._handle, begin.size)
            os.lseek(self._handle, begin.size, os.SEEK_SET)
        except OSError:
            os.close(self._handle)
            raise
        self._sent = begin.size
        self._size, self._crc, self._sha = begin.size, begin.crc32, sha or sha256(begin.state)
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        for _ in range(BLOCKS):
            self._free.put(bytearray(BLOCK_BYTES))
        # Not queue.Queue: interrupted in taking its lock, the main thread would keep it and wait for itself.
        self._full: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(BLOCKS):
            self._places.put(None)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"facedb-{path.name}", daemon=True)

    def __enter__(self) -> Sink:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._failure = self._failure or InterruptedError()
        try:
            self._full.put(None)
            self._thread.join()
        finally:
            # Interrupted, it may still write; its handle's number must not become another file's.
            if not self._thread.is_alive():
                os.close(self._handle)

    def room(self) -> bytearray:
        """Return a free block of BLOCK_BYTES.

        Raises:
            OSError: what writing an earlier block raised.
        """
        block = self._free.get()
        self._raise()
        return block

    def put(self, block: bytearray, length: int) -> None:
        """Hand over a room whose first `length` bytes are filled."""
        self._hand_over((block, length))

    def put_bytes(self, piece: bytes) -> None:
        """Hand over bytes that are nobody's room.

        Raises:
            OSError: what writing an earlier block raised.
        """
        self._raise()
        self._hand_over(piece)

    def mark(self, told: Callable[[Written], None]) -> None:
        """Call `told` once everything handed over so far is written."""
        self._hand_over(told)

    def finish(self) -> str:
        """Wait until all is written and durable; return its sha256 as hex.

        Raises:
            OSError: what writing raised.
        """
        self._full.put(None)
        self._thread.join()
        self._raise()
        os.fsync(self._handle)
        return self._sha.hexdigest()

    @property
    def written(self) -> Written:
        """What was written; complete after `finish`."""
        return Written(self._size, self._crc, self._sha.state())

    def _hand_over(self, item: _Item) -> None:
        self._places.get()
        self._full.put(item)

    def _raise(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        """Take what is handed over until the end; after a failure only give the rooms back."""
        while (item := self._full.get()) is not None:
            try:
                if self._failure is None:
                    self._take(item)
            except BaseException as e:  # noqa: BLE001 - the edge of a thread: raised again to whoever fills it
                self._failure = e
            finally:
                self._places.put(None)
                if isinstance(item, tuple):
                    self._free.put(item[0])

    def _take(self, item: _Item) -> None:
        if isinstance(item, tuple):
            self._write(memoryview(item[0])[: item[1]])
        elif isinstance(item, bytes):
            self._write(item)
        else:
            item(self.written)

    def _write(self, data: bytes | memoryview) -> None:
        self._crc = zlib_ng.crc32(data, self._crc)
        self._sha.update(data)
        self._size += len(data)
        left = memoryview(data)
        while left:
            left = left[os.write(self._handle, left) :]
        if self._size - self._sent >= WRITE_BACK_BYTES:
            _write_back(self._handle, self._sent, self._size - self._sent)
            self._sent = self._size
