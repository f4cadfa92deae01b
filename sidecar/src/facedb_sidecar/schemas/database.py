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


class Rollback(BaseModel):
    """``POST /database/rollback``."""

    version: str = Field(max_length=20, description="One of `kept` in the overview.")

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": "2026.02.12"}]})


class LoadedRelease(BaseModel):
    """The release that answers requests now."""

    version: str
    performer_count: int
    face_count: int
    created_at: str | None = Field(description="As its manifest says.")


class UpdateInterruption(BaseModel):
    """Whether nobody answers for a while during the next update."""

    expected: Literal["none", "possible", "certain"]
    seconds: float | None = Field(description="About how long, where that is known.")
    why: str


class Rollout(UpdateProgress):
    """What goes on."""

    reason: str | None = Field(description="One word; of a FaceDatabase, its condition Ready's.")
    message: str | None
    bytes_done: int | None = Field(description="Of what is fetched, while something is.")
    bytes_total: int | None
    started_at: str | None = Field(description="RFC 3339.")


class UpdateFailure(BaseModel):
    """Why what was asked for does not serve."""

    version: str | None
    reason: str | None = Field(description="One word of docs/reasons.md.")
    message: str
    advice: str = Field(description="What to do.")
    at: str | None = Field(description="RFC 3339, where it is known.")


class DatabaseOverview(BaseModel):
    """``GET /database/overview``: what a page about the database shows, but for what the source offers."""

    managed_by: Literal["sidecar", "FaceDatabase", "nobody"] = Field(description="Who brings releases.")
    facedatabase: str | None = Field(description="NAMESPACE/NAME.", examples=["media/faces"])
    pinned: bool = Field(description="The FaceDatabase's spec names the version.")
    active: LoadedRelease | None
    desired_version: str | None
    action: Literal["update", "approve", "retry"] | None = Field(
        description="What may be asked for: `POST /database/update` for the first two, `/database/retry`."
    )
    why_not: str | None = Field(description="Why nothing may be asked for.")
    waiting: str | None = Field(description="What a channel's newer version, or an approved one, waits for.")
    interruption: UpdateInterruption
    rollout: Rollout
    failure: UpdateFailure | None
    kept: list[str] = Field(description="Versions to go back to without a download, the newest first.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "managed_by": "FaceDatabase",
                    "facedatabase": "media/faces",
                    "pinned": False,
                    "active": {
                        "version": "2026.02.12",
                        "performer_count": 108001,
                        "face_count": 366794,
                        "created_at": "2026-02-12T03:00:00Z",
                    },
                    "desired_version": "2026.02.18",
                    "action": None,
                    "why_not": "A rollout is under way.",
                    "waiting": None,
                    "interruption": {
                        "expected": "none",
                        "seconds": None,
                        "why": "New pods answer before old ones leave.",
                    },
                    "rollout": {
                        "status": "downloading",
                        "progress_pct": 14,
                        "current_version": "2026.02.12",
                        "target_version": "2026.02.18",
                        "error": None,
                        "reason": "Fetching",
                        "message": "Fetching 2026.02.18: 47%.",
                        "bytes_done": 694000000,
                        "bytes_total": 1478000000,
                        "started_at": "2026-02-18T04:00:00Z",
                    },
                    "failure": None,
                    "kept": ["2026.01.30"],
                }
            ]
        }
    )
