"""A file of the reference sidecar: what users had stays, and counts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from facedb_sidecar.queue.schedules import Schedules
from facedb_sidecar.state import Preferences, StateStore

# The columns are facts of the reference's schema 9, as far as they are read.
REFERENCE = """
CREATE TABLE schema_version (version INTEGER PRIMARY KEY);
INSERT INTO schema_version VALUES (9);
CREATE TABLE recommendations (id INTEGER PRIMARY KEY, type TEXT);
INSERT INTO recommendations VALUES (1, 'duplicate_performer');
CREATE TABLE user_settings (key TEXT PRIMARY KEY, value JSON NOT NULL, updated_at TEXT);
INSERT INTO user_settings VALUES ('settings.num_frames', '90', NULL), ('settings.gpu_enabled', 'false', NULL),
    ('settings.detection_size', '7', NULL), ('settings.gone', '1', NULL),
    ('settings.stash_api_rate', '{', NULL), ('normalize_enum_display', 'false', NULL);
CREATE TABLE scene_fingerprints (id INTEGER PRIMARY KEY, stash_scene_id INTEGER, total_faces INTEGER,
    frames_analyzed INTEGER, fingerprint_status TEXT, db_version TEXT, created_at TEXT, updated_at TEXT);
INSERT INTO scene_fingerprints VALUES (1, 41, 9, 60, 'complete', '2026.02.12', NULL, '2026-02-13 10:00:00'),
    (2, 42, 0, 0, 'pending', NULL, NULL, NULL), (3, 43, 0, 0, 'error', '2026.02.12', NULL, NULL);
CREATE TABLE scene_fingerprint_faces (id INTEGER PRIMARY KEY, fingerprint_id INTEGER, performer_id TEXT,
    face_count INTEGER, avg_confidence REAL, proportion REAL);
INSERT INTO scene_fingerprint_faces VALUES (1, 1, 'stashdb.org:a', 9, 0.7, 1.0), (2, 2, 'lost', 1, NULL, 1.0);
CREATE TABLE image_fingerprints (id INTEGER PRIMARY KEY, stash_image_id TEXT, gallery_id TEXT,
    faces_detected INTEGER, db_version TEXT, created_at TEXT, updated_at TEXT);
INSERT INTO image_fingerprints VALUES (1, '5', NULL, 1, '2026.02.12', NULL, NULL);
CREATE TABLE image_fingerprint_faces (id INTEGER PRIMARY KEY, stash_image_id TEXT, performer_id TEXT,
    confidence REAL, distance REAL);
INSERT INTO image_fingerprint_faces VALUES (1, '5', 'stashdb.org:a', 0.6, 0.4);
CREATE TABLE job_schedules (type TEXT PRIMARY KEY, enabled INTEGER, interval_hours REAL, priority INTEGER,
    last_run_at TEXT, next_run_at TEXT);
INSERT INTO job_schedules VALUES ('database_update', 1, 12, 10, '2026-02-13 10:00:00', '2026-02-13 22:00:00'),
    ('duplicate_scenes', 1, 168, 50, NULL, NULL);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stash_sense.db"


def write(path: Path, script: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()


def dump(path: Path) -> list[str]:
    """Everything in the file that is not ours."""
    connection = sqlite3.connect(path)
    tables = [
        row[0]
        for row in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'facedb_%'"
            " AND name NOT LIKE 'sqlite_%'"
        )
    ]
    rows = [repr((table, connection.execute(f"SELECT * FROM {table}").fetchall())) for table in tables]
    connection.close()
    return sorted(rows)


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
def test_settings_fingerprints_and_schedules_are_taken_over(path: Path, journal: str) -> None:
    write(path, f"PRAGMA journal_mode = {journal}; {REFERENCE}")
    before = dump(path)
    state = StateStore.open(path)
    assert state.warning is None
    chosen = Preferences(state.entries, "cpu")
    assert {c.definition.key: c.value for c in chosen.all() if c.is_override} == {
        "num_frames": 90,
        "gpu_enabled": False,
    }
    assert state.entries.get("display.normalize_enum_display") is False
    counts = state.fingerprints.counts("2026.02.18")
    assert (counts.complete, counts.error, counts.needs_refresh) == (1, 1, 1)
    scene, image = state.fingerprints.scene("41"), state.fingerprints.image("5")
    assert scene is not None
    assert [(f.performer_id, f.confidence, f.frame_count) for f in scene.faces] == [("stashdb.org:a", 0.7, 9)]
    assert image is not None
    assert image.database_version == "2026.02.12"
    (schedule,) = Schedules(state.database, state.clock).all()
    assert (schedule.type, schedule.enabled, schedule.interval.total_seconds()) == (
        "database_update",
        True,
        12 * 3600,
    )
    state.close()
    assert dump(path) == before


def test_what_the_user_changed_since_is_not_overwritten_at_the_next_start(path: Path) -> None:
    write(path, REFERENCE)
    state = StateStore.open(path)
    Preferences(state.entries, "cpu").reset("num_frames")
    state.close()
    again = StateStore.open(path)
    assert not Preferences(again.entries, "cpu").get("num_frames").is_override
    again.close()


@pytest.mark.parametrize(
    "script",
    [
        "CREATE TABLE user_settings (name TEXT); CREATE TABLE scene_fingerprints (x);",
        "CREATE TABLE job_schedules (type TEXT); INSERT INTO job_schedules VALUES ('database_update');",
        "CREATE TABLE image_fingerprints (stash_image_id TEXT, db_version TEXT, updated_at TEXT);"
        "INSERT INTO image_fingerprints VALUES ('1', NULL, NULL);",
    ],
    ids=["other columns", "fewer columns", "no faces"],
)
def test_tables_of_another_shape_are_left_out_without_harm(path: Path, script: str) -> None:
    write(path, script)
    before = dump(path)
    state = StateStore.open(path)
    assert state.warning is None
    assert state.fingerprints.counts("v").total == 0
    state.close()
    assert dump(path) == before
