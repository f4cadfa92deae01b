"""``/recommendations/fingerprints/*``: which scenes the database has seen, and the job for the rest."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException

from facedb_sidecar.parts import Parts
from facedb_sidecar.queue import FINGERPRINT_GENERATION, Job, Status, UnknownType
from facedb_sidecar.queue.kinds import HIGH
from facedb_sidecar.queue.tally import Tally, read_tally
from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.routes.in_state import STATE, in_state, refused
from facedb_sidecar.routes.needs import PartsDep
from facedb_sidecar.routes.system import NO_STASH
from facedb_sidecar.schemas import fingerprints as schemas
from facedb_sidecar.schemas.queue import Message, Queued

router = APIRouter(
    prefix="/recommendations/fingerprints", tags=["fingerprints"], responses={**COMMON, **STATE}
)

KIND = FINGERPRINT_GENERATION.type
UNCONFIRMED = "Must set confirm=true to refresh all fingerprints"
NO_SCENES = "Must provide scene_ids list. To refresh all, use /fingerprints/refresh-all"


@router.get("/status", summary="Which scenes have been seen, and by which release")
async def status(parts: PartsDep) -> schemas.FingerprintStatus:
    """How many scenes have been seen, and by which database; the dashboard reads the version here first."""
    engine = parts.serving.engine
    version = engine.receipt.version if engine else None
    counts = await in_state(parts.state.fingerprints.counts, version)
    newest = await _newest(parts)
    return schemas.FingerprintStatus(
        total_fingerprints=counts.total,
        complete_fingerprints=counts.complete,
        pending_fingerprints=0,
        error_fingerprints=counts.error,
        current_db_version=version,
        current_version_count=counts.current if version else None,
        needs_refresh_count=counts.needs_refresh if version else None,
        generation_running=newest is not None and newest.status in (Status.RUNNING, Status.STOPPING),
        generation_progress=_progress(newest) if newest else None,
    )


@router.post(
    "/generate", summary="See the scenes that are left", responses=refused(409, "It runs or is queued")
)
async def generate(parts: PartsDep, wanted: schemas.Generate) -> Queued:
    """Queue the job; scenes that the loaded database has seen are passed over."""
    if parts.stash is None:
        raise HTTPException(400, NO_STASH)
    cursor = Tally(**wanted.model_dump()).to_text()
    try:
        job_id = await in_state(parts.queue.submit, KIND, priority=HIGH, cursor=cursor)
    except UnknownType as error:
        raise HTTPException(400, str(error)) from error
    if job_id is None:
        raise HTTPException(409, "Fingerprint generation already running or queued")
    return Queued(job_id=job_id, message="Fingerprint generation queued")


@router.post("/stop", summary="Stop seeing scenes")
async def stop(parts: PartsDep) -> Message:
    """Stop the job; what is done stays."""
    newest = await _newest(parts)
    if newest is None or newest.status not in (Status.QUEUED, Status.RUNNING, Status.STOPPING):
        return Message(message="No fingerprint generation running")
    await in_state(parts.queue.stop, newest.id)
    return Message(message="Stop requested")


@router.get("/progress", summary="How far the scenes are")
async def progress(parts: PartsDep) -> schemas.FingerprintProgress:
    """Of the newest generation."""
    newest = await _newest(parts)
    if newest is None:
        return schemas.FingerprintProgress(
            status="idle", message="No fingerprint generation has been started"
        )
    return _progress(newest)


@router.post("/refresh", summary="See some scenes again next time", responses=refused(400, NO_SCENES))
async def refresh(
    parts: PartsDep, scene_ids: Annotated[schemas.SceneIds | None, Body(examples=[[41, 42]])] = None
) -> schemas.Marked:
    """Count these scenes as stale, so that the next generation does them again."""
    if scene_ids is None:
        raise HTTPException(400, NO_SCENES)
    marked = await in_state(
        parts.state.fingerprints.mark_for_refresh, [str(scene_id) for scene_id in scene_ids]
    )
    return schemas.Marked(marked_for_refresh=marked, scene_ids=scene_ids)


@router.post("/refresh-all", summary="See every scene again next time", responses=refused(400, UNCONFIRMED))
async def refresh_all(parts: PartsDep, confirm: bool = False) -> schemas.AllMarked:
    """Count every scene as stale."""
    if not confirm:
        raise HTTPException(400, UNCONFIRMED)
    marked = await in_state(parts.state.fingerprints.mark_for_refresh, None)
    return schemas.AllMarked(
        marked_for_refresh=marked, message=f"All {marked} fingerprints marked for refresh"
    )


async def _newest(parts: Parts) -> Job | None:
    found = await in_state(parts.queue.jobs.find, kind=KIND, limit=1)
    return found[0] if found else None


def _progress(job: Job) -> schemas.FingerprintProgress:
    tally = read_tally(job.cursor)
    total = job.items_total or 0
    part = 100.0 * job.items_processed / total if total else 0.0
    return schemas.FingerprintProgress(
        status=job.status.value,
        total_scenes=total,
        processed_scenes=job.items_processed,
        successful=tally.successful,
        failed=tally.failed,
        skipped=tally.skipped,
        progress_pct=100.0 if job.status is Status.COMPLETED else round(min(part, 100.0), 1),
        current_scene_id=tally.after if tally.after > 0 else None,
        error_message=job.error_message,
    )
