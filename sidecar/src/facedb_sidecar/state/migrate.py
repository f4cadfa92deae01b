"""A database file → the same file at the newest schema. Called once, when the state is opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from facedb_sidecar.state.errors import StateError
from facedb_sidecar.state.schema import VERSION_TABLE, Migration


def migrate(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    """Run what is missing; each migration is one transaction, so a kill leaves the one before it.

    Two processes may do this at once: whoever waited for the lock finds the work done.

    Raises:
        StateError: NewerSchema, when the file says that this code is too old for it.
        sqlite3.Error: as SQLite raises it.
    """
    for migration in migrations:
        connection.execute("BEGIN IMMEDIATE")
        try:
            _run(connection, migration, knows=migrations[-1].version)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def require_readable(connection: sqlite3.Connection, *, knows: int) -> int:
    """The file's schema version, 0 for a file without our tables.

    Args:
        connection: inside a transaction, where the answer has to hold for what follows.
        knows: the newest schema that this code has.

    Raises:
        StateError: NewerSchema, when code that knows no more than ``knows`` must not touch the tables.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'facedb_schema'").fetchone():
        return 0
    found = connection.execute("SELECT version, oldest FROM facedb_schema").fetchone()
    if found is None:
        return 0
    version, oldest = found
    if oldest > knows:
        raise StateError(
            "NewerSchema",
            f"The state database has schema {version} of a newer sidecar; this one knows {knows}. "
            "The file is left as it is: update this sidecar",
        )
    return int(version)


def _run(connection: sqlite3.Connection, migration: Migration, *, knows: int) -> None:
    if require_readable(connection, knows=knows) >= migration.version:
        return
    connection.execute(VERSION_TABLE)
    for statement in migration.statements:
        connection.execute(statement)
    if migration.then is not None:
        migration.then(connection)
    connection.execute(
        "INSERT OR REPLACE INTO facedb_schema (id, version, oldest) VALUES (1, ?, ?)",
        (migration.version, migration.oldest),
    )
