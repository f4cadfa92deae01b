"""What a half-done fetch has on disk already, so that another process goes on instead of beginning again.

Written beside the half-written files, whole or not at all, after the bytes that it speaks of. It is trusted
only for an archive of the same size with the very same directory, and every file is still held against its
CRC and sha256 at its end.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

from facedb_release.profiles import MIB
from facedb_release.receipt import FileRecord
from facedb_release.strictjson import parse_json

FORMAT = 1


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
    try:
        raw = parse_json(path.read_bytes(), max_bytes=MIB)
        if raw["format"] != FORMAT or raw["identity"] != identity:
            return NOTHING
        begun = Begun(
            done={r["name"]: FileRecord(**r) for r in raw["done"]},
            half={name: Half(**h) for name, h in raw["half"].items()},
            passed=Passed(**raw["passed"]) if raw["passed"] else None,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return NOTHING
    return _on_disk(folder, begun)


def _on_disk(folder: Path, begun: Begun) -> Begun:
    """Keep what the files bear out."""

    def size(name: str) -> int:
        try:
            return (folder / name).stat().st_size
        except OSError:
            return -1

    done = {n: r for n, r in begun.done.items() if size(n) == r.size}
    half = {n: h for n, h in begun.half.items() if size(n) >= h.plain}
    # The archive's hash covers files that must then all be there.
    whole = len(done) == len(begun.done) and len(half) == len(begun.half)
    return Begun(done, half, begun.passed if whole else None)
