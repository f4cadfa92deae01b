"""One stage of a fetch alone, with nothing to wait for: what bounds all of them together.

Run in a process of its own: `python -m bench.stages NAME THREADS ARCHIVE FOLDER`; FOLDER holds the archive's
files. Each thread takes the next file, the largest first, as a fetch would.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zlib_ng import zlib_ng

from facedb_release.verify.index import check_opens, read_header
from facedb_release.verify.limits import Limits

from .meter import metered

BLOCK = 1 << 20
# The fastest for both libraries (measured): a block of 1 MiB leaves the core's own cache, and costs a third.
INFLATE_BLOCK = 1 << 18


@dataclass(frozen=True)
class Material:
    """What a stage works on: the zip, and its files unpacked, the largest first."""

    archive: Path
    files: tuple[Path, ...]


def inflate(library: Any, material: Material, threads: int) -> None:
    """Inflate every member, and keep nothing."""
    with zipfile.ZipFile(material.archive) as z:
        members = sorted(z.infolist(), key=lambda m: -m.file_size)

    def one(member: zipfile.ZipInfo) -> None:
        engine = library.decompressobj(-zlib.MAX_WBITS)
        # The local header has 30 bytes and the name: this archive is our own, without extra fields.
        at, left = member.header_offset + 30 + len(member.filename), member.compress_size
        with material.archive.open("rb") as f:
            f.seek(at)
            while left:
                block = f.read(min(INFLATE_BLOCK, left))
                left -= len(block)
                while block:
                    engine.decompress(block, INFLATE_BLOCK)
                    block = engine.unconsumed_tail

    _spread(one, members, threads)


def sha256(material: Material, threads: int) -> None:
    """Hash every file, read from the page cache."""

    def one(path: Path) -> None:
        sha = hashlib.sha256()
        with path.open("rb", buffering=0) as f:
            while block := f.read(BLOCK):
                sha.update(block)

    _spread(one, material.files, threads)


def write(material: Material, threads: int, *, durable: bool) -> None:
    """Write as many bytes as the files have, and make them durable or not."""
    noise = os.urandom(BLOCK)
    with tempfile.TemporaryDirectory(dir=material.archive.parent) as out:

        def one(path: Path) -> None:
            left = path.stat().st_size
            with (Path(out) / path.name).open("wb", buffering=0) as f:
                while left:
                    left -= f.write(noise[: min(BLOCK, left)])
                if durable:
                    os.fsync(f.fileno())

        with metered():
            _spread(one, material.files, threads)


def check_indices(material: Material, threads: int) -> None:
    """Check each index as a fetch does: header, structure, and queries in a child process."""
    limits = Limits()

    def one(path: Path) -> None:
        header = read_header(path)
        list(
            check_opens(
                path,
                labels=range(header.count),
                sample=limits.sample,
                seconds=limits.index_seconds,
                extra_bytes=limits.index_extra_bytes,
            )
        )

    _spread(one, [p for p in material.files if p.suffix == ".voy"], threads)


STAGES: dict[str, Callable[[Material, int], None]] = {
    "inflate, zlib": lambda m, n: inflate(zlib, m, n),
    "inflate, zlib-ng": lambda m, n: inflate(zlib_ng, m, n),
    "sha256": sha256,
    "write, buffered": lambda m, n: write(m, n, durable=False),
    "write, fsync": lambda m, n: write(m, n, durable=True),
    "index check": check_indices,
}


def _spread(one: Callable[[Any], None], parts: Any, threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, parts))


def main() -> None:
    """Run one stage."""
    name, threads, archive, folder = sys.argv[1:]
    files = [p for p in Path(folder).iterdir() if not p.name.startswith(".")]
    material = Material(Path(archive), tuple(sorted(files, key=lambda p: -p.stat().st_size)))
    if name.startswith("write"):
        # Meters itself: removing what it wrote is no part of it.
        STAGES[name](material, int(threads))
        return
    with metered():
        STAGES[name](material, int(threads))


if __name__ == "__main__":
    main()
