"""Who was seen in which scene and image, with the database version that this was found with.

A fingerprint of another version than the loaded one is stale: it needs a refresh. Nothing is removed for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from facedb_sidecar.state.database import Database
from facedb_sidecar.state.times import Clock, to_text


@dataclass(frozen=True)
class FingerprintFace:
    """One person in a scene or image.

    Attributes:
        performer_id: as the catalog knows them; None: nobody that the database has.
        name: of the performer, empty for nobody.
        confidence: 0 to 1.
        frame_count: frames the person was seen in; 1 for an image.
    """

    performer_id: str | None
    name: str
    confidence: float
    frame_count: int


@dataclass(frozen=True)
class SceneFingerprint:
    """What an analysis of a scene found.

    Attributes:
        scene_id: of Stash.
        database_version: of the release that was asked; None: marked for a refresh.
        frames_analyzed: frames that were looked at.
        faces: the persons, the best first.
        status: ``complete`` or ``error``.
        error: why there is none, for ``error``.
    """

    scene_id: str
    database_version: str | None
    frames_analyzed: int
    faces: tuple[FingerprintFace, ...]
    status: str = "complete"
    error: str | None = None


@dataclass(frozen=True)
class ImageFingerprint:
    """What was found in an image; as SceneFingerprint."""

    image_id: str
    database_version: str | None
    faces: tuple[FingerprintFace, ...]


@dataclass(frozen=True)
class FingerprintCounts:
    """Of scenes. ``total`` = ``complete`` + ``error``; ``complete`` = ``current`` + ``needs_refresh``."""

    total: int
    complete: int
    error: int
    current: int
    needs_refresh: int


class Fingerprints:
    """The fingerprint tables. Every method may raise StateError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def save_scene(self, found: SceneFingerprint) -> None:
        """Save or replace; an error leaves what an earlier analysis had found."""
        now = to_text(self._clock())
        with self._database.write() as connection:
            if found.status == "error":
                connection.execute(_SCENE_ERROR, (found.scene_id, found.database_version, found.error, now))
                return
            row = (found.scene_id, found.database_version, found.frames_analyzed, now)
            connection.execute(_SCENE, row)
            _save_faces(connection, "scene", found.scene_id, found.faces)

    def save_image(self, found: ImageFingerprint) -> None:
        """Save or replace."""
        now = to_text(self._clock())
        with self._database.write() as connection:
            connection.execute(_IMAGE, (found.image_id, found.database_version, now))
            _save_faces(connection, "image", found.image_id, found.faces)

    def scene(self, scene_id: str) -> SceneFingerprint | None:
        """What is known of a scene."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT database_version, frames_analyzed, status, error FROM facedb_scene_fingerprints"
                " WHERE scene_id = ?",
                (scene_id,),
            ).fetchone()
            faces = _faces(connection, "scene", scene_id)
        return None if row is None else SceneFingerprint(scene_id, row[0], row[1], faces, row[2], row[3])

    def image(self, image_id: str) -> ImageFingerprint | None:
        """What is known of an image."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT database_version FROM facedb_image_fingerprints WHERE image_id = ?", (image_id,)
            ).fetchone()
            faces = _faces(connection, "image", image_id)
        return None if row is None else ImageFingerprint(image_id, row[0], faces)

    def counts(self, current_version: str | None) -> FingerprintCounts:
        """How many there are, and how many of them ``current_version`` has not seen."""
        with self._database.read() as connection:
            total, complete, current = connection.execute(
                "SELECT count(*), coalesce(sum(status = 'complete'), 0),"
                " coalesce(sum(status = 'complete' AND database_version IS ?), 0)"
                " FROM facedb_scene_fingerprints",
                (current_version,),
            ).fetchone()
        # Before anything is loaded nothing can be called current, nor in need of a refresh.
        current = current if current_version is not None else 0
        stale = complete - current if current_version is not None else 0
        return FingerprintCounts(total, complete, total - complete, current, stale)

    def scenes_of(self, version: str) -> frozenset[str]:
        """Ids of the scenes whose fingerprint is complete and of this version."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT scene_id FROM facedb_scene_fingerprints"
                " WHERE status = 'complete' AND database_version = ?",
                (version,),
            ).fetchall()
        return frozenset(row[0] for row in rows)

    def complete_scenes(self) -> frozenset[str]:
        """Ids of the scenes whose fingerprint is complete, of whatever version."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT scene_id FROM facedb_scene_fingerprints WHERE status = 'complete'"
            ).fetchall()
        return frozenset(row[0] for row in rows)

    def stale_images(self, version: str) -> tuple[str, ...]:
        """Ids of the images whose fingerprint is of another version, in order."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT image_id FROM facedb_image_fingerprints"
                " WHERE database_version IS NOT ? ORDER BY image_id",
                (version,),
            ).fetchall()
        return tuple(row[0] for row in rows)

    def mark_for_refresh(self, scene_ids: Sequence[str] | None) -> int:
        """Count these scenes, or with None all of them, as stale; returns how many there are."""
        clear = "UPDATE facedb_scene_fingerprints SET database_version = NULL"
        with self._database.write() as connection:
            if scene_ids is None:
                return connection.execute(clear).rowcount
            marked = connection.executemany(
                clear + " WHERE scene_id = ?", [(scene_id,) for scene_id in dict.fromkeys(scene_ids)]
            )
            return max(marked.rowcount, 0)


_SCENE = """
INSERT INTO facedb_scene_fingerprints
    (scene_id, database_version, frames_analyzed, status, error, updated_at)
