"""A voyager file → the facts of its header, by arithmetic; then: does it open and find its own vectors?

voyager kills its process on many damaged files, mostly at query time (measured), so it is only ever run in a
process of its own, with limits. The walk over every graph link is the business of another check.
"""

from __future__ import annotations

import importlib.util
import json
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn

from facedb_release.errors import Reason, WrongRelease

# magic, version, dimensions, space, storage, max norm, order preserving; then the graph's own header.
_HEAD = struct.Struct("<4siiBBf?")
_GRAPH = struct.Struct("<6QiI3QdQ")
HEADER_BYTES = _HEAD.size + _GRAPH.size
COSINE = 2
NEEDED_SHARE = 0.9


class Storage(IntEnum):
    """How a vector's numbers are stored."""

    FLOAT8 = 0x10
    FLOAT32 = 0x20
    E4M3 = 0x30

    @property
    def number_bytes(self) -> int:
        """Bytes of one number."""
        return 4 if self is Storage.FLOAT32 else 1


@dataclass(frozen=True)
class IndexHeader:
    """What an index says about itself; sizes in bytes.

    Attributes:
        dimensions: numbers in a vector.
        storage: of each number.
        count: vectors, at labels 0 to count - 1.
        record: bytes of one record: links, vector, label.
        links: most neighbours on an upper level (twice as many on the lowest).
        max_level: the highest level of the graph.
        entry: the node where a search begins.
    """

    dimensions: int
    storage: Storage
    count: int
    record: int
    links: int
    max_level: int
    entry: int


def read_header(path: Path) -> IndexHeader:
    """Read and check an index's header against itself and the file's length.

    Raises:
        WrongRelease: CorruptIndex.
    """
    with path.open("rb") as f:
        head = f.read(HEADER_BYTES)
    return parse_header(head, path.stat().st_size, file=path.name)


def parse_header(head: bytes, size: int, *, file: str) -> IndexHeader:
    """Check the header of an index of this many bytes. Pure.

    Raises:
        WrongRelease: CorruptIndex.
    """
    if len(head) < HEADER_BYTES:
        _corrupt(file, "it is too short for a voyager index", f"at least {HEADER_BYTES} bytes", size)
    magic, version, dimensions, space, storage, _, ordered = _HEAD.unpack_from(head)
    if magic != b"VOYA" or version != 1:
        _corrupt(file, "it is no voyager index of version 1", "VOYA 1", f"{magic!r} {version}")
    if space != COSINE or ordered:
        _corrupt(file, "its space is not cosine", COSINE, space)
    if storage not in list(Storage) or not 1 <= dimensions <= 65_536:
        _corrupt(file, "its storage type or dimension is unknown", "Float8, Float32 or E4M3", storage)
    header = _graph(head, dimensions, Storage(storage), file)
    rest = size - HEADER_BYTES - header.count * (header.record + 4)
    if rest < 0 or rest % (4 * header.links + 4):
        expected = HEADER_BYTES + header.count * (header.record + 4)
        _corrupt(
            file,
            "its length does not fit its header",
            f"{expected} bytes and whole link lists",
            f"{size} bytes",
        )
    return header


def _graph(head: bytes, dimensions: int, storage: Storage, file: str) -> IndexHeader:
    """Check the arithmetic of the graph's own header."""
    numbers = _GRAPH.unpack_from(head, _HEAD.size)
    level0, room, count, record, label_at, data_at, max_level, entry, upper, lowest, links, _, _ = numbers
    if not 1 <= links <= 1024 or (upper, lowest) != (links, 2 * links) or level0:
        _corrupt(
            file, "its numbers of links do not fit each other", f"{links}, {2 * links}", f"{upper}, {lowest}"
        )
    expected = (4 + 4 * lowest, 4 + 4 * lowest + dimensions * storage.number_bytes)
    if (data_at, label_at, record) != (*expected, expected[1] + 8):
        _corrupt(
            file,
            "its records do not fit its dimension",
            (*expected, expected[1] + 8),
            (data_at, label_at, record),
        )
    if count > room or count > 0xFFFFFFFF:
        _corrupt(file, "it holds more vectors than it has room for", room, count)
    if count and not (0 <= entry < count and 0 <= max_level <= 64):
        _corrupt(file, "its entry point is no vector of it", f"below {count}", entry)
    return IndexHeader(dimensions, storage, count, record, links, max_level, entry)


def check_opens(
    path: Path, *, labels: Sequence[int], sample: int, seconds: float, extra_bytes: int
) -> Iterator[str]:
    """Open the index in its own process, and let some of its vectors find themselves.

    Args:
        path: of the index, whose header is good.
        labels: that a vector must stand behind.
        sample: how many of them to ask for, spread evenly.
        seconds: for all of it.
        extra_bytes: of address space, beyond the file's size.

    Yields:
        A warning when nothing was opened: voyager is not installed, or the sample is 0.

    Raises:
        WrongRelease: CorruptIndex, when it crashes, takes too long, or does not find its own.
    """
    if sample == 0 or importlib.util.find_spec("voyager") is None:
        why = "voyager is not installed here" if sample else "that was switched off"
        yield f"the indices were not opened, because {why}"
        return
    step = max(1, -(-len(labels) // sample))
    asked = list(labels[::step])
    question = {
        "path": str(path),
        "labels": asked,
        "memory_bytes": 2 * path.stat().st_size + extra_bytes,
        "cpu_seconds": int(seconds) + 1,
    }
    answer = _ask(path.name, json.dumps(question), seconds)
    found = answer.get("found", 0)
    if "error" in answer or found < NEEDED_SHARE * len(asked):
        what = answer.get("error") or "its vectors do not find themselves"
        _corrupt(path.name, str(what), f"at least {NEEDED_SHARE:.0%} of {len(asked)}", found)


def _ask(file: str, question: str, seconds: float) -> dict[str, Any]:
    """Run the child and return what it says."""
    command = [sys.executable, "-I", "-m", "facedb_release.verify.selfquery"]
    try:
        child = subprocess.run(
            command, input=question, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        _corrupt(file, "opening and querying it did not end", f"at most {seconds:.0f} s", "no answer")
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        _corrupt(file, "opening and querying it kills the process", "an answer", name)
    if child.returncode:
        _corrupt(file, "it cannot be opened and queried", "an answer", child.stderr.strip()[-200:])
    answer = json.loads(child.stdout)
    return answer if isinstance(answer, dict) else {}


def _corrupt(file: str, what: str, expected: object, found: object) -> NoReturn:
    raise WrongRelease(
        Reason.CORRUPT_INDEX,
        f"{file} cannot serve: {what}. Publish a rebuilt index.",
        file=file,
        expected=expected,
        found=found,
    )
