"""A voyager file → the facts of its header, by arithmetic; then: does it open and find its own vectors?

voyager kills its process on many damaged files, mostly at query time (measured). So a process of its own,
with limits, first walks the whole graph (graph.py) and only then opens the file with voyager (selfquery.py).
"""

from __future__ import annotations

import importlib.util
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import NoReturn

from facedb_release.errors import Reason, WrongRelease
from facedb_release.verify.child import Child, Leash, ask

# magic, version, dimensions, space, storage, max norm, order preserving; then the graph's own header.
_HEAD = struct.Struct("<4siiBBf?")
_GRAPH = struct.Struct("<6QiI3QdQ")
HEADER_BYTES = _HEAD.size + _GRAPH.size
COSINE = 2
# What a graph without a vector has for its entry point and its top level.
NOWHERE = (0xFFFF_FFFF, -1)
# A random vector is on 1 / (M - 1) upper levels, so at M = 2 each is on one: twice that does not happen.
MOST_LEVELS, FEW_LISTS = 64, 64
# voyager takes 54 bytes for each vector that it has room for; 2²⁰ of them are 57 MB.
FREE_ROOM = 1 << 20
ROOM_BYTES = 64
# A good graph leaves a few vectors behind: 16 of 10,000 at ef 200 (measured).
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
        room: for how many vectors voyager takes memory when it opens the index.
        record: bytes of one record: links, vector, label.
        links: most neighbours on an upper level (twice as many on the lowest).
        max_level: the highest level of the graph.
        entry: the node where a search begins.
    """

    dimensions: int
    storage: Storage
    count: int
    room: int
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
        corrupt(file, "it is too short for a voyager index", f"at least {HEADER_BYTES} bytes", size)
    magic, version, dimensions, space, storage, norm, ordered = _HEAD.unpack_from(head)
    if magic != b"VOYA" or version != 1:
        corrupt(file, "it is no voyager index of version 1", "VOYA 1", f"{magic!r} {version}")
    if space != COSINE or ordered or norm != 0:
        found = f"{space}, largest length {norm}"
        corrupt(file, "its space is not cosine", f"{COSINE}, largest length 0.0", found)
    if storage not in list(Storage) or not 1 <= dimensions <= 65_536:
        corrupt(file, "its storage type or dimension is unknown", "Float8, Float32 or E4M3", storage)
    header = _graph(head, dimensions, Storage(storage), file)
    _check_size(header, size, file)
    return header


def _graph(head: bytes, dimensions: int, storage: Storage, file: str) -> IndexHeader:
    """Check the arithmetic of the graph's own header."""
    numbers = _GRAPH.unpack_from(head, _HEAD.size)
    level0, room, count, record, label_at, data_at, max_level, entry, upper, lowest, links, scale, ef = (
        numbers
    )
    if not 2 <= links <= 1024 or (upper, lowest) != (links, 2 * links) or level0:
        expected = f"{links}, {2 * links}"
        corrupt(file, "its numbers of links do not fit each other", expected, f"{upper}, {lowest}")
    vector_end = 4 + 4 * lowest + dimensions * storage.number_bytes
    fitting = (4 + 4 * lowest, vector_end, vector_end + 8)
    if (data_at, label_at, record) != fitting:
        corrupt(file, "its records do not fit its dimension", fitting, (data_at, label_at, record))
    # Written so that a NaN is no good number. Only who adds vectors needs these two.
    if not (abs(scale * math.log(links) - 1) < 1e-6 and links <= ef < 1 << 32):
        corrupt(file, "it was built with odd numbers", f"{1 / math.log(links):.3f}, {links}", (scale, ef))
    header = IndexHeader(dimensions, storage, count, room, record, links, max_level, entry)
    _check_entry(header, file)
    return header


def _check_entry(header: IndexHeader, file: str) -> None:
    """Check the counts, and where a search begins."""
    most = max(4 * header.count, FREE_ROOM)
    if not header.count <= header.room <= most or header.count > 0x7FFF_FFFF:
        expected = f"room for {header.count} to {most}"
        corrupt(file, "its vectors and its room do not fit each other", expected, header.room)
    at = (header.entry, header.max_level)
    if not header.count:
        if at != NOWHERE:
            corrupt(file, "it is empty and has an entry point", NOWHERE, at)
    elif not (header.entry < header.count and 0 <= header.max_level <= MOST_LEVELS):
        corrupt(file, "its entry point is no vector of it", f"below {header.count}", header.entry)
    elif header.entry and not header.max_level:
        corrupt(file, "its entry point is on no upper level", 0, header.entry)


def _check_size(header: IndexHeader, size: int, file: str) -> None:
    """Check that the file has room for the records and for whole lists of the upper levels."""
    expected = HEADER_BYTES + header.count * (header.record + 4)
    lists, rest = divmod(size - expected, 4 * header.links + 4)
    if not 0 <= lists <= 2 * header.count + FEW_LISTS or rest:
        wanted = f"{expected} bytes and whole link lists"
        corrupt(file, "its length does not fit its header", wanted, f"{size} bytes")


def check_opens(
    path: Path,
    *,
    labels: Sequence[int],
    sample: int,
    seconds: float,
    extra_bytes: int,
    child: Child | None = None,
) -> Iterator[str]:
    """In its own process: check the whole graph, open the index, and let some of its vectors find themselves.

    Args:
        path: of the index.
        labels: that a vector must stand behind.
        sample: how many of them to ask for, spread evenly.
        seconds: for all of it.
        extra_bytes: of address space, beyond what voyager needs for the file.
        child: started before, with `child.start("index")`, while the file was still on its way.

    Yields:
        A warning when the sample is 0 and nothing was done, or when only the graph was checked, because
        voyager is not installed.

    Raises:
        WrongRelease: CorruptIndex, when it is damaged, crashes, takes too long, or does not find its own.
    """
    missing = [name for name in ("numpy", "voyager") if importlib.util.find_spec(name) is None]
    if sample == 0 or "numpy" in missing:
        why = "numpy is not installed here" if sample else "that was switched off"
        yield f"the indices were not opened, because {why}"
        return
    header = read_header(path)
    asked = [] if missing else list(labels[:: max(1, -(-len(labels) // sample))])
    memory = 2 * path.stat().st_size + header.room * (header.record + ROOM_BYTES) + extra_bytes
    answer = ask(
        "index",
        {"path": str(path), "query": not missing, "labels": asked},
        file=path.name,
        reason=Reason.CORRUPT_INDEX,
        leash=Leash(seconds, memory),
        child=child,
    )
    found = answer.get("found", -1)
    if "error" in answer or not isinstance(found, int) or found < NEEDED_SHARE * len(asked):
        what = answer.get("error") or "its vectors do not find themselves"
        corrupt(path.name, str(what), f"at least {NEEDED_SHARE:.0%} of {len(asked)}", found)
    if missing:
        yield "the indices were checked and not queried, because voyager is not installed here"


def corrupt(file: str, what: str, expected: object, found: object) -> NoReturn:
    """Refuse an index.

    Raises:
        WrongRelease: CorruptIndex, always.
    """
    raise WrongRelease(
        Reason.CORRUPT_INDEX,
        f"{file} cannot serve: {what}. Publish a rebuilt index.",
        file=file,
        expected=expected,
        found=found,
    )
