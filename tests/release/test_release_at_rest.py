"""A release that changed at rest is told from one that did not: by CRC-32 where a receipt has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from facedb_release.copying import hash_file
from facedb_release.errors import WrongRelease
from facedb_release.receipt import Receipt, read_receipt, require_unchanged, write_receipt


@pytest.fixture(params=[True, False], ids=["with CRC-32", "of an older facedb, without"])
def receipt(request: pytest.FixtureRequest, tmp_path: Path) -> Receipt:
    (tmp_path / "a.voy").write_bytes(bytes(range(256)) * 10_000)
    (tmp_path / "empty.json").write_bytes(b"")
    files = tuple(hash_file(tmp_path / name) for name in ("a.voy", "empty.json"))
    if not request.param:
        files = tuple(replace(f, crc32=None) for f in files)
    write_receipt(tmp_path, Receipt("2026.02.18", "sha256:1", files, 1, 1, "2026-11-21T00:00:00Z", ()))
    return read_receipt(tmp_path)


def test_what_did_not_change_passes(receipt: Receipt, tmp_path: Path) -> None:
    require_unchanged(tmp_path, receipt)


@pytest.mark.parametrize("at", [0, 1 << 20, 2_559_999])
def test_one_bit_is_found_wherever_it_is(receipt: Receipt, tmp_path: Path, at: int) -> None:
    content = bytearray((tmp_path / "a.voy").read_bytes())
    content[at] ^= 1
    (tmp_path / "a.voy").write_bytes(content)
    with pytest.raises(WrongRelease, match="has changed since it was verified") as refused:
        require_unchanged(tmp_path, receipt)
    assert refused.value.file == "a.voy"
    assert refused.value.expected != refused.value.found
