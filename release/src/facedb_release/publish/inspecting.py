"""A release, as a folder or as an archive → what it says about itself. Nothing is verified or unpacked.

Of an archive only the directory, the manifest and some 100 bytes of each index and database are read, so that
one at the other end of a network is as quick as one on disk.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facedb_release import receipt
from facedb_release.errors import ReleaseError, WrongRelease
from facedb_release.manifest import parse_manifest
from facedb_release.profiles import Profile
from facedb_release.publish.database import DATABASE, LOGS, reading, row_counts, schema_version
from facedb_release.publish.reading import FileFacts, Folder, Packed, Readable, read_head, read_whole
from facedb_release.publish.summary import index_facts

_SECONDS = 10.0
_PAGE_SIZE, _PAGES = struct.Struct(">16xH"), struct.Struct(">28xI")
Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Inspected:
    """What a release says about itself; a part that cannot be read is an object with one key, `error`.

    Attributes:
        manifest: version, created_at, counts, sources, models.
        files: each with its size, and how an archive keeps it.
        others: names in the folder that are no part of a release.
        indices: by name: space, dimensions, storage, vectors, links.
        database: pages, and of a folder also tables with their rows and the schema's version.
        signed: whether a signature lies beside the manifest; nobody looked whether it is good.
        receipt: of the folder, if there is one.
    """

    manifest: Facts
    files: Mapping[str, FileFacts]
    others: tuple[str, ...]
    indices: Mapping[str, Facts]
    database: Facts | None
    signed: bool
    receipt: Facts | None


def inspect(release: Folder | Packed, profile: Profile) -> Inspected:
    """Look at a release."""
    folder = release.path if isinstance(release, Folder) else None
    indices = [n for n in release.files if n.endswith(".voy")]
    return Inspected(
        manifest=_manifest(release, profile),
        files=release.files,
        others=_others(folder, release) if folder else (),
        indices={n: _index(release, n) for n in indices},
        database=_database(release, folder) if DATABASE in release.files else None,
        signed=profile.manifest.signature in release.files,
        receipt=_receipt(folder) if folder else None,
    )


def _manifest(release: Readable, profile: Profile) -> Facts:
    try:
        found = parse_manifest(read_whole(release, profile.manifest.name, profile))
    except ReleaseError as e:
        return {"error": e.message}
    return {
        "version": found.version.text,
        "created_at": found.created_at,
        "performer_count": found.performer_count,
        "face_count": found.face_count,
        "sources": list(found.sources),
        "models": dict(found.models),
        "checksums": dict(found.checksums),
    }


def _index(release: Readable, name: str) -> Facts:
    try:
        return {"space": "cosine", **index_facts(release, name)._asdict()}
    except WrongRelease as e:
        return {"error": e.message}


def _database(release: Readable, folder: Path | None) -> Facts:
    head = read_head(release, DATABASE, 100)
    if len(head) < 100 or not head.startswith(b"SQLite format 3\0"):
        return {"error": f"{DATABASE} is no SQLite database"}
    (page_size,), (pages,) = _PAGE_SIZE.unpack_from(head), _PAGES.unpack_from(head)
    facts = {
        "page_size": 65536 if page_size == 1 else page_size,
        "pages": pages,
        "journal": "wal" if head[18:20] == b"\2\2" else "delete",
    }
    return facts | (_rows(folder) if folder else {})


def _rows(folder: Path) -> dict[str, Any]:
    """Count the rows; what is only in a log beside the database is not counted, and said."""
    logs = [DATABASE + end for end in LOGS if (folder / (DATABASE + end)).exists()]
    try:
        with reading(folder / DATABASE, seconds=_SECONDS) as db:
            return {"schema_version": schema_version(db), "tables": row_counts(db), "logs": logs}
    except WrongRelease as e:
        return {"error": e.message, "logs": logs}


def _others(folder: Path, release: Readable) -> tuple[str, ...]:
    return tuple(sorted({p.name for p in folder.iterdir()} - release.files.keys() - {receipt.NAME}))


def _receipt(folder: Path) -> Facts | None:
    if not (folder / receipt.NAME).exists():
        return None
    try:
        found = asdict(receipt.read_receipt(folder))
    except WrongRelease as e:
        return {"error": e.message}
    return {key: found[key] for key in ("version", "digest", "verified_at", "warnings")}
