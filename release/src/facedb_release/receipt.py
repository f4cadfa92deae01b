"""The last file written into a release folder: while it is there, the release is whole and was verified.

Written by fetch (temp, fsync, rename); read by the sidecar before it loads, and by fetch to do nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from zlib_ng import zlib_ng

from facedb_release.errors import Reason, WrongRelease
from facedb_release.profiles import MIB
from facedb_release.strictjson import parse_json

NAME = ".facedb-receipt.json"


@dataclass(frozen=True)
class FileRecord:
    """One file: name, size in bytes, sha256 as 64 hex digits.

    ``crc32``, where it is known, finds a change at rest five times as fast. It vouches for nothing else.
    """

    name: str
    size: int
    sha256: str
    crc32: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Receipt:
    """What was verified, and when.

    Attributes:
        version: calendar version as the manifest has it.
        digest: `sha256:<hex>` of the archive, when all of it passed and was hashed; when it came in parts,
            `contents:sha256:<hex>` of the files' own hashes.
        files: every file of the release.
        performer_count: of the manifest.
        face_count: of the manifest, gaps included.
        verified_at: RFC 3339, UTC.
        warnings: what was odd.
        signed_by: id of the key whose signature was asked for and was good; None when none was asked for.
    """

    version: str
    digest: str
    files: tuple[FileRecord, ...]
    performer_count: int
    face_count: int
    verified_at: str
    warnings: tuple[str, ...]
    signed_by: str | None = None


def read_receipt(folder: Path) -> Receipt:
    """Read the folder's receipt and check that each of its files is there with its size.

    Raises:
        WrongRelease: InvalidReceipt when it is missing or unreadable, MissingFile or WrongChecksum when a
            file is not as it was.
    """
    try:
        receipt = parse_receipt((folder / NAME).read_bytes())
    except OSError as e:
        raise _invalid(f"{folder / NAME} cannot be read: {e.strerror}") from e
    except (ValueError, TypeError, KeyError) as e:
        raise _invalid(f"{folder / NAME} cannot be understood: {e}") from e
    for record in receipt.files:
        _check_size(folder / record.name, record)
    return receipt


def require_unchanged(folder: Path, receipt: Receipt) -> None:
    """Read every file of the receipt again: it must hold what it held when it was verified.

    The sums are computed without the interpreter's lock, beside other work: a fifth of a second for a full
    release by CRC-32, a whole one by sha256. Who can forge one here can write another receipt as well.

    Raises:
        WrongRelease: WrongChecksum, with both sums; MissingFile.
    """
    for record in receipt.files:
        _check_size(folder / record.name, record)
        expected, found = _sums(folder / record.name, record)
        if found != expected:
            raise _changed(folder / record.name, expected, found)


def _sums(path: Path, record: FileRecord) -> tuple[str, str]:
    """Return what the file should have, and what it has."""
    if record.crc32 is None:
        with path.open("rb") as f:
            return f"sha256:{record.sha256}", f"sha256:{hashlib.file_digest(f, 'sha256').hexdigest()}"
    return f"crc32:{record.crc32:08x}", f"crc32:{crc32_of(path):08x}"


def crc32_of(path: Path) -> int:
    """Read a file and return its CRC-32, as a zip has it."""
    crc, block = 0, memoryview(bytearray(MIB))
    with path.open("rb", buffering=0) as f:
        while count := f.readinto(block):
            crc = zlib_ng.crc32(block[:count], crc)
    return crc


def contents_digest(files: Iterable[FileRecord]) -> str:
    """Return what stands for a release whose archive nobody hashed: its files' hashes, hashed.

    Its form differs from an archive's digest, so that nobody pins the one for the other.
    """
    lines = sorted(f"{f.sha256}  {f.name}\n" for f in files)
    return "contents:sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def write_receipt(folder: Path, receipt: Receipt) -> None:
    """Write the receipt, whole or not at all."""
    write_whole(folder / NAME, json.dumps(asdict(receipt), indent=2).encode())


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is there completely or not at all, also after a power cut."""
    temp = path.with_name(path.name + ".new")
    with temp.open("wb") as f:
        f.write(content)
        f.flush()
        os.fsync(f.fileno())
    temp.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's names durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def parse_receipt(data: bytes) -> Receipt:
    """Read a receipt; whether its files are there is another question.

    Raises:
        ValueError, TypeError, KeyError: if it is none.
    """
    raw: dict[str, Any] = parse_json(data, max_bytes=MIB)
    files = tuple(_record(f) for f in raw["files"])
    if any(Path(f.name).name != f.name for f in files):
        raise ValueError("a file name leads elsewhere")
    return Receipt(
        version=str(raw["version"]),
        digest=str(raw["digest"]),
        files=files,
        performer_count=int(raw["performer_count"]),
        face_count=int(raw["face_count"]),
        verified_at=str(raw["verified_at"]),
        warnings=tuple(str(w) for w in raw["warnings"]),
        signed_by=None if raw.get("signed_by") is None else str(raw["signed_by"]),
    )


def _check_size(path: Path, record: FileRecord) -> None:
    try:
        size = path.stat().st_size
    except OSError as e:
        raise WrongRelease(
            Reason.MISSING_FILE,
            f"{record.name} is in the receipt of {path.parent} but is gone. Fetch the release again.",
            file=record.name,
            expected=record.size,
        ) from e
    if size != record.size:
        raise _changed(path, f"{record.size} bytes", f"{size} bytes")


def _record(raw: dict[str, Any]) -> FileRecord:
    crc32 = raw.get("crc32")
    known = None if crc32 is None else int(crc32)
    return FileRecord(str(raw["name"]), int(raw["size"]), str(raw["sha256"]), known)


def _changed(path: Path, expected: str, found: str) -> WrongRelease:
    return WrongRelease(
        Reason.WRONG_CHECKSUM,
        f"{path.name} in {path.parent} has changed since it was verified. Fetch the release again.",
        file=path.name,
        expected=expected,
        found=found,
    )


def _invalid(message: str) -> WrongRelease:
    return WrongRelease(
        Reason.INVALID_RECEIPT, f"{message}. The release was not completely fetched.", file=NAME
    )
