"""The tables of the state, as a list of migrations. Pure: statements only; ``migrate.py`` runs them.

Every table has the prefix ``facedb_``: the file may be ``stash_sense.db`` of the reference sidecar, whose own
tables are never changed. Schemas only go forward. ``oldest`` is the promise that makes a roll safe: code that
knows schema ``oldest`` or later may go on working on the migrated file, so a migration that only adds keeps
the ``oldest`` of the one before it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from facedb_sidecar.state.adoption import adopt_reference


@dataclass(frozen=True)
class Migration:
    """One step of the schema.

    Attributes:
        version: the schema after it.
        oldest: the oldest schema whose code works on this one.
        statements: run in order, in one transaction.
        then: run at the end of the same transaction.
    """

    version: int
    oldest: int
    statements: tuple[str, ...]
    then: Callable[[sqlite3.Connection], None] | None = None


VERSION_TABLE = """
CREATE TABLE IF NOT EXISTS facedb_schema (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    oldest INTEGER NOT NULL
)
"""

_ENTRIES = """
CREATE TABLE facedb_entries (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at TEXT NOT NULL
)
"""

_SCENES = """
CREATE TABLE facedb_scene_fingerprints (
    scene_id TEXT PRIMARY KEY,
    database_version TEXT,
    frames_analyzed INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('complete', 'error')),
    error TEXT,
    updated_at TEXT NOT NULL
)
"""

_IMAGES = """
CREATE TABLE facedb_image_fingerprints (
    image_id TEXT PRIMARY KEY,
    database_version TEXT,
    updated_at TEXT NOT NULL
)
"""

_FACES = """
CREATE TABLE facedb_{kind}_faces (
    {kind}_id TEXT NOT NULL REFERENCES facedb_{kind}_fingerprints ({kind}_id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    performer_id TEXT,
    name TEXT NOT NULL,
    confidence REAL NOT NULL,
    frame_count INTEGER NOT NULL,
    PRIMARY KEY ({kind}_id, position)
)
"""

_JOBS = """
CREATE TABLE facedb_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL,
    status TEXT NOT NULL,
    priority INTEGER NOT NULL,
    cursor TEXT,
    items_total INTEGER,
    items_processed INTEGER NOT NULL DEFAULT 0,
    error_message TEXT,
    triggered_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    started_at TEXT,
    completed_at TEXT,
    owner TEXT,
    attempts INTEGER NOT NULL DEFAULT 0
)
"""

# One active job of a type, whoever asks and however many processes ask at once.
_ONE_ACTIVE = """
CREATE UNIQUE INDEX facedb_jobs_one_active ON facedb_jobs (type)
WHERE status IN ('queued', 'running', 'stopping')
"""

_SCHEDULES = """
CREATE TABLE facedb_schedules (
    type TEXT PRIMARY KEY,
    enabled INTEGER NOT NULL,
    interval_hours REAL NOT NULL,
    priority INTEGER NOT NULL,
    last_run_at TEXT,
    next_run_at TEXT
)
"""

# beat counts up while its owner lives; see queue.lease.
_LEASE = """
CREATE TABLE facedb_lease (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    beat INTEGER NOT NULL
)
"""

MIGRATIONS = (
    Migration(
        version=1,
        oldest=1,
        statements=(
            _ENTRIES,
            _SCENES,
            "CREATE INDEX facedb_scene_version ON facedb_scene_fingerprints (status, database_version)",
            _IMAGES,
            _FACES.format(kind="scene"),
            _FACES.format(kind="image"),
            _JOBS,
            _ONE_ACTIVE,
            _SCHEDULES,
            _LEASE,
        ),
        then=adopt_reference,
    ),
)
