"""Answers of ``/database/*``; the requests have no body."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DatabaseInfo(BaseModel):
    """``GET /database/info``: of the release that is loaded."""

    version: str
    performer_count: int
    face_count: int
    sources: list[str]
    created_at: str | None
    tattoo_embedding_count: int | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": "2026.02.18",
                    "performer_count": 108001,
                    "face_count": 366794,
                    "sources": ["stashdb"],
                    "created_at": "2026-02-18T03:00:00Z",
                    "tattoo_embedding_count": None,
                }
            ]
        }
    )


class UpdateCheck(BaseModel):
    """``GET /database/check-update``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "current_version": "2026.02.12",
                    "latest_version": "2026.02.18",
                    "update_available": True,
                    "release_name": "Release v2026.02.18",
                    "download_url": "https://github.com/owner/data/releases/download/v2026.02.18/data.zip",
                    "download_size_mb": 1478,
                    "published_at": "2026-02-18T03:00:00Z",
                    "error": None,
                }
            ]
        }
    )

    current_version: str | None = Field(description="Of the installed release; null before the first one.")
    latest_version: str | None
    update_available: bool
    release_name: str | None
    download_url: str | None
    download_size_mb: int | None = Field(description="Megabytes of 1,000,000 bytes.")
    published_at: str | None
    error: str | None = Field(description="Why nobody knows, when the source cannot be asked.")
    refused: str | None = Field(
        default=None, description="Why the latest release was refused here; a new request tries it again."
    )


class UpdateStarted(BaseModel):
    """``POST /database/update``."""

    job_id: str = Field(examples=["3f9c1a7be204"], description="12 hexadecimal digits.")
    status: Literal["started"] = "started"

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"job_id": "3f9c1a7be204", "status": "started"}]}
    )


class UpdateProgress(BaseModel):
    """``GET /database/update/status``."""

    status: Literal[
        "idle", "downloading", "extracting", "verifying", "swapping", "reloading", "complete", "failed"
    ]
    progress_pct: int = Field(ge=0, le=100)
    current_version: str | None
    target_version: str | None
    error: str | None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "downloading",
                    "progress_pct": 14,
                    "current_version": "2026.02.12",
                    "target_version": "2026.02.18",
                    "error": None,
                }
            ]
        }
    )
