"""What the reference sidecar had saved in ``stash_sense.db`` → our tables, once, when they are made.

Only read: the reference's own tables stay as they are, so that a user can go back. Table and column names are
facts of its schema version 9; a file that looks different is not adopted, and that is no error.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import Any

from facedb_sidecar.state.definitions import DEFINITIONS, Refused

log = logging.getLogger(__name__)

# Of a setting, in the reference's table of settings.
PREFIX = "settings."

_SCENES = """
INSERT OR IGNORE INTO facedb_scene_fingerprints
    (scene_id, database_version, frames_analyzed, status, error, updated_at)
SELECT CAST(stash_scene_id AS TEXT), db_version, frames_analyzed, fingerprint_status, NULL,
    coalesce(updated_at, datetime('now'))
FROM scene_fingerprints WHERE fingerprint_status IN ('complete', 'error')
"""

# The reference kept ids without names.
_SCENE_FACES = """
INSERT OR IGNORE INTO facedb_scene_faces
    (scene_id, position, performer_id, name, confidence, frame_count)
SELECT CAST(s.stash_scene_id AS TEXT), f.id, f.performer_id, '', coalesce(f.avg_confidence, 0), f.face_count
FROM scene_fingerprint_faces f JOIN scene_fingerprints s ON s.id = f.fingerprint_id
WHERE s.fingerprint_status IN ('complete', 'error')
"""

_IMAGES = """
INSERT OR IGNORE INTO facedb_image_fingerprints (image_id, database_version, updated_at)
SELECT stash_image_id, db_version, coalesce(updated_at, datetime('now')) FROM image_fingerprints
"""

_IMAGE_FACES = """
INSERT OR IGNORE INTO facedb_image_faces
    (image_id, position, performer_id, name, confidence, frame_count)
SELECT f.stash_image_id, f.id, f.performer_id, '', coalesce(f.confidence, 0), 1
FROM image_fingerprint_faces f JOIN image_fingerprints i ON i.stash_image_id = f.stash_image_id
"""

_SCHEDULES = """
INSERT OR IGNORE INTO facedb_schedules
    (type, enabled, interval_hours, priority, last_run_at, next_run_at)
SELECT type, enabled, interval_hours, priority, last_run_at, next_run_at FROM job_schedules
WHERE type IN ('database_update', 'fingerprint_generation') AND interval_hours > 0
"""


def adopt_reference(connection: sqlite3.Connection) -> None:
    """Copy settings, fingerprints and schedules, as far as the file has them."""
    _attempt(connection, "user_settings", (), _adopt_settings)
    _attempt(connection, "scene_fingerprints", (_SCENES, _SCENE_FACES))
    _attempt(connection, "image_fingerprints", (_IMAGES, _IMAGE_FACES))
    _attempt(connection, "job_schedules", (_SCHEDULES,))


def _attempt(
    connection: sqlite3.Connection, table: str, statements: tuple[str, ...], work: Any = None
) -> None:
    """All of it or nothing; a table of another shape is left out."""
    if not connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
    ).fetchone():
        return
    connection.execute("SAVEPOINT adopting")
    try:
        for statement in statements:
            connection.execute(statement)
        if work is not None:
            work(connection)
    except (sqlite3.OperationalError, sqlite3.IntegrityError) as error:
        connection.execute("ROLLBACK TO adopting")
        log.warning("The reference's table %s was not taken over: %s", table, error)
    connection.execute("RELEASE adopting")


def _adopt_settings(connection: sqlite3.Connection) -> None:
    for key, text in connection.execute("SELECT key, value FROM user_settings").fetchall():
        entry = _entry(str(key), text)
        if entry is not None:
            connection.execute(
                "INSERT OR IGNORE INTO facedb_entries VALUES (?, ?, datetime('now'))",
                (entry[0], json.dumps(entry[1])),
            )


def _entry(key: str, text: object) -> tuple[str, object] | None:
    """The entry that a row becomes; None for one that we have no use for."""
    try:
        value = json.loads(str(text))
    except ValueError:
        return None
    if not key.startswith(PREFIX):
        return f"display.{key}", value
    definition = DEFINITIONS.get(key.removeprefix(PREFIX))
    if definition is None:
        return None
    try:
        return f"setting.{definition.key}", definition.accept(value)
    except Refused:
        return None
