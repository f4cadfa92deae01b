"""Answers of ``/models/*`` and ``/capabilities``; the requests have no body."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

# An example.
_FACENET: dict[str, Any] = {
    "status": "installed",
    "file": "facenet512.onnx",
    "size": 93985006,
    "group": "face_recognition",
    "description": "FaceNet512 face embeddings",
    "verified_by": "sha256",
}


class ModelFacts(BaseModel):
    """One model file."""

    status: Literal["installed", "not_installed", "corrupted"]
    file: str = Field(examples=["facenet512.onnx"])
    size: int = Field(description="Bytes.")
    group: str = Field(examples=["face_recognition"])
    description: str
    verified_by: Literal["sha256", "size"] = Field(
        description="How a download is checked; `size` where nobody published a hash."
    )


class ModelsStatus(BaseModel):
    """``GET /models/status``: by name."""

    models: dict[str, ModelFacts]

    model_config = ConfigDict(json_schema_extra={"examples": [{"models": {"facenet512": _FACENET}}]})


class DownloadStarted(BaseModel):
    """``POST /models/download/{name}``."""

    status: Literal["download_started"] = "download_started"
    model: str

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "download_started", "model": "arcface"}]}
    )


class AllDownloadsStarted(BaseModel):
    """``POST /models/download-all``."""

    status: Literal["download_started"] = "download_started"

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "download_started"}]})


class DownloadProgress(BaseModel):
    """One download."""

    model_name: str
    downloaded_bytes: int
    total_bytes: int
    status: Literal["downloading", "validating", "complete", "failed"]
    error: str | None
    percent: float = Field(ge=0, le=100)


class DownloadsProgress(BaseModel):
    """``GET /models/download-progress``: by name; empty before any download."""

    progress: dict[str, DownloadProgress]

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "progress": {
                        "arcface": {
                            "model_name": "arcface",
                            "downloaded_bytes": 68282154,
                            "total_bytes": 136564309,
                            "status": "downloading",
                            "error": None,
                            "percent": 50.0,
                        }
                    }
                }
            ]
        }
    )


class Can(BaseModel):
    """What this sidecar can do now."""

    upstream_sync: bool = True
    duplicate_detection_basic: bool = True
    identification: bool
    tattoo_signal: bool
    body_signal: bool


class Capabilities(BaseModel):
    """``GET /capabilities``."""

    capabilities: Can
    models: dict[str, ModelFacts]
    missing: dict[str, str] = Field(
        default_factory=dict,
        description="Signal → why it is not there.",
        examples=[{"body": "pose_landmarker_lite.task is not in the models folder"}],
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "capabilities": {
                        "upstream_sync": True,
                        "duplicate_detection_basic": True,
                        "identification": True,
                        "tattoo_signal": False,
                        "body_signal": False,
                    },
                    "models": {"facenet512": _FACENET},
                    "missing": {"body": "pose_landmarker_lite.task is not in the models folder"},
                }
            ]
        }
    )
