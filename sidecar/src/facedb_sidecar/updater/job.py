"""The queue's `database_update`: starts an update and stays until that has really ended."""

from __future__ import annotations

from contextlib import suppress

from facedb_sidecar.queue.control import JobControl, JobFailed
from facedb_sidecar.queue.jobs import Job
from facedb_sidecar.refusals import Refusal
from facedb_sidecar.updater import InProgress, Unreachable, UpdateBackend, UpdateStatus
from facedb_sidecar.updater.machine import ACTIVE, Status

POLL_S = 1.0
MOST_SILENT = 60
BY_SCHEDULE = "schedule"


async def run_as_job(updates: UpdateBackend, job: Job, control: JobControl) -> None:
    """Update to the newest release, if there is one.

    Started by a schedule, it leaves alone a release that was refused before.

    Raises:
        JobFailed: the update failed, cannot be begun, or nobody knows whether there is one.
    """
    try:
        if (await updates.status()).status not in ACTIVE:
            found = await updates.check()
            if found.error is not None:
                raise JobFailed(found.error)
            if not found.update_available or (job.triggered_by == BY_SCHEDULE and found.refused is not None):
                return
            # Where somebody else was faster, theirs is as good.
            with suppress(InProgress):
                await updates.start()
        last = await _until_over(updates, control)
    except Refusal as refused:
        raise JobFailed(refused.detail) from refused
    if last.status is Status.FAILED:
        raise JobFailed(last.error or "The update failed.")


async def _until_over(updates: UpdateBackend, control: JobControl) -> UpdateStatus:
    """Follow the update; one that goes on after the job was stopped ends by itself."""
    now, silent = UpdateStatus(), 0
    while True:
        try:
            now, silent = await updates.status(), 0
        except Unreachable:
            # The API server of a small cluster is away now and then; the update goes on meanwhile.
            silent += 1
            if silent > MOST_SILENT:
                raise
        await control.progress(now.progress_pct, 100)
        if (silent == 0 and now.status not in ACTIVE) or await control.wait(POLL_S):
            return now
