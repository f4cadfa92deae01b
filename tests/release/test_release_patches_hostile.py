"""A patch by somebody who means harm, or that was damaged: the right file, or a refusal, and nothing else."""

from __future__ import annotations

import hashlib
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_release.errors import Reason, WrongRelease
from facedb_release.patches.apply import apply_patch
from facedb_release.patches.frames import (
    HEAD,
    HEADER,
    PLACE,
    Header,
    Place,
    frame_bytes,
    header_bytes,
)
from facedb_release.patches.make import make_patch
from facedb_release.profiles import GIB
from facedb_release.receipt import FileRecord

OLD = np.random.default_rng(0).bytes(200_000)
NEW = OLD[:60_000] + b"something new" * 30 + OLD[61_000:150_000] + OLD[:20_000]
SMALL = 1 << 16


def header_of(new: bytes = NEW, **changes: int) -> Header:
    sums = hashlib.sha256(OLD).hexdigest(), hashlib.sha256(new).hexdigest()
    return replace(Header(len(OLD), sums[0], len(new), sums[1], SMALL), **changes)


def refusal(patch: bytes, new: bytes = NEW, *, size: int | None = None) -> Reason | None:
    """Apply; return why it was refused, or None when the right file came out."""
    with tempfile.TemporaryDirectory() as folder:
        old, out = Path(folder, "old"), Path(folder, "out")
        old.write_bytes(OLD)
        expected = FileRecord("new", len(new) if size is None else size, hashlib.sha256(new).hexdigest())
        try:
            apply_patch(iter([patch]), old, out, expected=expected)
        except WrongRelease as refused:
            assert not out.exists()
            return refused.reason
        assert out.read_bytes() == new
        return None


@pytest.fixture(scope="module")
def patch(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("patch")
    (folder / "old").write_bytes(OLD)
    (folder / "new").write_bytes(NEW)
    make_patch(folder / "old", folder / "new", folder / "patch", frame_size=SMALL)
    return (folder / "patch").read_bytes()


def test_the_undamaged_one_is_good(patch: bytes) -> None:
    assert refusal(patch) is None
    assert len(patch) < 2000


def test_every_truncation_is_refused(patch: bytes) -> None:
    assert {refusal(patch[:end]) for end in range(len(patch))} == {Reason.WRONG_ARCHIVE}


def test_every_flipped_bit_is_harmless(patch: bytes) -> None:
    found = set()
    for at in range(len(patch)):
        flipped = bytearray(patch)
        flipped[at] ^= 1 << (at % 8)
        found.add(refusal(bytes(flipped)))
    # None: the old file's sum in the header, which the planner has compared already.
    assert found <= {None, Reason.WRONG_ARCHIVE, Reason.UNSAFE_ARCHIVE, Reason.WRONG_CHECKSUM}


@settings(max_examples=300)
@given(st.data())
def test_any_damage_is_harmless(patch: bytes, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(patch)))
    end = data.draw(st.integers(begin, len(patch)))
    refusal(patch[:begin] + data.draw(st.binary(max_size=60)) + patch[end:])


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_any_bytes_after_a_good_header_are_refused(rest: bytes) -> None:
    assert refusal(header_bytes(header_of()) + rest) in (Reason.WRONG_ARCHIVE, Reason.UNSAFE_ARCHIVE)


def packed(data: bytes, **options: bool) -> bytes:
    return zstandard.ZstdCompressor(level=3, **options).compress(data)


def one_frame(data: bytes, places: tuple[Place, ...] = ()) -> bytes:
    return header_bytes(header_of(b"x" * 10)) + frame_bytes(data, places)


def bad_places() -> Iterator[tuple[str, tuple[Place, ...]]]:
    yield "behind the end", (Place(len(OLD) - 1, 2),)
    yield "far behind the end", (Place((1 << 64) - 1, 1),)
    yield "empty", (Place(0, 0),)
    yield "overlapping", (Place(0, 10), Place(9, 10))
    yield "falling", (Place(100, 10), Place(0, 10))
    yield "too many", tuple(Place(i, 1) for i in range(129))
    yield "the same twice", (Place(0, 10), Place(0, 10))


@pytest.mark.parametrize("places", [pytest.param(p, id=name) for name, p in bad_places()])
def test_places_that_no_patch_needs_are_refused(places: tuple[Place, ...]) -> None:
    assert refusal(one_frame(packed(b"x" * 10), places), b"x" * 10) is Reason.UNSAFE_ARCHIVE


