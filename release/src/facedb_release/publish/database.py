"""A database as a trainer leaves it → one clean file; and a clean file → its row counts.

A read-only connection to a database in WAL mode makes a -shm file beside it (measured), so a trainer's
database is never opened where it lies: it is copied with its logs, and recovered in the copy's place.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from facedb_release.errors import Reason, WrongRelease

DATABASE = "performers.db"
LOGS = ("-wal", "-journal")
TABLES = ("performers", "faces", "stashbox_ids", "aliases")
SECONDS = 120.0


def settle(path: Path) -> None:
    """Bring a copied database and its log into one file, as releases have it.

    Raises:
        WrongRelease: CorruptDatabase.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA trusted_schema=off")
            busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            (mode,) = db.execute("PRAGMA journal_mode=DELETE").fetchone()
            if busy or mode != "delete":
                _corrupt(path, "its write-ahead log cannot be brought into it", "delete", mode)
            said = [str(row[0]) for row in db.execute("PRAGMA integrity_check(3)")]
            if said != ["ok"]:
                _corrupt(path, f"integrity_check finds: {'; '.join(said)[:300]}", "ok", said[0][:200])
    except sqlite3.Error as e:
        _corrupt(path, f"SQLite says: {e}", "a database that can be read", str(e)[:200])


@contextmanager
def reading(path: Path, *, seconds: float = SECONDS) -> Iterator[sqlite3.Connection]:
    """Open a clean database for reading alone; its queries must end within the time.

    Raises:
        WrongRelease: CorruptDatabase, also for what a query in the block runs into.
    """
    deadline = time.monotonic() + seconds
    try:
        uri = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
            db.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            for pragma in ("trusted_schema=off", "query_only=on", "cell_size_check=on", "mmap_size=0"):
                db.execute(f"PRAGMA {pragma}")
            db.set_progress_handler(lambda: int(time.monotonic() > deadline), 10_000)
            yield db
    except sqlite3.Error as e:
        _corrupt(path, f"SQLite says: {e}", "a database that can be read", str(e)[:200])


def row_counts(db: sqlite3.Connection) -> Mapping[str, int]:
    """Return table → rows, for every plain table."""
    names = [
        str(name)
        for (name,) in db.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    return {n: int(db.execute(f"SELECT count(*) FROM {_quoted(n)}").fetchone()[0]) for n in names}  # noqa: S608


def schema_version(db: sqlite3.Connection) -> int | None:
    """Return the trainer's number of its schema; None where there is none."""
    try:
        row = db.execute("SELECT max(version) FROM schema_version").fetchone()
    except sqlite3.OperationalError:
        return None
    return row[0] if row and isinstance(row[0], int) else None


def check_copy(path: Path) -> Mapping[str, int]:
    """Open a copied database and read what a sidecar reads: statistics, faces, ids and aliases.

    Raises:
        WrongRelease: CorruptDatabase.
    """
    with reading(path) as db:
        counts = row_counts(db)
        for table in TABLES:
            for _ in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - names of our own
                pass
    return counts


def face_sources(path: Path) -> tuple[str, ...]:
    """Return the short names of the sources that the faces come from."""
    with reading(path) as db:
        rows = db.execute("SELECT DISTINCT source_endpoint FROM faces WHERE source_endpoint IS NOT NULL")
        return tuple(sorted(str(name) for (name,) in rows))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _corrupt(path: Path, what: str, expected: object, found: object) -> NoReturn:
    raise WrongRelease(
        Reason.CORRUPT_DATABASE,
        f"{path.name} cannot be used: {what}. Repair it, or take a copy that is whole.",
        file=path.name,
        expected=expected,
        found=found,
    )
