"""Requests and answers of ``/health*`` and ``/ready``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Health(BaseModel):
    """``GET /health``: always 200; degraded while nothing is loaded."""

    status: Literal["healthy", "degraded"]
    database_loaded: bool
    performer_count: int = Field(default=0, examples=[108001])
    face_count: int = Field(default=0, description="Gaps included", examples=[366794])
    version: str | None = Field(default=None, description="Of the sidecar's API", examples=["0.1.2"])

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "healthy",
                    "database_loaded": True,
                    "performer_count": 108001,
                    "face_count": 366794,
                    "version": "0.1.2",
                }
            ]
        }
    )


class FfmpegHealth(BaseModel):
    """``GET /health/ffmpeg``: both say the same."""

    ffmpeg_available: bool
    v2_endpoint_ready: bool

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ffmpeg_available": True, "v2_endpoint_ready": True}]}
    )


class RateLimiterHealth(BaseModel):
    """``GET /health/rate-limiter``: of the requests to Stash; zeros without one."""

    total_requests: int = 0
    total_wait_time: float = Field(default=0.0, description="Seconds")
    avg_wait_time: float = Field(default=0.0, description="Seconds")
    queue_size: int = 0
    requests_per_second: float = 0.0

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "total_requests": 420,
                    "total_wait_time": 12.5,
                    "avg_wait_time": 0.03,
                    "queue_size": 0,
                    "requests_per_second": 5.0,
                }
            ]
        }
    )


class Device(BaseModel):
    """Where the models run."""

    requested: str = Field(examples=["gpu"])
    provider: str = Field(examples=["CUDAExecutionProvider"])


class SelfCheck(BaseModel):
    """How many stored faces found themselves at load."""

    passed: bool
    checked: int


class Ready(BaseModel):
    """``GET /ready`` with 200: what is loaded and warm."""

    ready: Literal[True] = True
    version: str = Field(examples=["2026.02.18"])
    digest: str = Field(description="Of the release's files", examples=["sha256:9f86d081884c7d65"])
    performer_count: int
    face_count: int
    device: Device
    self_check: SelfCheck
    recall: float = Field(
        ge=0,
        le=1,
        description="Share of the stored faces asked for at load that found themselves, over both indices, "
        "searched as wide as for requests",
        examples=[0.99],
    )
    query_ms: float = Field(
        ge=0, description="Median milliseconds of one such query for one face, at load", examples=[2.1]
    )
    search: str = Field(description="How the indices are asked", examples=["wide"])
    warnings: list[str] = Field(
        description="What works less well than asked for", examples=[["body: pose_landmarker is missing"]]
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ready": True,
                    "version": "2026.02.18",
                    "digest": "sha256:9f86d081884c7d65",
                    "performer_count": 108001,
                    "face_count": 366794,
                    "device": {"requested": "gpu", "provider": "CUDAExecutionProvider"},
                    "self_check": {"passed": True, "checked": 64},
                    "recall": 0.99,
                    "query_ms": 2.1,
                    "search": "wide",
                    "warnings": [],
                }
            ]
        }
    )


class NotReady(BaseModel):
    """``GET /ready`` with 503. In a cluster ``failed`` is final for this process."""

    ready: Literal[False] = False
    state: Literal["loading", "failed"]
    reason: str = Field(examples=["CorruptIndex"])
    message: str = Field(examples=["face_arcface.voy does not open"])
    version: str | None = None

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "ready": False,
                    "state": "failed",
                    "reason": "CorruptIndex",
                    "message": "face_arcface.voy does not open",
                    "version": None,
                }
            ]
        }
    )
