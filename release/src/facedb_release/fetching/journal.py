"""What a half-done fetch has on disk already, so that another process goes on instead of beginning again.

Written beside the half-written files, whole or not at all, after the bytes that it speaks of. It is trusted
only for an archive of the same size with the very same directory, and only where the files, read again, have
the hashes that it notes: a hash that is taken up again would never see what the disk lost in between.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from threading import Lock

from facedb_release.fetching.digests import sha256
from facedb_release.profiles import MIB
from facedb_release.receipt import FileRecord
from facedb_release.strictjson import parse_json

FORMAT = 1
BLOCK = 1 << 20


@dataclass(frozen=True)
class Half:
    """A half-written file.

    Attributes:
        begin: where its data begins in the archive.
        packed: bytes of that data that are done.
        bits: of the last of them, that come after; see inflate.Point.
        last_byte: that byte.
        plain: bytes of the file that are done.
        crc32: of those.
        sha256: state of the hash of those, as hex.
    """

    begin: int
    packed: int
    bits: int
    last_byte: int
    plain: int
    crc32: int
    sha256: str


@dataclass(frozen=True)
class Passed:
    """How far the archive's own hash is: bytes, and the state as hex."""

    at: int
    sha256: str


@dataclass(frozen=True)
class Begun:
    """What was found: whole files, half-written ones, and the archive's hash where one was kept."""

    done: Mapping[str, FileRecord]
    half: Mapping[str, Half]
    passed: Passed | None


NOTHING = Begun({}, {}, None)


class Journal:
    """The journal of one folder of half-written files; several threads may note.

    Args:
        path: where it is kept; None keeps none.
        identity: of the archive: size and sha256 of its directory.
        begun: what it says already.
    """

    def __init__(self, path: Path | None, identity: str = "", begun: Begun = NOTHING) -> None:
        self._path = path
        self._identity = identity
        self._done = dict(begun.done)
        self._half = dict(begun.half)
        self._passed = begun.passed
        self._lock = Lock()

    def note_half(self, name: str, half: Half, passed: Passed | None = None) -> None:
        """Note how far a file is."""
        with self._lock:
            self._half[name], self._passed = half, passed
            self._write()

    def note_done(self, record: FileRecord, passed: Passed | None = None) -> None:
        """Note that a file is whole and durable."""
        with self._lock:
            self._half.pop(record.name, None)
            self._done[record.name], self._passed = record, passed
            self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        content = {
            "format": FORMAT,
            "identity": self._identity,
            "done": [asdict(r) for r in self._done.values()],
            "half": {name: asdict(h) for name, h in self._half.items()},
            "passed": asdict(self._passed) if self._passed else None,
        }
        temp = self._path.with_name(self._path.name + ".new")
        temp.write_text(json.dumps(content), encoding="ascii")
        temp.replace(self._path)


def read_journal(path: Path, identity: str, folder: Path) -> Begun:
    """Return what an earlier run left for this archive; nothing when it was another, or cannot be used.

    Args:
        path: where the journal is kept.
        identity: of the archive.
        folder: of the files that it speaks of.
    """
    begun = _parsed(path, identity)
    try:
        return _on_disk(folder, begun)
    except ValueError:
        return NOTHING


def noted(path: Path, identity: str) -> tuple[FileRecord, ...]:
    """Return the files that were whole, as the journal has it, wherever they are now."""
    return tuple(_parsed(path, identity).done.values())


def _parsed(path: Path, identity: str) -> Begun:
    """Read the journal, if it is one of this archive."""
    try:
        raw = parse_json(path.read_bytes(), max_bytes=MIB)
        if raw["format"] != FORMAT or raw["identity"] != identity:
            return NOTHING
        done = {r["name"]: FileRecord(**r) for r in raw["done"]}
        half = {name: Half(**h) for name, h in raw["half"].items()}
        if any(Path(name).name != name for name in (*done, *half)):
            return NOTHING
        return Begun(done, half, Passed(**raw["passed"]) if raw["passed"] else None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return NOTHING


def _on_disk(folder: Path, begun: Begun) -> Begun:
    """Keep what the files bear out, byte for byte.

    Raises:
        ValueError: if a state of a hash cannot be used here.
    """
    done = {n: r for n, r in begun.done.items() if _hash(folder / n, r.size, whole=True) == r.sha256}
    half = {n: h for n, h in begun.half.items() if _hash(folder / n, h.plain) == _said(h.sha256)}
    if begun.passed:
        _said(begun.passed.sha256)
    # The archive's hash covers files that must then all be there.
    whole = len(done) == len(begun.done) and len(half) == len(begun.half)
    return Begun(done, half, begun.passed if whole else None)


def _said(state: str) -> str:
    """Return the digest that a state stands for."""
    return sha256(bytes.fromhex(state)).hexdigest()


def _hash(path: Path, size: int, *, whole: bool = False) -> str | None:
    """Return the sha256 of the first `size` bytes; None when there are fewer, or more than the whole."""
    try:
        with path.open("rb", buffering=0) as f:
            if whole and os.fstat(f.fileno()).st_size != size:
                return None
            return _hash_of(f, size)
    except OSError:
        return None


def _hash_of(f: FileIO, size: int) -> str | None:
    sha = sha256()
    while size:
        block = f.read(min(BLOCK, size))
        if not block:
            return None
        sha.update(block)
        size -= len(block)
    return sha.hexdigest()
