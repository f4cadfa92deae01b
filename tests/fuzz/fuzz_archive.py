"""Any bytes, and any change to a good zip → its own files or a refusal, nothing else.

Run by hand or by a test: python tests/fuzz/fuzz_archive.py -runs=20000
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["facedb_release.archive"]):
    from facedb_release.archive.contents import read_contents, read_member
    from facedb_release.errors import WrongRelease
    from facedb_release.profiles import FileSet

from zip_making import DESCRIPTOR, InMemory, Part, build, descriptor, zip64

FILES = FileSet(("a", "b"), ("c",), {"a": 5000, "b": 5000, "c": 5000}, max_total_bytes=9000)
A, B = Part("a", b"first" * 20), Part("b", b"second", method=0)
CONTENT = {"a": A.content, "b": B.content}
FULL32 = 0xFFFFFFFF
_LARGE = {"packed": FULL32, "size": FULL32}
_BOTH = zip64(len(A.content), len(A.packed))
GOOD = (
    build([A, B]),
    build([A, B], end64={}),
    build([Part("a", A.content, flags=DESCRIPTOR, after=descriptor(A)), B]),
    build([Part("a", A.content, local=_LARGE, central=_LARGE, local_extra=_BOTH, central_extra=_BOTH), B]),
    build([Part("a", A.content, local_extra=struct.pack("<2HBI", 0x5455, 5, 1, 0)), B]),
)
MOST_BYTES = 1 << 12


def read(data: bytes) -> dict[str, bytes] | None:
    """Return the files, None for a refusal."""
    archive = InMemory(data)
    try:
        return {m.name: read_member(archive, m) for m in read_contents(archive, FILES).members}
    except WrongRelease:
        return None


def test_one_input(data: bytes) -> None:
    """Take the bytes as a zip, or as changes to a good one: places, lengths, new bytes."""
    dice = atheris.FuzzedDataProvider(data)
    which = dice.ConsumeIntInRange(0, len(GOOD))
    if which == len(GOOD):
        files = read(dice.ConsumeBytes(MOST_BYTES)) or {}
        if not all(len(content) <= 5000 for content in files.values()):
            raise RuntimeError("more came out than the caps allow")
        return
    zipped = bytearray(GOOD[which])
    for _ in range(dice.ConsumeIntInRange(1, 5)):
        at = dice.ConsumeIntInRange(0, len(zipped))
        old = dice.ConsumeIntInRange(0, 12) if dice.ConsumeBool() else -1
        new = dice.ConsumeBytes(8)
        zipped[at : at + (len(new) if old < 0 else old)] = new
    files = read(bytes(zipped))
    # CRC32 is no proof against a fuzzer, but the few changes here cannot keep it and change the content.
    if files not in (None, CONTENT):
        raise RuntimeError(f"a changed zip was read as {files}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