VALUES (?, ?, ?, 'complete', NULL, ?)
ON CONFLICT (scene_id) DO UPDATE SET
    database_version = excluded.database_version, frames_analyzed = excluded.frames_analyzed,
    status = 'complete', error = NULL, updated_at = excluded.updated_at
"""

_SCENE_ERROR = """
INSERT INTO facedb_scene_fingerprints
    (scene_id, database_version, frames_analyzed, status, error, updated_at)
VALUES (?, ?, 0, 'error', ?, ?)
ON CONFLICT (scene_id) DO UPDATE SET
    status = 'error', error = excluded.error, updated_at = excluded.updated_at
"""

_IMAGE = """
INSERT INTO facedb_image_fingerprints (image_id, database_version, updated_at) VALUES (?, ?, ?)
ON CONFLICT (image_id) DO UPDATE SET
    database_version = excluded.database_version, updated_at = excluded.updated_at
"""

_DELETE_FACES = {
    "scene": "DELETE FROM facedb_scene_faces WHERE scene_id = ?",
    "image": "DELETE FROM facedb_image_faces WHERE image_id = ?",
}
_INSERT_FACES = {
    "scene": "INSERT INTO facedb_scene_faces VALUES (?, ?, ?, ?, ?, ?)",
    "image": "INSERT INTO facedb_image_faces VALUES (?, ?, ?, ?, ?, ?)",
}
_SELECT_FACES = {
    "scene": "SELECT performer_id, name, confidence, frame_count FROM facedb_scene_faces"
    " WHERE scene_id = ? ORDER BY position",
    "image": "SELECT performer_id, name, confidence, frame_count FROM facedb_image_faces"
    " WHERE image_id = ? ORDER BY position",
}


def _save_faces(connection: sqlite3.Connection, kind: str, of: str, faces: Sequence[FingerprintFace]) -> None:
    connection.execute(_DELETE_FACES[kind], (of,))
    rows = [
        (of, position, face.performer_id, face.name, face.confidence, face.frame_count)
        for position, face in enumerate(faces)
    ]
    connection.executemany(_INSERT_FACES[kind], rows)


def _faces(connection: sqlite3.Connection, kind: str, of: str) -> tuple[FingerprintFace, ...]:
    return tuple(FingerprintFace(*row) for row in connection.execute(_SELECT_FACES[kind], (of,)))
