"""performers.db → "it can be read, and holds what the sidecar reads", or the reason why not.

The file is hostile until proven good: opened read-only and immutable, with a deadline for all (a view that
never ends passes integrity_check), and a WAL file without its log looks like an empty, intact database.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from types import MappingProxyType
from typing import NoReturn
from urllib.parse import quote

from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import Manifest

_MAGIC = b"SQLite format 3\0"

# Without these the readers of today fail.
REQUIRED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "performers": frozenset(
            [
                "id",
                "canonical_name",
                "disambiguation",
                "gender",
                "country",
                "ethnicity",
                "birth_date",
                "death_date",
                "height_cm",
                "eye_color",
                "hair_color",
                "career_start_year",
                "career_end_year",
                "scene_count",
                "stashdb_updated_at",
                "face_count",
                "image_url",
                "created_at",
                "updated_at",
            ]
        ),
        "stashbox_ids": frozenset({"performer_id", "endpoint", "stashbox_performer_id"}),
        "aliases": frozenset({"id", "performer_id", "alias"}),
        "faces": frozenset(
            [
                "id",
                "performer_id",
                "facenet_index",
                "arcface_index",
                "image_url",
                "source_endpoint",
                "quality_score",
                "created_at",
            ]
        ),
    }
)
# Known, but missing from older releases.
OPTIONAL: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "stashbox_ids": frozenset({"created_at"}),
        "aliases": frozenset({"source_endpoint", "created_at"}),
        "faces": frozenset({"pruned", "yaw"}),
    }
)


def check_database(path: Path, manifest: Manifest, *, seconds: float) -> Iterator[str]:
    """Check the database; yield what is odd (newer columns, counts that differ from the manifest).

    Args:
        path: of performers.db.
        manifest: for its counts.
        seconds: for all checks together.

    Raises:
        WrongRelease: CorruptDatabase, or UnexpectedFile when a write-ahead log lies beside it.
    """
    _check_bytes(path)
    deadline = time.monotonic() + seconds
    try:
        with closing(_open(path)) as db:
            db.set_progress_handler(lambda: int(time.monotonic() > deadline), 1_000)
            yield from _check_schema(db)
            _check_integrity(db)
            yield from _check_rows(db, manifest)
    except sqlite3.Error as e:
        _corrupt(f"SQLite says: {e}", expected="a database that can be read", found=str(e)[:200])


def _check_bytes(path: Path) -> None:
    """Check the header and that there is no write-ahead log."""
    for end in ("-wal", "-shm", "-journal"):
        if path.with_name(path.name + end).exists():
            raise WrongRelease(
                Reason.UNEXPECTED_FILE,
                f"{path.name}{end} lies beside {path.name}: the database was copied while it was written.",
                file=path.name + end,
            )
    with path.open("rb") as f:
        head = f.read(100)
    if len(head) < 100 or not head.startswith(_MAGIC):
        _corrupt("it is no SQLite database", expected="SQLite format 3", found=head[:16])
    if head[18:20] != b"\1\1":
        _corrupt(
            "it is in WAL mode without its log; checkpoint it and set journal_mode=DELETE before publishing",
            expected="1, 1",
            found=f"{head[18]}, {head[19]}",
        )


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(
        f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True, isolation_level=None
    )
    db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1 << 28)
    db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    for pragma in ("trusted_schema=off", "query_only=on", "cell_size_check=on", "mmap_size=0"):
        db.execute(f"PRAGMA {pragma}")
    return db


def _check_schema(db: sqlite3.Connection) -> Iterator[str]:
    """Want real tables with the columns that are read; refuse anything that runs code."""
    rows = db.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_schema").fetchall()
    for kind, name, sql in rows:
        words = str(sql).upper().split(maxsplit=2)[:2]
        if kind not in ("table", "index") or words == ["CREATE", "VIRTUAL"]:
            _corrupt(f"it holds the {kind} {name!r}", expected="tables and indexes only", found=kind)
    tables = {str(name) for kind, name, _ in rows if kind == "table"}
    for table, required in REQUIRED.items():
        if table not in tables:
            _corrupt(f"the table {table} is missing", expected=table, found=", ".join(sorted(tables))[:200])
        columns = {str(c[1]): int(c[6]) for c in db.execute(f"PRAGMA table_xinfo({table})")}
        missing = sorted(required - columns.keys())
        if missing or any(columns.values()):
            generated = [c for c, hidden in columns.items() if hidden]
            _corrupt(
                f"the table {table} lacks columns, or computes them",
                expected=", ".join(missing) or "plain columns",
                found=", ".join(generated) or "none of them",
            )
        newer = sorted(columns.keys() - required - OPTIONAL.get(table, frozenset()))
        if newer:
            yield f"performers.db: {table} has columns this program does not know: {', '.join(newer)[:200]}"


def _check_integrity(db: sqlite3.Connection) -> None:
    """Run the quick check, then the thorough one."""
    for check in ("quick_check", "integrity_check"):
        said = [str(row[0]) for row in db.execute(f"PRAGMA {check}(3)")]
        if said != ["ok"]:
            _corrupt(f"{check} finds: {'; '.join(said)[:300]}", expected="ok", found=said[0][:200])


def _check_rows(db: sqlite3.Connection, manifest: Manifest) -> Iterator[str]:
    """Compare the row counts; an empty table is an error, a difference only odd."""
    for table, expected in (("performers", manifest.performer_count), ("faces", manifest.face_count)):
        (found,) = db.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - names of our own
        if expected and not found:
            _corrupt(f"the table {table} is empty", expected=expected, found=0)
        # Gaps have no row, and performers without faces have one: only more rows than labels is odd.
        if table == "faces" and found > expected:
            yield f"performers.db holds {found} faces, the manifest says {expected}"


def _corrupt(what: str, *, expected: object, found: object) -> NoReturn:
    raise WrongRelease(
        Reason.CORRUPT_DATABASE,
        f"performers.db cannot serve: {what}. Publish it again.",
        file="performers.db",
        expected=expected,
        found=found,
    )
