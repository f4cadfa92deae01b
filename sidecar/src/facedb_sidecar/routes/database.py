"""``/database/*``: what is loaded, never what merely lies on the disk; and how another release comes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.routes.needs import PartsDep, ServingDep
from facedb_sidecar.schemas import database as schemas
from facedb_sidecar.schemas.errors import Detail

NOT_NOW: dict[int | str, dict[str, Any]] = {
    503: {"model": Detail, "description": "There is no updater here, or what it needs does not answer"}
}
REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": Detail, "description": "Already on latest version"},
    409: {"model": Detail, "description": "An update runs, or the version is pinned elsewhere"},
}
# Of the reference, while it has nothing loaded.
NO_SOURCES = ["stashdb.org"]

router = APIRouter(prefix="/database", tags=["database"], responses=COMMON)


@router.get("/info", summary="What is loaded")
async def info(serving: ServingDep) -> schemas.DatabaseInfo:
    """Version, counts and sources of the release that answers requests now; `unknown` while none does."""
    engine = serving.engine
    if engine is None:
        return schemas.DatabaseInfo(
            version="unknown", performer_count=0, face_count=0, sources=NO_SOURCES, created_at=None
        )
    return schemas.DatabaseInfo(
        version=engine.receipt.version,
        performer_count=engine.receipt.performer_count,
        face_count=engine.receipt.face_count,
        sources=list(engine.manifest.sources),
        created_at=engine.manifest.created_at,
        tattoo_embedding_count=engine.signals.tattooed_performers,
    )


@router.get("/check-update", summary="Is there a newer release?")
async def check_update(parts: PartsDep) -> schemas.UpdateCheck:
    """Ask the source, at most once in ten minutes; `error` says why nobody knows."""
    return schemas.UpdateCheck(**asdict(await parts.updates.check()))


@router.post("/update", summary="Bring the newest release", responses={**NOT_NOW, **REFUSED})
async def update(parts: PartsDep) -> schemas.UpdateStarted:
    """Begin an update in the background; identification goes on meanwhile."""
    return schemas.UpdateStarted(job_id=await parts.updates.start())


@router.get("/update/status", summary="How far the update is", responses=NOT_NOW)
async def update_status(parts: PartsDep) -> schemas.UpdateProgress:
    """Within one update neither the status nor the progress goes back."""
    return schemas.UpdateProgress(**asdict(await parts.updates.status()))
