"""A patch makes the new file from the old one, or it is refused, whatever the files and its bytes."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_release.errors import Reason, WrongRelease
from facedb_release.patches.apply import apply_patch
from facedb_release.patches.frames import (
    MAX_FRAME_BYTES,
    MAX_PLACES,
    MAX_REACH_BYTES,
    Header,
    Place,
    frame_bytes,
    header_bytes,
)
from facedb_release.patches.make import PatchFacts, make_patch, record_of
from facedb_release.receipt import FileRecord

SMALL = 1 << 16


def noise(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def text(size: int, seed: int = 0) -> bytes:
    """Lines as a JSON map has them."""
    rng = random.Random(seed)
    lines = [f'"stashdb.org:{rng.getrandbits(128):032x}",' for _ in range(size // 47 + 1)]
    return "".join(lines).encode()[:size]


def pieces(data: bytes, size: int = 5000) -> Iterator[bytes]:
    yield from (data[i : i + size] for i in range(0, len(data), size))


class Pair:
    """An old and a new file in a folder of their own."""

    def __init__(self, folder: Path, old: bytes, new: bytes, *, frame_size: int = SMALL) -> None:
        self.folder, self.new_bytes, self.frame_size = folder, new, frame_size
        self.old, self.new = folder / "old.bin", folder / "new.bin"
        self.old.write_bytes(old)
        self.new.write_bytes(new)
        self.out = folder / "out.bin"
        self.record = record_of(self.new)

    def made(self, threads: int = 1) -> PatchFacts:
        return make_patch(
            self.old, self.new, self.folder / "x.patch", frame_size=self.frame_size, threads=threads
        )

    def patch(self, threads: int = 1) -> bytes:
        self.made(threads)
        return (self.folder / "x.patch").read_bytes()

    def apply(self, patch: bytes, expected: FileRecord | None = None) -> FileRecord:
        self.out.unlink(missing_ok=True)
        return apply_patch(pieces(patch), self.old, self.out, expected=expected or self.record)

    def right_or_refused(self, patch: bytes) -> Reason | None:
        """Apply; return why it was refused, or None after the right file came out."""
        try:
            self.apply(patch)
        except WrongRelease as refused:
            assert not self.out.exists()
            return refused.reason
        assert self.out.read_bytes() == self.new_bytes
        return None


def edited(data: bytes, edits: list[tuple[str, float, int, int]]) -> bytes:
    for kind, where, size, seed in edits:
        at = int(where * len(data))
        put = b"" if kind == "delete" else noise(size, seed)
        data = data[:at] + put + data[at if kind == "insert" else at + size :]
    return data


CONTENT = st.builds(
    lambda make, size, seed: make(size, seed),
    st.sampled_from([noise, text, lambda size, _: bytes(size), lambda size, _: b"record 17;" * (size // 10)]),
    st.one_of(st.integers(0, 100), st.integers(0, 300_000)),
    st.integers(0, 3),
)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "delete", "replace"]),
        st.floats(0, 1),
        st.integers(0, 40_000),
        st.integers(4, 9),
    ),
    max_size=6,
)


@settings(max_examples=80)
@given(CONTENT, EDITS, st.integers(1, 3))
def test_any_edits_come_back(old: bytes, edits: list[tuple[str, float, int, int]], threads: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(Path(folder), old, edited(old, edits))
        assert pair.apply(pair.patch(threads)) == pair.record
        assert pair.out.read_bytes() == pair.new_bytes


@settings(max_examples=30)
@given(CONTENT, CONTENT)
def test_files_without_anything_in_common_come_back_too(old: bytes, new: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(Path(folder), old, new)
        assert pair.right_or_refused(pair.patch()) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"", b""), (b"", b"new"), (b"old", b""), (b"a", b"b"), (b"same", b"same")],
    ids=["both empty", "from nothing", "to nothing", "one byte", "identical"],
)
def test_tiny_files_come_back(tmp_path: Path, old: bytes, new: bytes) -> None:
    pair = Pair(tmp_path, old, new)
    assert pair.right_or_refused(pair.patch()) is None


def test_the_same_files_give_the_same_patch_with_any_number_of_threads(tmp_path: Path) -> None:
    pair = Pair(tmp_path, noise(900_000), noise(900_000)[200_000:] + text(300_000))
    assert pair.patch(threads=1) == pair.patch(threads=3)


def test_content_that_moved_far_is_found(tmp_path: Path) -> None:
    old = noise(6_000_000)
    pair = Pair(tmp_path, old, old[5_000_000:] + noise(999, 1) + old[:5_000_000])
    facts = pair.made()
    assert facts.patch.size < 20_000
    assert (facts.old, facts.new) == (record_of(pair.old), pair.record)
    assert facts.patch == record_of(tmp_path / "x.patch")


def test_content_that_was_scattered_is_found(tmp_path: Path) -> None:
    old = noise(4_000_000)
    parts = [old[i : i + 100_000] for i in range(0, len(old), 100_000)]
    random.Random(3).shuffle(parts)
    pair = Pair(tmp_path, old, b"".join(parts), frame_size=1 << 20)
    assert pair.made().patch.size < 40_000
    assert pair.right_or_refused((tmp_path / "x.patch").read_bytes()) is None


def test_a_file_that_repeats_itself_costs_little(tmp_path: Path) -> None:
    pair = Pair(tmp_path, noise(40_000) * 30, noise(40_000) * 25 + b"end", frame_size=1 << 20)
    assert pair.made().patch.size < 5_000


def test_another_old_file_is_refused(tmp_path: Path) -> None:
    old = noise(300_000)
    pair = Pair(tmp_path, old, edited(old, [("insert", 0.5, 500, 1)]))
    patch = pair.patch()
    pair.old.write_bytes(old[:-1])
    assert pair.right_or_refused(patch) is Reason.WRONG_CHECKSUM
    pair.old.write_bytes(old[:70_000] + b"?" + old[70_001:])
    assert pair.right_or_refused(patch) in (Reason.WRONG_CHECKSUM, Reason.WRONG_ARCHIVE)


def test_a_patch_for_another_file_than_expected_is_refused(tmp_path: Path) -> None:
    pair = Pair(tmp_path, noise(1000), noise(1200))
    with pytest.raises(WrongRelease, match="makes another file"):
        pair.apply(pair.patch(), FileRecord("new.bin", 1200, "0" * 64))
    with pytest.raises(WrongRelease, match="makes another file"):
        pair.apply(pair.patch(), FileRecord("new.bin", 1199, pair.record.sha256))


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    pair = Pair(tmp_path, noise(1000), noise(1200))
    pair.out.write_bytes(b"mine")
    with pytest.raises(FileExistsError):
        apply_patch(pieces(pair.patch()), pair.old, pair.out, expected=pair.record)
    assert pair.out.read_bytes() == b"mine"


MEMORY = """
import sys
from pathlib import Path
from facedb_release.patches.apply import apply_patch
from facedb_release.receipt import FileRecord

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))

