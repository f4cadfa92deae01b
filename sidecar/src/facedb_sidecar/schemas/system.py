"""Answers of ``/system/*``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from facedb_sidecar.schemas.settings import STASHDB, Endpoint


class HardwareInfo(BaseModel):
    """What this container may use; sizes in MiB."""

    gpu_available: bool = Field(description="Models run on a GPU, not merely that there is one")
    gpu_name: str | None
    gpu_vram_mb: int | None
    cpu_cores: int
    memory_total_mb: int
    memory_available_mb: int
    storage_free_mb: int | None
    tier: str
    summary: str


class SystemInfo(BaseModel):
    """``GET /system/info``."""

    version: str
    uptime_seconds: int
    hardware: HardwareInfo
    warnings: list[str] = Field(description="What an administrator should repair")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": "0.1.2",
                    "uptime_seconds": 5400,
                    "hardware": {
                        "gpu_available": False,
                        "gpu_name": None,
                        "gpu_vram_mb": None,
                        "cpu_cores": 4,
                        "memory_total_mb": 8192,
                        "memory_available_mb": 5120,
                        "storage_free_mb": 40960,
                        "tier": "cpu",
                        "summary": "no GPU, 4 cores, 8192 MB RAM",
                    },
                    "warnings": [],
                }
            ]
        }
    )


class Connections(BaseModel):
    """``GET /system/stashbox-connections``."""

    connections: list[Endpoint]

    model_config = ConfigDict(json_schema_extra={"examples": [{"connections": [STASHDB]}]})


class Refreshed(Connections):
    """``POST /system/refresh-stashbox-config``."""

    endpoints_loaded: int

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "connections": [STASHDB],
                    "endpoints_loaded": 1,
                }
            ]
        }
    )
