"""The state of the user as one object: opened at start, closed at the end, shared by routes and jobs.

A file that cannot be used never stops identification and is never changed, moved or removed: the state is
then kept in memory, and ``warning`` says so until somebody repairs it and starts the sidecar again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from facedb_sidecar.state.database import Database
from facedb_sidecar.state.entries import Entries
from facedb_sidecar.state.errors import StateError
from facedb_sidecar.state.fingerprints import Fingerprints
from facedb_sidecar.state.schema import MIGRATIONS, Migration
from facedb_sidecar.state.times import Clock, utc_now

FILE = "stash_sense.db"
IN_MEMORY = "Settings, fingerprints and jobs are kept in memory and end with this process"

log = logging.getLogger(__name__)


class StateStore:
    """Synchronous and thread-safe; coroutines call it through ``asyncio.to_thread``.

    Attributes:
        warning: why the state will not outlive this process, for /ready and /system/info; None: it will.
        entries: small values by key.
        fingerprints: who was seen where.
        database: for the queue, which has its own tables.
    """

    def __init__(self, database: Database, *, warning: str | None = None, clock: Clock = utc_now) -> None:
        self.database = database
        self.warning = warning
        self.clock = clock
        self.entries = Entries(database, clock)
        self.fingerprints = Fingerprints(database, clock)

    @classmethod
    def open(
        cls, path: Path | None, *, clock: Clock = utc_now, migrations: Sequence[Migration] = MIGRATIONS
    ) -> StateStore:
        """Open the file, or memory when there is none or it cannot be used. Raises nothing for a bad file.

        Args:
            path: of the file; None: in memory, because no folder was set.
            clock: for the moments that are saved.
            migrations: of the file; default: ours.
        """
        if path is None:
            return cls(Database.open(None), warning=_no_folder(), clock=clock)
        try:
            return cls(Database.open(path, migrations=migrations), clock=clock)
        except StateError as error:
            log.error("State file %s is not used: %s: %s", path, error.reason, error.message)
            warning = f"{error.message}. {IN_MEMORY}"
            return cls(Database.open(None), warning=warning, clock=clock)

    def close(self) -> None:
        """Close the file."""
        self.database.close()


def _no_folder() -> str:
    return f"No state folder is set (FACEDB_STATE_DIR or DATA_DIR). {IN_MEMORY}"
