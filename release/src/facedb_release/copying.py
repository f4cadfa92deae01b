"""One file → a copy of it, by shared blocks where the file system can; and a file's size, sha256 and CRC-32.

Used by export and import. Never writes to the source.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from zlib_ng import zlib_ng

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.receipt import FileRecord

BLOCK = 1 << 20
# ioctl(2) FICLONE: btrfs, xfs, bcachefs, overlayfs over them.
_FICLONE = 0x40049409
_PIECE = 64 << 20
_CANNOT = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM, errno.EBADF)

Stamps = Mapping[str, tuple[int, int, int]]


def clone(source: Path, target: Path) -> None:
    """Copy a file to a name that is free; durable when this returns."""
    with source.open("rb", buffering=0) as src, target.open("xb", buffering=0) as dst:
        if not (_reflinked(src, dst) or _copied_by_the_kernel(src, dst)):
            src.seek(0)
            dst.seek(0)
            dst.truncate()
            shutil.copyfileobj(src, dst, BLOCK)
        os.fsync(dst.fileno())


def hash_file(path: Path, told: Callable[[int], None] = lambda _: None) -> FileRecord:
    """Read a file once.

    Args:
        path: of the file.
        told: gets the number of bytes of each block read.
    """
    sha, crc, size = hashlib.sha256(), 0, 0
    with path.open("rb", buffering=0) as f:
        while block := f.read(BLOCK):
            sha.update(block)
            crc = zlib_ng.crc32(block, crc)
            size += len(block)
            told(len(block))
    return FileRecord(path.name, size, sha.hexdigest(), crc)


def stamps(paths: Iterable[Path]) -> Stamps:
    """Return what changes when a file is written: inode, size in bytes, time of the last write in ns."""
    facts = {}
    for path in paths:
        if path.exists():
            stat = path.stat()
            facts[path.name] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return facts


def require_still(before: Stamps, after: Stamps, folder: Path) -> None:
    """Refuse copies of files that were written meanwhile: they may be half old and half new.

    Raises:
        SourceTrouble: InUse, with the first name that changed.
    """
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            raise SourceTrouble(
                Reason.IN_USE,
                f"{name} in {folder} changed while it was copied. Stop the program that writes it, "
                "then start again.",
                file=name,
            )


def _reflinked(src: BinaryIO, dst: BinaryIO) -> bool:
    try:
        fcntl.ioctl(dst.fileno(), _FICLONE, src.fileno())
    except OSError as e:
        if e.errno in _CANNOT:
            return False
        raise
    return True


def _copied_by_the_kernel(src: BinaryIO, dst: BinaryIO) -> bool:
    if not hasattr(os, "copy_file_range"):
        return False
    try:
        while os.copy_file_range(src.fileno(), dst.fileno(), _PIECE):
            pass
    except OSError as e:
        if e.errno in _CANNOT:
            return False
        raise
    return True
