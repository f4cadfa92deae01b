# ruff: noqa: A005 (absolute imports only: nobody gets this for the standard library's queue)
"""``/queue*``: background jobs and their schedules, for the plugin's Operations tab."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query

from facedb_sidecar.queue import Job, JobKind, Queue, Status, UnknownType
from facedb_sidecar.queue.decide import Schedule
from facedb_sidecar.queue.kinds import words
from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.routes.in_state import STATE, in_state, missing, refused
from facedb_sidecar.routes.needs import PartsDep
from facedb_sidecar.schemas import queue as schemas
from facedb_sidecar.state.times import to_text

router = APIRouter(prefix="/queue", tags=["queue"], responses={**COMMON, **STATE})

JobId = Annotated[int, Path(ge=-schemas.LARGEST, le=schemas.LARGEST)]

TAKEN = refused(409, "One of this type is queued or running")
NO_JOB = missing("There is no such job")


@router.get("", summary="The jobs")
async def jobs(
    parts: PartsDep,
    status: Annotated[str | None, Query(max_length=100)] = None,
    type: Annotated[str | None, Query(max_length=100)] = None,  # noqa: A002 (the contract's name)
    limit: Annotated[int, Query(ge=0, le=1000)] = 50,
) -> schemas.JobList:
    """Jobs, the newest first."""
    found = await in_state(parts.queue.jobs.find, status=status, kind=type, limit=limit)
    return schemas.JobList(jobs=[_row(job) for job in found])


@router.post("", summary="Queue a job", responses=TAKEN)
async def submit(parts: PartsDep, new: schemas.NewJob) -> schemas.Queued:
    """Queue a job."""
    job_id = await _submit(parts.queue, new)
    if job_id is None:
        raise HTTPException(409, f"Job of type '{new.type}' is already queued or running")
    return schemas.Queued(job_id=job_id, message=f"Job queued: {new.type}")


@router.get("/status", summary="How much is to do")
async def status(parts: PartsDep) -> schemas.QueueStatus:
    """How much is to do."""
    active = await in_state(parts.queue.jobs.active)
    running = [_row(job) for job in active if job.status is not Status.QUEUED]
    return schemas.QueueStatus(queued=len(active) - len(running), running=len(running), running_jobs=running)


@router.get("/types", summary="What can be queued")
async def types(parts: PartsDep) -> schemas.JobTypes:
    """What this sidecar can run."""
    return schemas.JobTypes(types=[_type(kind) for kind in parts.queue.kinds.values()])


@router.get("/schedules", summary="When jobs run by themselves")
async def schedules(parts: PartsDep) -> schemas.ScheduleList:
    """When jobs run by themselves; a new sidecar has them all disabled."""
    queue = parts.queue
    found = await in_state(queue.schedules.all)
    return schemas.ScheduleList(schedules=[_schedule(s) for s in found if s.type in queue.kinds])


@router.put(
    "/schedules/{type}",
    summary="Change when a job runs by itself",
    responses=missing("There is no such type of job"),
)
async def set_schedule(
    parts: PartsDep,
    type: str,  # noqa: A002 (the contract's name)
    new: schemas.NewSchedule,
) -> schemas.Message:
    """Change a schedule; the next run is one interval after the last."""
    kind = parts.queue.kinds.get(type)
    if kind is None:
        raise HTTPException(404, f"Unknown job type: {type}")
    priority = kind.priority if new.priority is None else new.priority
    interval = timedelta(hours=new.interval_hours)
    put = parts.queue.schedules.put
    await in_state(put, type, enabled=new.enabled, interval=interval, priority=priority)
    return schemas.Message(message=f"Schedule updated for {type}")


# Before /{id}, which would take the name for a number.
@router.delete("/history", summary="Forget the jobs that have ended")
async def clear_history(parts: PartsDep) -> schemas.Message:
    """Forget the jobs that have ended."""
    count = await in_state(parts.queue.jobs.clear_history)
    return schemas.Message(message=f"Cleared {count} job(s) from history")


@router.get("/{job_id}", summary="One job", responses=NO_JOB)
async def job(parts: PartsDep, job_id: JobId) -> schemas.JobRow:
    """One job."""
    return _row(_there(await in_state(parts.queue.jobs.get, job_id)))


@router.delete("/{job_id}", summary="Cancel a job", responses=NO_JOB)
async def cancel(parts: PartsDep, job_id: JobId) -> schemas.Message:
    """Cancel a queued job; a running one is asked to stop, and the second time cut off."""
    after = _there(await in_state(parts.queue.cancel, job_id))
    return schemas.Message(message=_ending(after))


@router.post("/{job_id}/stop", summary="Ask a job to stop", responses=NO_JOB)
async def stop(parts: PartsDep, job_id: JobId) -> schemas.Message:
    """Cancel a queued job, ask a running one to stop."""
    after = _there(await in_state(parts.queue.stop, job_id))
    return schemas.Message(message=_ending(after))


@router.post("/{job_id}/retry", summary="Queue a failed job again", responses={**NO_JOB, **TAKEN})
async def retry(parts: PartsDep, job_id: JobId) -> schemas.Queued:
    """Queue a job again that failed or was cancelled; it goes on where it had stopped."""
    before = _there(await in_state(parts.queue.jobs.get, job_id))
    if before.status not in (Status.FAILED, Status.CANCELLED):
        raise HTTPException(400, "Can only retry failed or cancelled jobs")
    new = schemas.NewJob.model_construct(
        type=before.type, triggered_by="user", priority=None, cursor=before.cursor
    )
    new_id = await _submit(parts.queue, new)
    if new_id is None:
        raise HTTPException(409, "Job already queued")
    return schemas.Queued(job_id=new_id, message="Job re-queued")


async def _submit(queue: Queue, new: schemas.NewJob) -> int | None:
    try:
        return await in_state(
            queue.submit,
            new.type,
            triggered_by=new.triggered_by,
            priority=new.priority,
            cursor=new.cursor,
        )
    except UnknownType as error:
        raise HTTPException(400, str(error)) from error


def _there(found: Job | None) -> Job:
    if found is None:
        raise HTTPException(404, "Job not found")
    return found


def _ending(after: Job) -> str:
    if after.status is Status.STOPPING:
        return "Stop requested"
    return "Job cancelled" if after.status is Status.CANCELLED else f"Job is already {after.status.value}"


def _row(found: Job) -> schemas.JobRow:
    # The columns of the contract have the names of the table's.
    columns = {name: getattr(found, name) for name in schemas.JobRow.model_fields if name != "status"}
    return schemas.JobRow(status=found.status.value, **columns)


def _type(kind: JobKind) -> schemas.JobType:
    return schemas.JobType(
        type_id=kind.type,
        display_name=kind.label,
        description=kind.description,
        resource=kind.resource,
        default_priority=kind.priority,
        supports_incremental=kind.supports_incremental,
        schedulable=kind.schedulable,
        default_interval_hours=kind.default_interval_hours,
        allowed_intervals=[schemas.Interval(hours=hours, label=words(hours)) for hours in kind.intervals],
    )


def _schedule(schedule: Schedule) -> schemas.ScheduleRow:
    return schemas.ScheduleRow(
        type=schedule.type,
        enabled=schedule.enabled,
        interval_hours=schedule.interval.total_seconds() / 3600,
        priority=schedule.priority,
        last_run_at=to_text(schedule.last_run) if schedule.last_run else None,
        next_run_at=to_text(schedule.next_run) if schedule.next_run else None,
    )
