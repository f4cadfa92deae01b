"""The tables of performers.db, as the reader of today expects them. Used by builders only."""

from __future__ import annotations

COUNTRIES = ("US", "CZ", "HU", "BR", "JP", "DE", "FR", "GB", None)
STAMP = "2026-02-18T03:00:00Z"

SCHEMA = """
CREATE TABLE schema_version (version INTEGER PRIMARY KEY);
INSERT INTO schema_version VALUES (9);
CREATE TABLE performers (
    id INTEGER PRIMARY KEY, canonical_name TEXT NOT NULL, disambiguation TEXT, gender TEXT, country TEXT,
    ethnicity TEXT, birth_date TEXT, death_date TEXT, height_cm INTEGER, eye_color TEXT, hair_color TEXT,
    career_start_year INTEGER, career_end_year INTEGER, scene_count INTEGER, stashdb_updated_at TEXT,
    face_count INTEGER DEFAULT 0, image_url TEXT, created_at TEXT, updated_at TEXT
);
CREATE TABLE stashbox_ids (
    performer_id INTEGER NOT NULL REFERENCES performers(id) ON DELETE CASCADE,
    endpoint TEXT NOT NULL, stashbox_performer_id TEXT NOT NULL, created_at TEXT,
    PRIMARY KEY (endpoint, stashbox_performer_id)
);
CREATE TABLE aliases (
    id INTEGER PRIMARY KEY, performer_id INTEGER NOT NULL REFERENCES performers(id) ON DELETE CASCADE,
    alias TEXT NOT NULL, source_endpoint TEXT, created_at TEXT, UNIQUE (performer_id, alias)
);
CREATE TABLE faces (
    id INTEGER PRIMARY KEY, performer_id INTEGER NOT NULL REFERENCES performers(id) ON DELETE CASCADE,
    facenet_index INTEGER UNIQUE, arcface_index INTEGER UNIQUE, image_url TEXT, source_endpoint TEXT,
    quality_score REAL, created_at TEXT, pruned BOOL DEFAULT 0, yaw REAL
);
CREATE TABLE tattoos (performer_id INTEGER, location TEXT, description TEXT);
CREATE TABLE piercings (performer_id INTEGER, location TEXT, description TEXT);
CREATE TABLE body_proportions (
    performer_id INTEGER PRIMARY KEY, shoulder_hip_ratio REAL, leg_torso_ratio REAL,
    arm_span_height_ratio REAL, confidence REAL
);
CREATE TABLE tattoo_detections (
    performer_id INTEGER PRIMARY KEY, has_tattoos BOOL, confidence REAL, detections_json TEXT
);
CREATE INDEX idx_performers_name ON performers(canonical_name);
CREATE INDEX idx_stashbox_performer ON stashbox_ids(performer_id);
CREATE INDEX idx_aliases_performer ON aliases(performer_id);
CREATE INDEX idx_aliases_alias ON aliases(alias COLLATE NOCASE);
CREATE INDEX idx_faces_performer ON faces(performer_id);
"""


def performer_row(place: int, name: str, country: str | None, faces: int) -> tuple[object, ...]:
    """Return the 19 columns of one performer; ids start at 1."""
    year = 1970 + place % 35
    return (
        place + 1,
        name,
        None,
        "FEMALE" if place % 3 else "MALE",
        country,
        "CAUCASIAN" if place % 2 else "LATIN",
        f"{year}-06-15",
        None,
        155 + place % 40,
        "BROWN",
        "BLONDE",
        year + 20,
        None,
        place % 500,
        STAMP,
        faces,
        f"https://images.example/performer/{place}.jpg",
        STAMP,
        STAMP,
    )
