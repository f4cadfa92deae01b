"""Small values by key: settings, priorities, what the plugin keeps for its display."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from facedb_sidecar.state.database import Database
from facedb_sidecar.state.times import Clock, to_text


class Entries:
    """Keys → JSON values, in ``facedb_entries``. Every method may raise StateError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def all(self, prefix: str) -> dict[str, Any]:
        """The values below a prefix, by the rest of their keys."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT key, value FROM facedb_entries WHERE substr(key, 1, ?) = ? ORDER BY key",
                (len(prefix), prefix),
            ).fetchall()
        return {key[len(prefix) :]: json.loads(value) for key, value in rows}

    def get(self, key: str, usual: Any = None) -> Any:
        """One value."""
        with self._database.read() as connection:
            row = connection.execute("SELECT value FROM facedb_entries WHERE key = ?", (key,)).fetchone()
        return usual if row is None else json.loads(row[0])

    def set(self, values: Mapping[str, Any]) -> None:
        """Save all of them, or none."""
        now = to_text(self._clock())
        rows = [(key, json.dumps(value), now) for key, value in values.items()]
        with self._database.write() as connection:
            connection.executemany("INSERT OR REPLACE INTO facedb_entries VALUES (?, ?, ?)", rows)

    def delete(self, key: str) -> None:
        """Remove one, if it is there."""
        with self._database.write() as connection:
            connection.execute("DELETE FROM facedb_entries WHERE key = ?", (key,))
