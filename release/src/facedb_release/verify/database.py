"""A SQLite file of a release → "it can be read, and holds what readers want", or the reason why not.

Here the question is put and the answer compared with the manifest; the file is opened only in the child
(tables.py says what is looked for).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import Manifest
from facedb_release.profiles import Rows, Table
from facedb_release.verify.child import Leash, ask

LEFTOVERS = ("-wal", "-shm", "-journal")
MEMORY_BYTES = 1 << 30
# The child watches its own clock; this much later it is ended from outside.
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class DatabaseFacts:
    """What a readable database holds: rows of each table that the profile knows, and what is odd."""

    rows: Mapping[str, int]
    odd: tuple[str, ...]


def read_database(path: Path, tables: Mapping[str, Table], *, seconds: float) -> DatabaseFacts:
    """Check a database by itself, in a process of its own.

    Args:
        path: of the file.
        tables: that it should hold.
        seconds: for all checks together.

    Raises:
        WrongRelease: CorruptDatabase, or UnexpectedFile when a log or journal lies beside it.
    """
    for end in LEFTOVERS:
        if path.with_name(path.name + end).exists():
            raise WrongRelease(
                Reason.UNEXPECTED_FILE,
                f"{path.name}{end} lies beside {path.name}: the database was copied while it was written. "
                "Checkpoint it, set journal_mode=DELETE, and copy it again.",
                file=path.name + end,
            )
    question = {
        "path": str(path.resolve()),
        "tables": {name: _plain(table) for name, table in tables.items()},
        "seconds": seconds,
    }
    leash = Leash(max(0.0, seconds) + GRACE_SECONDS, MEMORY_BYTES)
    said = ask("database", question, file=path.name, reason=Reason.CORRUPT_DATABASE, leash=leash)
    return DatabaseFacts(said["rows"], tuple(said["odd"]))


def check_database(
    file: str, facts: DatabaseFacts, tables: Mapping[str, Table], manifest: Manifest
) -> Iterator[WrongRelease | str]:
    """Compare a readable database with the manifest.

    Yields:
        A fault (CorruptDatabase) for each table that should not be empty; as text, what is merely odd.
    """
    yield from facts.odd
    for name, table in tables.items():
        expected = manifest.counts[table.counted_by] if table.counted_by else 0
        found = facts.rows.get(name, 0)
        if expected and not found:
            yield WrongRelease(
                Reason.CORRUPT_DATABASE,
                f"{file} cannot serve: the table {name} is empty. Publish it again.",
                file=file,
                expected=expected,
                found=0,
            )
        elif table.counted_by and _is_odd(table.rows, expected, found):
            yield f"{file} holds {found} {name}, the manifest says {table.rows} {expected}"


def _is_odd(rows: Rows, expected: int, found: int) -> bool:
    return found < expected if rows is Rows.AT_LEAST else found > expected


def _plain(table: Table) -> dict[str, object]:
    """Return the table's fields as JSON values."""
    facts = asdict(table)
    return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in facts.items()}
