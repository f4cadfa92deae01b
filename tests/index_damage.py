"""A good voyager index → as many damaged ones as wanted, each by a rule that has a name. Called by tests.

The same seed gives the same files. Half of the rules hit where chance would, the other half know the format
and lie where it hurts: links, counts, levels, labels, sizes, the entry point.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import voyager

from facedb_release.verify.index import HEADER_BYTES, IndexHeader, Storage, parse_header

STORAGES = {
    Storage.FLOAT8: voyager.StorageDataType.Float8,
    Storage.FLOAT32: voyager.StorageDataType.Float32,
    Storage.E4M3: voyager.StorageDataType.E4M3,
}
ODD_NUMBERS = (0, 1, 2, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x10001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def make_index(
    path: Path,
    count: int,
    dimensions: int = 512,
    storage: Storage = Storage.FLOAT32,
    *,
    links: int = 12,
    seed: int = 0,
    deleted: Sequence[int] = (),
    vectors: npt.NDArray[np.float32] | None = None,
    **details: Any,
) -> Path:
    """Build and save a good index; `details` go to voyager."""
    index = voyager.Index(
        voyager.Space.Cosine,
        num_dimensions=dimensions,
        M=links,
        storage_data_type=STORAGES[storage],
        **({"random_seed": seed + 1} | details),
    )
    if count:
        if vectors is None:
            vectors = np.random.default_rng(seed).standard_normal((count, dimensions), dtype=np.float32)
        index.add_items(vectors, num_threads=1)
    for label in deleted:
        index.mark_deleted(label)
    index.save(str(path))
    return path


@dataclass
class Target:
    """A file that is being damaged: its bytes, where things are, and the dice."""

    data: bytearray
    header: IndexHeader
    dice: np.random.Generator

    def some(self, most: int) -> int:
        """Return a number below `most`."""
        return int(self.dice.integers(0, max(1, most)))

    def record(self) -> int:
        """Return where some record begins."""
        return HEADER_BYTES + self.some(self.header.count) * self.header.record

    def odd(self, bits: int = 32) -> int:
        """Return a number that bounds are forgotten for."""
        n, m = self.header.count, self.header.links
        near = (
            n - 1,
            n,
            n + 1,
            self.header.room,
            m,
            m + 1,
            2 * m,
            2 * m + 1,
            self.some(n),
            self.some(1 << 31),
        )
        pool = ODD_NUMBERS + near
        return pool[self.some(len(pool))] & ((1 << bits) - 1)

    def put(self, at: int, form: str, *values: Any) -> None:
        """Write packed values there."""
        struct.pack_into(form, self.data, at, *values)

    def sizes(self) -> list[int]:
        """Return where the size of each vector's upper lists is."""
        at, found = HEADER_BYTES + self.header.count * self.header.record, []
        for _ in range(self.header.count):
            found.append(at)
            at += 4 + int.from_bytes(self.data[at : at + 4], "little")
        return found

    def tall(self) -> int | None:
        """Return where the size of some vector on upper levels is; None where there is none."""
        tall = [at for at in self.sizes() if any(self.data[at : at + 4])]
        return tall[self.some(len(tall))] if tall else None


Rule = Callable[[Target], None]


def flip_bits(t: Target) -> None:
    for _ in range(1 + t.some(8)):
        t.data[t.some(len(t.data))] ^= 1 << t.some(8)


def rewrite_bytes(t: Target) -> None:
    for _ in range(1 + t.some(20)):
        t.data[t.some(len(t.data))] = t.some(256)


def blank_page(t: Target) -> None:
    size = (64, 512, 4096)[t.some(3)]
    at = t.some(len(t.data)) // size * size
    page = t.data[at : at + size]
    t.data[at : at + size] = (b"\0", b"\xff")[t.some(2)] * len(page)


def truncate(t: Target) -> None:
    del t.data[t.some(len(t.data)) :]


def drop_words(t: Target) -> None:
    del t.data[len(t.data) - 4 * (1 + t.some(60)) :]


def append(t: Target) -> None:
    t.data += t.dice.bytes(1 + t.some(200)) if t.some(2) else bytes(4 * (1 + t.some(30)))


def splice(t: Target) -> None:
    size = 1 + t.some(5000)
    source, into = t.some(len(t.data)), t.some(len(t.data))
    part = t.data[source : source + size]
    t.data[into : into + len(part)] = part


def copy_record(t: Target) -> None:
    source, into = t.record(), t.record()
    t.data[into : into + t.header.record] = t.data[source : source + t.header.record]


def copy_links(t: Target) -> None:
    source, into, size = t.record(), t.record(), 4 + 8 * t.header.links
    t.data[into : into + size] = t.data[source : source + size]


def header_byte(t: Target) -> None:
    t.data[t.some(HEADER_BYTES)] = t.some(256)


def header_field(t: Target) -> None:
    """Dimensions; offset, room, count, record, label and data places; top level, entry; M, 2M, M, ef."""
    fields = [(8, "<I"), (67, "<I"), (71, "<I"), *((19 + 8 * i, "<Q") for i in range(6))]
    fields += [(75, "<Q"), (83, "<Q"), (91, "<Q"), (107, "<Q")]
    at, form = fields[t.some(len(fields))]
    t.put(at, form, t.odd())


def header_entry(t: Target) -> None:
    t.put(71, "<I", t.some(t.header.count))


def header_level(t: Target) -> None:
    t.put(67, "<i", t.some(6) - 1)


