"""One SQLite file, or memory → short transactions. Used by everything in ``state`` and ``queue``; blocks.

The file lies on a volume that two pods may share during a roll, also over a network: a rollback journal (a
WAL needs shared memory), a busy timeout, and no transaction that outlives one method.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from facedb_sidecar.state.errors import StateError, translated
from facedb_sidecar.state.migrate import migrate, require_readable
from facedb_sidecar.state.schema import MIGRATIONS, Migration

BUSY_TIMEOUT_S = 10.0

log = logging.getLogger(__name__)


class Database:
    """A connection that threads share, one after the other.

    Args:
        connection: in autocommit mode, at the newest schema.
        knows: the newest schema that this code has.
    """

    def __init__(self, connection: sqlite3.Connection, *, knows: int) -> None:
        self._connection = connection
        self._knows = knows
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path | None, *, migrations: Sequence[Migration] = MIGRATIONS) -> Database:
        """Open and migrate; a file that cannot be used is left as it is.

        Args:
            path: of the file, which is made when it is missing; None: in memory.
            migrations: default: ours.

        Raises:
            StateError: damaged, newer than this code, or not to be opened.
        """
        with translated():
            connection = _connect(path)
            try:
                _prepare(connection)
                migrate(connection, migrations)
            except BaseException:
                connection.close()
                raise
        return cls(connection, knows=migrations[-1].version)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """For statements that only read.

        Raises:
            StateError: SQLite refused.
        """
        with self._lock, translated():
            yield self._connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on the disk afterwards, or nothing.

        Raises:
            StateError: SQLite refused, or a newer sidecar has meanwhile migrated the file beyond this code.
        """
        with self._lock, translated():
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                require_readable(connection, knows=self._knows)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite has rolled back by itself after some errors, such as a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; waits for the transaction that runs."""
        with self._lock:
            self._connection.close()


def _connect(path: Path | None) -> sqlite3.Connection:
    name = ":memory:"
    if path is not None:
        name = str(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError("Unwritable", f"The state folder cannot be made: {error}") from error
    return sqlite3.connect(name, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)


def _prepare(connection: sqlite3.Connection) -> None:
    """Look before anything is written.

    Raises:
        StateError: the file is damaged.
    """
    connection.execute("PRAGMA foreign_keys = ON")
    found = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found[0] != "ok":
        raise StateError(
            "Damaged", f"The state database is damaged; restore it from a backup (SQLite: {found[0]})"
        )
    mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    if mode not in ("delete", "memory"):
        log.warning("The state database keeps journal mode %s: do not share it between nodes", mode)
    # EXTRA also syncs the folder after the journal is gone: what was committed survives a power cut.
    connection.execute("PRAGMA synchronous = EXTRA")
