"""``/database/*``: what is loaded, never what merely lies on the disk; and how another release comes."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.routes.needs import PartsDep, ServingDep
from facedb_sidecar.schemas import database as schemas
from facedb_sidecar.schemas.errors import Detail
from facedb_sidecar.updater import Check, Unreachable

NOT_NOW: dict[int | str, dict[str, Any]] = {
    503: {"model": Detail, "description": "There is no updater here, or what it needs does not answer"}
}
REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": Detail, "description": "Already on latest version"},
    409: {"model": Detail, "description": "An update runs, or this cannot be had now; the detail says why"},
}
NO_SUCH: dict[int | str, dict[str, Any]] = {404: {"model": Detail, "description": "No such version is kept"}}
# Of the reference, while it has nothing loaded.
NO_SOURCES = ["stashdb.org"]
# The plugin waits 30 s for a check and 10 s for a start; a source that hangs is waited for longer.
CHECK_WITHIN_S = 25.0
START_WITHIN_S = 8.0

log = logging.getLogger(__name__)

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
    try:
        found = await asyncio.wait_for(parts.updates.check(), CHECK_WITHIN_S)
    except TimeoutError:
        engine = parts.serving.engine
        why = f"The source has not answered within {CHECK_WITHIN_S:g} s. Ask again in some minutes."
        found = Check(current_version=engine.receipt.version if engine else None, error=why)
    return schemas.UpdateCheck(**asdict(found))


@router.post("/update", summary="Bring the newest release", responses={**NOT_NOW, **REFUSED})
async def update(
    parts: PartsDep,
    version: Annotated[
        str | None,
        Query(max_length=20, description="The one that was shown: another one is refused with 409."),
    ] = None,
) -> schemas.UpdateStarted:
    """Begin an update in the background, or approve what waits in a channel; identification goes on."""
    # Not cancelled when nobody waits any more: it may hold the lock of the releases already.
    starting = asyncio.ensure_future(parts.updates.start(version))
    try:
        return schemas.UpdateStarted(job_id=await asyncio.wait_for(asyncio.shield(starting), START_WITHIN_S))
    except TimeoutError as error:
        starting.add_done_callback(_log_end)
        raise Unreachable(
            f"The source has not answered within {START_WITHIN_S:g} s. The update begins once it does; its "
            "status tells."
        ) from error


@router.get("/update/status", summary="How far the update is", responses=NOT_NOW)
async def update_status(parts: PartsDep) -> schemas.UpdateProgress:
    """Within one update neither the status nor the progress goes back."""
    return schemas.UpdateProgress(**asdict(await parts.updates.status()))


@router.get("/overview", summary="All of the database's page", responses=NOT_NOW)
async def overview(parts: PartsDep) -> schemas.DatabaseOverview:
    """What serves, what moves, what may be asked for, and what an update interrupts; asks no source."""
    found = await parts.updates.overview()
    engine = parts.serving.engine
    active = None
    if engine is not None:
        receipt = engine.receipt
        active = schemas.LoadedRelease(
            version=receipt.version,
            performer_count=receipt.performer_count,
            face_count=receipt.face_count,
            created_at=engine.manifest.created_at,
        )
    facts = asdict(found)
    movement = facts.pop("rollout")
    rollout = schemas.Rollout(**movement.pop("status"), **movement)
    return schemas.DatabaseOverview(**facts, active=active, rollout=rollout)


@router.post("/retry", summary="Try again what failed", responses={**NOT_NOW, **REFUSED, **NO_SUCH})
async def retry(parts: PartsDep) -> schemas.UpdateStarted:
    """At home the newest release, or the way back; in a cluster the operator is given a new retry token."""
    return schemas.UpdateStarted(job_id=await parts.updates.retry())


@router.post("/rollback", summary="Go back to a kept release", responses={**NOT_NOW, **REFUSED, **NO_SUCH})
async def rollback(parts: PartsDep, wanted: schemas.Rollback) -> schemas.UpdateStarted:
    """Without a download. In a cluster the spec stays; the database is not Ready until they agree."""
    return schemas.UpdateStarted(job_id=await parts.updates.rollback(wanted.version))


def _log_end(starting: asyncio.Future[str]) -> None:
    """A start that nobody waits for any more."""
    if not starting.cancelled() and (error := starting.exception()) is not None:
        log.warning("The update did not begin: %s", error)
