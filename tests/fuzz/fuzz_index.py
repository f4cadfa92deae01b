"""Any bytes, and any change to a good index → the header and the graph are accepted or refused, nothing else.

Run by hand or by `make fuzz`: python tests/fuzz/fuzz_index.py -runs=20000
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

with atheris.instrument_imports(include=["facedb_release.verify"]):
    from facedb_release.errors import WrongRelease
    from facedb_release.verify.graph import check_graph
    from facedb_release.verify.index import HEADER_BYTES, Storage, parse_header

from index_damage import make_index

MOST_ROOM = 1 << 16
WORK = Path(tempfile.mkdtemp(prefix="fuzz-index-"))
GOOD = tuple(
    make_index(WORK / "good.voy", count, 8, storage, links=links).read_bytes()
    for count, links in ((1, 12), (40, 3))
    for storage in Storage
)


def judge(content: bytes) -> None:
    """Check a file of these bytes."""
    path = WORK / "index.voy"
    path.write_bytes(content)
    try:
        check_graph(path, parse_header(content[:HEADER_BYTES], len(content), file=path.name))
    except WrongRelease:
        return


def test_one_input(data: bytes) -> None:
    """Take the bytes as a file, or as changes to a good one: places, lengths, new bytes."""
    dice = atheris.FuzzedDataProvider(data)
    which = dice.ConsumeIntInRange(0, len(GOOD))
    if which == len(GOOD):
        judge(dice.ConsumeBytes(MOST_ROOM))
        return
    content = bytearray(GOOD[which])
    for _ in range(dice.ConsumeIntInRange(1, 6)):
        # Half of all changes go to the header, where every byte means something.
        most = HEADER_BYTES if dice.ConsumeBool() else len(content)
        at = dice.ConsumeIntInRange(0, most)
        old = dice.ConsumeIntInRange(0, 16) if dice.ConsumeBool() else -1
        new = dice.ConsumeBytes(8)
        content[at : at + (len(new) if old < 0 else old)] = new
    judge(bytes(content))


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
