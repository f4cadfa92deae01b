"""What can go wrong with the state of the user.

- ``StateError``: it cannot be read or written now. Routes answer 503 with its message.

There is one class, since nobody treats one case differently from another; ``reason`` names the case for logs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


class StateError(Exception):
    """The state cannot be read or written; nothing that was saved before is lost.

    Attributes:
        reason: ``NewerSchema``, ``Damaged``, ``Busy``, ``Full``, ``Unwritable`` or ``Failed``.
        message: for people: what is wrong and what to do.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


# By SQLite's primary result code; the message says what to do.
_SAYINGS = {
    sqlite3.SQLITE_BUSY: ("Busy", "another process holds the state database; try again"),
    sqlite3.SQLITE_LOCKED: ("Busy", "another process holds the state database; try again"),
    sqlite3.SQLITE_FULL: ("Full", "the state volume is full; make room on it"),
    sqlite3.SQLITE_CORRUPT: ("Damaged", "the state database is damaged; restore it from a backup"),
    sqlite3.SQLITE_NOTADB: ("Damaged", "the state file is no SQLite database; restore it or move it away"),
    sqlite3.SQLITE_READONLY: ("Unwritable", "the state volume cannot be written; check its permissions"),
    sqlite3.SQLITE_CANTOPEN: ("Unwritable", "the state database cannot be opened; check FACEDB_STATE_DIR"),
    sqlite3.SQLITE_IOERR: ("Unwritable", "the state volume cannot be read or written; check the volume"),
}


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLite's errors into StateError.

    Raises:
        StateError: for every sqlite3.Error from inside.
    """
    try:
        yield
    except sqlite3.Error as error:
        # The low byte is the primary code: https://www.sqlite.org/rescode.html#primary_result_codes_versus_extended_result_codes
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        reason, says = _SAYINGS.get(code, ("Failed", "the state database refused the work"))
        raise StateError(reason, f"{says[0].upper()}{says[1:]} (SQLite: {error})") from error
