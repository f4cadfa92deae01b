"""Requests and answers of ``/recommendations/fingerprints/*``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST_SCENES = 100_000


class FingerprintProgress(BaseModel):
    """``GET .../progress``: of the newest generation."""

    status: str = Field(description="idle, or the status of its job")
    total_scenes: int = 0
    processed_scenes: int = 0
    successful: int = 0
    failed: int = 0
    skipped: int = 0
    progress_pct: float = 0.0
    current_scene_id: int | None = None
    current_scene_title: str | None = None
    error_message: str | None = None
    message: str | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "running",
                    "total_scenes": 120,
                    "processed_scenes": 36,
                    "successful": 34,
                    "failed": 1,
                    "skipped": 1,
                    "progress_pct": 30.0,
                    "current_scene_id": 41,
                    "current_scene_title": None,
                    "error_message": None,
                    "message": None,
                }
            ]
        }
    )


class FingerprintStatus(BaseModel):
    """``GET .../status``: of scenes."""

    total_fingerprints: int
    complete_fingerprints: int
    pending_fingerprints: int
    error_fingerprints: int
    current_db_version: str | None
    current_version_count: int | None
    needs_refresh_count: int | None
    generation_running: bool
    generation_progress: FingerprintProgress | None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "total_fingerprints": 120,
                    "complete_fingerprints": 118,
                    "pending_fingerprints": 0,
                    "error_fingerprints": 2,
                    "current_db_version": "2026.02.18",
                    "current_version_count": 100,
                    "needs_refresh_count": 18,
                    "generation_running": False,
                    "generation_progress": None,
                }
            ]
        }
    )


class Generate(BaseModel):
    """``POST .../generate``; what is left out comes from the settings."""

    refresh_outdated: bool = True
    num_frames: int | None = Field(default=None, ge=5, le=120)
    min_face_size: int | None = Field(default=None, ge=20, le=200)
    max_distance: float | None = Field(default=None, ge=0.0, le=2.0)

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_outdated": True}]})


SceneIds = Annotated[list[int], Field(max_length=MOST_SCENES)]


class Marked(BaseModel):
    """``POST .../refresh``."""

    marked_for_refresh: int
    scene_ids: list[int]

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"marked_for_refresh": 2, "scene_ids": [41, 42]}]}
    )


class AllMarked(BaseModel):
    """``POST .../refresh-all``."""

    marked_for_refresh: int
    message: str

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"marked_for_refresh": 120, "message": "All 120 fingerprints marked for refresh"}]
        }
    )