def test_leaning_on_too_much_is_refused_before_it_is_read(tmp_path: Path) -> None:
    old = tmp_path / "old"
    with old.open("wb") as f:
        f.truncate(GIB)
    new = hashlib.sha256(b"x").hexdigest()
    made = header_bytes(Header(GIB, "0" * 64, 1, new, SMALL)) + frame_bytes(packed(b"x"), (Place(0, GIB),))
    with pytest.raises(WrongRelease, match="leans on too much"):
        apply_patch(iter([made]), old, tmp_path / "out", expected=FileRecord("new", 1, new))


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (packed(bytes(GIB // 4)), Reason.UNSAFE_ARCHIVE),
        (packed(b"x" * 9), Reason.UNSAFE_ARCHIVE),
        (packed(b"x" * 11), Reason.UNSAFE_ARCHIVE),
        (packed(b"x" * 10) + packed(b"x" * 10), Reason.WRONG_ARCHIVE),
        (packed(b"x" * 10) + b"!", Reason.WRONG_ARCHIVE),
        (packed(b"x" * 10)[:-1], Reason.WRONG_ARCHIVE),
        (struct.pack("<2I", 0x184D2A50, 10) + b"x" * 10, Reason.WRONG_ARCHIVE),
        (packed(b"x" * 10, write_content_size=False), Reason.UNSAFE_ARCHIVE),
        (b"not zstd at all", Reason.WRONG_ARCHIVE),
        (b"\x28\xb5\x2f\xfd", Reason.WRONG_ARCHIVE),
    ],
    ids=[
        "a bomb",
        "one byte less",
        "one byte more",
        "two frames in one",
        "bytes after it",
        "cut short",
        "a frame to be skipped",
        "a size left unsaid",
        "something else",
        "only the first bytes",
    ],
)
def test_frames_that_are_not_what_they_should_be_are_refused(frame: bytes, reason: Reason) -> None:
    assert refusal(one_frame(frame), b"x" * 10) is reason


def test_a_frame_whose_head_lies_about_the_size_is_refused() -> None:
    lying = bytearray(packed(b"x" * 40))
    assert zstandard.get_frame_parameters(bytes(lying)).content_size == 40
    lying[5] = 10
    assert refusal(one_frame(bytes(lying)), b"x" * 10) is Reason.WRONG_ARCHIVE


@pytest.mark.parametrize("size", [0, (1 << 16) + 256 + 1024 + 1, 0xFFFFFFFF])
def test_a_frame_of_an_impossible_size_is_refused_before_it_is_read(size: int) -> None:
    assert refusal(header_bytes(header_of()) + HEAD.pack(size, 0)) is Reason.UNSAFE_ARCHIVE


@pytest.mark.parametrize(
    ("at", "value", "reason"),
    [
        (0, b"PK\3\4", Reason.WRONG_ARCHIVE),
        (8, struct.pack("<H", 2), Reason.WRONG_ARCHIVE),
        (10, struct.pack("<H", 1), Reason.WRONG_ARCHIVE),
        (12, struct.pack("<I", 0), Reason.UNSAFE_ARCHIVE),
        (12, struct.pack("<I", (1 << 16) + 1), Reason.UNSAFE_ARCHIVE),
        (12, struct.pack("<I", 1 << 31), Reason.UNSAFE_ARCHIVE),
        (16, struct.pack("<Q", (1 << 64) - 1), Reason.UNSAFE_ARCHIVE),
        (16, struct.pack("<Q", len(OLD) + 1), Reason.WRONG_CHECKSUM),
        (56, struct.pack("<Q", (1 << 64) - 1), Reason.UNSAFE_ARCHIVE),
        (56, struct.pack("<Q", len(NEW) + 1), Reason.WRONG_ARCHIVE),
    ],
)
def test_a_header_out_of_bounds_is_refused(patch: bytes, at: int, value: bytes, reason: Reason) -> None:
    assert refusal(patch[:at] + value + patch[at + len(value) :]) is reason


def test_a_giant_that_was_expected_still_ends_with_the_patch() -> None:
    giant = header_bytes(header_of(new_size=1 << 40))
    assert refusal(giant + frame_bytes(packed(bytes(SMALL)), ()), size=1 << 40) is Reason.WRONG_ARCHIVE


def test_bytes_after_the_last_frame_are_refused(patch: bytes) -> None:
    assert refusal(patch + b"!") is Reason.WRONG_ARCHIVE


def test_the_heads_are_as_long_as_the_format_says() -> None:
    assert (HEADER.size, HEAD.size, PLACE.size) == (96, 8, 12)
