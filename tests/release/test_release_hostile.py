"""Zips made to be read differently by different readers, or to harm: each class on a really made file."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_release.archive.directory import MAX_ENTRIES
from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import PROFILE, FileSet
from zip_making import DESCRIPTOR, Part, build, deflated, descriptor, read_all, record, zip64

SMALL = FileSet(("a", "b"), ("c", "d"), {"a": 5000, "b": 5000, "c": 5000, "d": 5000})
A = Part("a", b"first" * 20)
B = Part("b", b"second", method=0)
CONTENT = {"a": A.content, "b": B.content}
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
STREAMED = replace(A, flags=DESCRIPTOR, local={"crc": 0, "packed": 0, "size": 0})
WITH_FULL_SIZES = {"packed": FULL32, "size": FULL32}


def streamed(after: bytes, **changes: object) -> Part:
    return replace(STREAMED, after=after, **changes)  # type: ignore[arg-type]


def both(part: Part, **facts: object) -> Part:
    """Replace the same fields in both headers."""
    return replace(part, local={**part.local, **facts}, central={**part.central, **facts})


def of(*parts: Part, **how: object) -> bytes:
    return build(parts, **how)  # type: ignore[arg-type]


SIZES = (len(A.content), len(A.packed))
GOOD = {
    "plain": of(A, B),
    "a descriptor with its mark": of(streamed(descriptor(A)), B),
    "a descriptor without it": of(streamed(descriptor(A, "<3I")), B),
    "a descriptor of 64 bits": of(streamed(descriptor(A, "<4sI2Q")), B),
    "a descriptor and a header that knows": of(replace(A, flags=DESCRIPTOR, after=descriptor(A)), B),
    "a local zip64 field": of(replace(A, local=WITH_FULL_SIZES, local_extra=zip64(*SIZES)), B),
    "a zip64 field in both": of(
        replace(both(A, **WITH_FULL_SIZES), local_extra=zip64(*SIZES), central_extra=zip64(*SIZES)), B
    ),
    "a zip64 offset": of(
        A, replace(B, central={"offset": FULL32, "version": 45}, central_extra=zip64(30 + 1 + len(A.packed)))
    ),
    "zip64 end records": of(A, B, end64={}),
    "zip64 end records that are needed": of(A, B, end64={}, end={"entries": FULL16, "here": FULL16}),
    "times of Unix and NTFS": of(replace(A, local_extra=struct.pack("<2HBI", 0x5455, 5, 1, 0)), B),
    "the language bit": of(replace(A, flags=0x800), B),
}


@pytest.mark.parametrize("data", GOOD.values(), ids=GOOD.keys())
def test_what_honest_writers_write_is_read(data: bytes) -> None:
    assert read_all(data, SMALL) == CONTENT


ZIP64_LIES = {
    "a local size that only says it is large": of(replace(A, local=WITH_FULL_SIZES), B),
    "a central size that only says it is large": of(replace(A, central={"size": FULL32}), B),
    "a local zip64 size of another file": of(
        replace(A, local=WITH_FULL_SIZES, local_extra=zip64(7, len(A.packed))), B
    ),
    "local zip64 sizes in the wrong order": of(
        replace(A, local=WITH_FULL_SIZES, local_extra=zip64(*reversed(SIZES))), B
    ),
    "a central zip64 field that nothing asks for": of(replace(A, central_extra=zip64(*SIZES)), B),
    "a local zip64 field that contradicts the header": of(replace(A, local_extra=zip64(1, 1)), B),
    "two zip64 fields": of(
        replace(both(A, **WITH_FULL_SIZES), central_extra=zip64(*SIZES) * 2, local_extra=zip64(*SIZES)), B
    ),
    "a zip64 field of one number for two": of(
        replace(both(A, **WITH_FULL_SIZES), central_extra=zip64(SIZES[0]), local_extra=zip64(*SIZES)), B
    ),
    "a zip64 field with a number too many": of(
        replace(A, central={"size": FULL32}, central_extra=zip64(*SIZES)), B
    ),
    "a zip64 offset elsewhere": of(A, replace(B, central={"offset": FULL32}, central_extra=zip64(0))),
    "a zip64 offset behind the end": of(
        A, replace(B, central={"offset": FULL32}, central_extra=zip64(1 << 60))
    ),
    "an end record that disagrees about the number": of(A, B, end64={"entries": 1, "here": 1}),
    "an end record that disagrees about the place": of(A, B, end64={"offset": 0}),
    "an end record of another length": of(A, B, end64={"length": 100}),
    "a locator that leads elsewhere": of(A, B, end64={}, locator={"where": 0}),
    "end records that are full without a zip64 record": of(A, B, end={"entries": FULL16, "here": FULL16}),
    "a zip64 end record for a newer program": of(A, B, end64={"version": 63}),
}
DISKS = {
    "an end record on the second disk": of(A, B, end={"disk": 1}),
    "a directory that begins on another": of(A, B, end={"first_disk": 1}),
    "more entries elsewhere": of(A, B, end={"here": 1}),
    "fewer entries than it says": of(A, B, end={"here": 1, "entries": 1}),
    "a member on another": of(replace(A, central={"disk": 1}), B),
    "a member on a zip64 disk": of(replace(A, central={"disk": FULL16}, central_extra=zip64(0)), B),
    "a locator on another": of(A, B, end64={}, locator={"disk": 1}),
    "a locator that counts two": of(A, B, end64={}, locator={"disks": 2}),
}
METHODS = {
    f"method {method}": of(both(A, method=method), B) for method in (1, 6, 9, 12, 14, 19, 93, 95, 97, 98, 99)
} | {
    "stored that says deflated": of(A, both(B, method=8)),
    "encrypted": of(replace(A, flags=1), B),
    "strongly encrypted": of(replace(A, flags=0x41), B),
    "a masked directory": of(replace(A, flags=0x2000), B),
    "patched data": of(replace(A, flags=0x20), B),
    "AES behind an extra field": of(
        replace(A, central_extra=struct.pack("<2H7s", 0x9901, 7, b"\2\0AE\3\10\0")), B
    ),
    "a version for a newer program": of(both(A, version=63), B),
}
DESCRIPTORS = {
    "another CRC": of(streamed(struct.pack("<4s3I", b"PK\7\x08", 1, *reversed(SIZES))), B),
    "another size": of(streamed(struct.pack("<4s3I", b"PK\7\x08", zlib.crc32(A.content), SIZES[1], 1)), B),
    "none": of(streamed(b""), B),
    "two": of(streamed(descriptor(A) * 2), B),
    "some bytes more": of(streamed(descriptor(A) + b"x"), B),
    "only the directory speaks of it": of(replace(A, after=descriptor(A), central={"flags": DESCRIPTOR}), B),
    "only the local header speaks of it": of(replace(A, local={"flags": DESCRIPTOR}), B),
    "of a stored member": of(A, replace(B, flags=DESCRIPTOR, after=descriptor(B))),
    "where none is announced": of(replace(A, after=descriptor(A)), B),
    "a local size that it contradicts": of(
        replace(A, flags=DESCRIPTOR, local={"size": 1}, after=descriptor(A)), B
    ),
}
DIFFERENT = {
    field: of(replace(A, local={field: value}), B)
    for field, value in {
        "version": 10,
        "flags": 2,
        "method": 0,
        "time": 1,
        "date": 1,
        "crc": 1,
        "packed": 1,
        "size": 1,
        "name_size": 2,
        "extra_size": 1,
        "magic": b"PK\3\5",
    }.items()
} | {
    "name": of(replace(A, local_name=b"c"), B),
    "name in another case": of(replace(A, local_name=b"A"), B),
    "Unicode name": of(replace(A, local_extra=struct.pack("<2HBI", 0x7075, 6, 1, 0) + b"c"), B),
}
# The record of b stands inside a's stored data, and each has an entry: both are whole, by themselves.
_INNER = record(B)
_OUTER = Part("a", _INNER, method=0)
# a's local extra field quotes the head of b: one reader skips it, the other begins there.
_QUOTED = Part("a", b"x", method=0, local_extra=struct.pack("<2H", 0xCAFE, len(_INNER)) + _INNER)


def _nested(outer: Part, at: int) -> bytes:
    return build([outer, replace(B, central={"offset": at})])


OVERLAPS = {
    "two entries for one record": of(A, replace(B, name="b", central={"offset": 0})),
    "a record inside another's data": _nested(_OUTER, 31),
    "a record quoted in another's extra field": _nested(_QUOTED, 35),
    "a member that reaches into the next": of(both(A, packed=len(A.packed) + 10), B),
    "a member that reaches into the directory": of(A, both(B, packed=60, size=60)),
    "the last one behind the directory": of(A, replace(B, central={"offset": 1 << 20})),
    "a gap before the directory": of(A, B, gap=b"hidden"),
    "a record that no entry names": of(A, B, gap=record(Part("c"))),
    "bytes in front": of(A, B, before=b"#!/bin/sh\n"),
    "bytes behind": of(A, B, behind=b"\n"),
    "a comment": of(A, B, comment=b"hello"),
    "an empty archive in the comment": of(A, B, comment=struct.pack("<4s4H2IH", b"PK\5\6", *[0] * 7)),
    "a comment on a member": of(replace(A, comment=b"hello"), B),
    "a directory elsewhere": of(A, B, end={"offset": 0}),
    "a larger directory": of(A, B, end={"size": 1}),
}
KINDS = {
    "a symlink": of(replace(A, central={"external": 0o120777 << 16}), B),
    "a symlink of another system": of(replace(A, central={"external": 0o120777 << 16, "made_by": 20}), B),
    "a device": of(replace(A, central={"external": 0o060644 << 16}), B),
    "a pipe": of(replace(A, central={"external": 0o010644 << 16}), B),
    "a folder of DOS": of(replace(A, central={"external": 0x10}), B),
    "a volume label": of(replace(A, central={"external": 0x08}), B),
    "a link of Windows": of(replace(A, central={"external": 0x400}), B),
}
NAMES = {
    ascii(name): of(A, B, Part(name))
    for name in (
        "../a",
        "/a",
        "a\\b",
        "a/",
        "C:a",
        "a\0.txt",
        "",
        ".",
        "..",
        "a ",
        "a.",
        "\x1b[2J",
        "ä",
        "A",
        "\n",
    )
} | {"a name twice": of(A, B, A), "a name in another case": of(A, B, Part("B"))}
BOMBS = {
    "a promise of too much": of(both(A, size=6000), B),
    "data that are padded with empty blocks": of(both(A, packed=9000), B),
    "very small data": of(replace(A, content=bytes(4999)), B),
    "zip64 sizes beyond all": of(
        replace(both(A, **WITH_FULL_SIZES), central_extra=zip64(1 << 62, 1 << 61), local_extra=zip64(*SIZES)),
        B,
    ),
    "very many entries": build([Part(f"{i}") for i in range(MAX_ENTRIES + 1)]),
    "a directory of very long extra fields": of(
        *(replace(p, central_extra=struct.pack("<2H", 0x5455, 60_000) + bytes(60_000)) for p in (A, B))
    ),
}
CLASSES = {
    "zip64": ZIP64_LIES,
    "disks": DISKS,
    "method": METHODS,
    "descriptor": DESCRIPTORS,
    "differs": DIFFERENT,
    "overlap": OVERLAPS,
    "kind": KINDS,
    "name": NAMES,
    "bomb": BOMBS,
}
# 4999 zeros pack to 20 bytes; what honest writers write here has no such ratio.
TIGHT = replace(SMALL, max_ratio=20)


@pytest.mark.parametrize(
    "data",
    [data for cases in CLASSES.values() for data in cases.values()],
    ids=[f"{kind}: {case}" for kind, cases in CLASSES.items() for case in cases],
)
def test_a_zip_that_readers_could_read_differently_or_that_harms_is_refused(data: bytes) -> None:
    with pytest.raises(WrongRelease) as caught:
        read_all(data, TIGHT)
    assert caught.value.message
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("promised", "made"),
    [(100, bytes(5000)), (5000, bytes(100)), (100, b"")],
    ids=["more comes out", "less comes out", "nothing comes out"],
)
def test_a_size_that_is_not_what_comes_out_is_refused(promised: int, made: bytes) -> None:
    lying = replace(both(A, size=promised, crc=zlib.crc32(made)), content=made)
    lying = both(lying, packed=len(deflated(made)))

    with pytest.raises(WrongRelease) as caught:
        read_all(of(lying, B), replace(SMALL, max_ratio=2000))
    assert caught.value.file == "a"


STRUCTURES = [
    GOOD[k] for k in ("plain", "a descriptor with its mark", "a zip64 field in both", "zip64 end records")
]


@pytest.mark.parametrize("data", STRUCTURES, ids=["plain", "descriptor", "zip64", "zip64 end"])
@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF], ids=hex)
def test_any_byte_changed_leaves_the_files_the_same_or_is_refused(data: bytes, bits: int) -> None:
    same = 0
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= bits
        try:
            assert read_all(bytes(changed), SMALL) == CONTENT, f"byte {at}"
            same += 1
        except WrongRelease:
            continue
    # What may change without a consequence: who made it, its attributes, the zip64 record's maker.
    assert same <= 2 * (2 + 2 + 4) + 4


@settings(max_examples=500)
@given(
    st.sampled_from(list(GOOD.values())),
    st.lists(st.tuples(st.integers(0, 1 << 12), st.integers(0, 255)), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_no_bytes_make_a_reader_of_zips_raise_anything_but_a_refusal(
    data: bytes, edits: list[tuple[int, int]], cut: int
) -> None:
    changed = bytearray(data[: len(data) - cut])
    for at, value in edits:
        changed[at % len(changed)] = value
    try:
        assert read_all(bytes(changed), SMALL) == CONTENT
    except WrongRelease:
        return


def test_sixty_thousand_entries_are_refused_by_their_number_alone() -> None:
    data = build([Part(f"{i}", b"", method=0) for i in range(60_000)])

    with pytest.raises(WrongRelease) as caught:
        read_all(data, PROFILE)
    assert (caught.value.reason, caught.value.found) == (Reason.UNSAFE_ARCHIVE, "60000")