def header_storage(t: Target) -> None:
    t.data[13] = (0x10, 0x20, 0x30)[t.some(3)]


def low_link(t: Target) -> None:
    t.put(t.record() + 4 + 4 * t.some(2 * t.header.links), "<I", t.odd())


def low_links_at_random(t: Target) -> None:
    n = t.header.count
    for _ in range(1 + t.some(30)):
        t.put(t.record() + 4 + 4 * t.some(2 * t.header.links), "<I", t.some(n))


def low_count(t: Target) -> None:
    t.put(t.record(), "<H", t.odd(16))


def low_count_smaller(t: Target) -> None:
    for _ in range(1 + t.some(40)):
        t.put(t.record(), "<H", 1 + t.some(3))


def low_flags(t: Target) -> None:
    t.put(t.record() + 2, "<H", t.odd(16))


def delete_many(t: Target) -> None:
    for _ in range(1 + t.some(t.header.count)):
        t.data[t.record() + 2] = 1


def island(t: Target) -> None:
    """A pair of vectors that know only each other, where a search may come by."""
    a, b = t.header.entry, t.some(t.header.count)
    for one, other in ((a, b), (b, a)):
        t.put(HEADER_BYTES + one * t.header.record, "<II", 1, other)


def label(t: Target) -> None:
    t.put(t.record() + t.header.record - 8, "<Q", (t.odd(), t.odd() << 32, (1 << 64) - 1)[t.some(3)])


def swap_labels(t: Target) -> None:
    one, other = (t.record() + t.header.record - 8 for _ in range(2))
    t.data[one : one + 8], t.data[other : other + 8] = t.data[other : other + 8], t.data[one : one + 8]


def _vector_at(t: Target) -> int:
    return t.record() + 4 + 8 * t.header.links


def vector_number(t: Target) -> None:
    at = _vector_at(t)
    if t.header.storage is not Storage.FLOAT32:
        t.data[at + t.some(t.header.dimensions)] = (0xFE, 0xFF, 0x80, 0x7F, t.some(256))[t.some(5)]
        return
    odd = (np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-40, 0.0, 1.0, -1.0, 3e38, 0.05)
    t.put(at + 4 * t.some(t.header.dimensions), "<f", odd[t.some(len(odd))])


def vector_length(t: Target) -> None:
    """Make a vector a little longer or shorter; blank one of bytes."""
    at, wide = _vector_at(t), t.header.dimensions * t.header.storage.number_bytes
    if t.header.storage is not Storage.FLOAT32:
        t.data[at : at + wide] = bytes(wide)
        return
    old = np.frombuffer(t.data, "<f4", t.header.dimensions, at).copy()
    change = 10 ** t.dice.uniform(-7.5, 0) * (-1) ** t.some(2)
    t.data[at : at + wide] = (old * np.float32(1 + change)).astype("<f4").tobytes()


def vector_noise(t: Target) -> None:
    at, wide = _vector_at(t), t.header.dimensions * t.header.storage.number_bytes
    t.data[at : at + wide] = t.dice.bytes(wide)


def upper_size(t: Target) -> None:
    sizes, unit = t.sizes(), 4 + 4 * t.header.links
    t.put(sizes[t.some(len(sizes))], "<I", (t.odd(), unit * t.some(4), 4 * t.some(40))[t.some(3)])


def move_level(t: Target) -> None:
    """Give the lists of one vector to another: sizes still add up."""
    at = t.tall()
    if at is None:
        return
    size = int.from_bytes(t.data[at : at + 4], "little")
    lists = t.data[at + 4 : at + 4 + size]
    t.data[at : at + 4 + size] = bytes(4)
    sizes = t.sizes()
    short = [i for i in sizes if not any(t.data[i : i + 4])]
    into = short[t.some(len(short))]
    t.data[into : into + 4] = size.to_bytes(4, "little") + lists


def upper_count(t: Target) -> None:
    if (at := t.tall()) is not None:
        t.put(at + 4, "<I", t.odd() if t.some(2) else t.some(t.header.links + 2))


def upper_link(t: Target) -> None:
    if (at := t.tall()) is not None:
        t.put(at + 8 + 4 * t.some(t.header.links), "<I", t.odd() if t.some(2) else t.some(t.header.count))


RULES: tuple[Rule, ...] = (
    flip_bits,
    rewrite_bytes,
    blank_page,
    truncate,
    drop_words,
    append,
    splice,
    copy_record,
    copy_links,
    header_byte,
    header_field,
    header_entry,
    header_level,
    header_storage,
    low_link,
    low_links_at_random,
    low_count,
    low_count_smaller,
    low_flags,
    delete_many,
    island,
    label,
    swap_labels,
    vector_number,
    vector_length,
    vector_noise,
    upper_size,
    move_level,
    upper_count,
    upper_link,
)


def damaged(good: bytes, seed: int, files: int) -> Iterator[tuple[str, bytes]]:
    """Yield damaged copies, each with its name: the rule and the number. Every second round is hit twice."""
    header = parse_header(good, len(good), file="good")
    for number in range(files):
        rule = RULES[number % len(RULES)]
        target = Target(bytearray(good), header, np.random.default_rng((seed, number)))
        rule(target)
        if number // len(RULES) % 2:
            # The first hit may have cut off what the second aims at.
            with contextlib.suppress(struct.error, IndexError, ValueError):
                RULES[target.some(len(RULES))](target)
        yield f"{rule.__name__}-{seed}-{number}", bytes(target.data)
