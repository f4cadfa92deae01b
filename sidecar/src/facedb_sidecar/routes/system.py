"""``/system/*``: the machine as this container may use it, and the stash-boxes that Stash knows."""

from __future__ import annotations

import asyncio
import time

import psutil
from fastapi import APIRouter, HTTPException, Request

from facedb_sidecar.hardware import read_hardware
from facedb_sidecar.parts import Parts
from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.routes.boxes import endpoints_if_any, endpoints_of
from facedb_sidecar.routes.in_state import STATE, refused
from facedb_sidecar.routes.needs import PartsDep
from facedb_sidecar.schemas import system as schemas
from facedb_sidecar.stash.errors import StashError

router = APIRouter(prefix="/system", tags=["system"], responses={**COMMON, **STATE})

NO_STASH = "STASH_URL env var not set"


@router.get("/info", summary="The machine, as this sidecar may use it")
async def info(request: Request, parts: PartsDep) -> schemas.SystemInfo:
    """Version, uptime and hardware; the plugin's Settings page needs all of it."""
    return await asyncio.to_thread(_info, parts, str(request.app.version))


@router.get("/stashbox-connections", summary="The stash-boxes that Stash knows")
async def connections(parts: PartsDep) -> schemas.Connections:
    """The stash-boxes of Stash's settings; none while Stash does not answer."""
    return schemas.Connections(connections=await endpoints_if_any(parts))


@router.post(
    "/refresh-stashbox-config",
    summary="Ask Stash for its stash-boxes again",
    responses=refused(502, "Stash does not answer"),
)
async def refresh(parts: PartsDep) -> schemas.Refreshed:
    """Ask Stash again; they are never kept, so this only says whether it works."""
    if parts.stash is None:
        raise HTTPException(400, NO_STASH)
    try:
        found = await endpoints_of(parts)
    except StashError as error:
        raise HTTPException(502, error.message) from error
    return schemas.Refreshed(connections=found, endpoints_loaded=len(found))


def _info(parts: Parts, version: str) -> schemas.SystemInfo:
    settings = parts.settings
    hardware = read_hardware(settings.data_dir or settings.state_dir)
    engine = parts.serving.engine
    # What runs, not what was asked for; before anything runs, what was asked for.
    on_gpu = engine.models.device.provider.startswith("CUDA") if engine else settings.device == "gpu"
    gpu = hardware.gpu
    return schemas.SystemInfo(
        version=version,
        uptime_seconds=max(0, round(time.time() - psutil.Process().create_time())),
        hardware=schemas.HardwareInfo(
            gpu_available=gpu is not None and on_gpu,
            gpu_name=gpu.name if gpu else None,
            gpu_vram_mb=gpu.vram_mb if gpu else None,
            cpu_cores=hardware.cores,
            memory_total_mb=hardware.memory_total_mb,
            memory_available_mb=hardware.memory_available_mb,
            storage_free_mb=hardware.storage_free_mb,
            tier=hardware.tier(device="gpu" if on_gpu else "cpu").name,
            summary=hardware.summary,
        ),
        warnings=[parts.state.warning] if parts.state.warning else [],
    )