def blocks(path):
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            yield block

patch, old, out, size, sha256 = sys.argv[1:]
before = peak()
apply_patch(blocks(patch), Path(old), Path(out), expected=FileRecord("x", int(size), sha256))
print((peak() - before) // 1024)
"""


def test_applying_the_largest_frames_takes_little_memory(tmp_path: Path) -> None:
    """Each frame is as large as the format allows, does not shrink, and leans on as many places as it may."""
    old, new = bytes(MAX_REACH_BYTES * 2), noise(MAX_FRAME_BYTES) * 5
    pair = Pair(tmp_path, old, new)
    step = MAX_REACH_BYTES // MAX_PLACES
    places = [Place(at, step) for at in range(0, len(old), 2 * step)]
    packed = zstandard.ZstdCompressor(level=1).compress(noise(MAX_FRAME_BYTES))
    header = Header(len(old), record_of(pair.old).sha256, len(new), pair.record.sha256, MAX_FRAME_BYTES)
    patch = tmp_path / "x.patch"
    patch.write_bytes(header_bytes(header) + frame_bytes(packed, places) * 5)
    paths = [str(p) for p in (patch, pair.old, pair.out)]
    told = subprocess.run(
        [sys.executable, "-c", MEMORY, *paths, str(pair.record.size), pair.record.sha256],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(told.stdout) < 40


def test_a_full_volume_is_an_error_and_no_shorter_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    (tmp_path / "old").write_bytes(rng.bytes(100_000))
    (tmp_path / "new").write_bytes(rng.bytes(200_000))
    make_patch(tmp_path / "old", tmp_path / "new", tmp_path / "patch")
    expected = record_of(tmp_path / "new")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (199_900, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            apply_patch(
                [(tmp_path / "patch").read_bytes()], tmp_path / "old", tmp_path / "out", expected=expected
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "out").exists()
