"""The parts of the sidecar → a queue that runs their jobs. Called by parts.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from facedb_sidecar.queue.control import JobControl
from facedb_sidecar.queue.jobs import Job
from facedb_sidecar.queue.kinds import DATABASE_UPDATE
from facedb_sidecar.updater.job import run_as_job

if TYPE_CHECKING:
    from facedb_sidecar.parts import Parts


@asynccontextmanager
async def run_queue(parts: Parts) -> AsyncIterator[None]:
    """Say how each kind of job is run, and run jobs until the end of the block."""

    async def update(job: Job, control: JobControl) -> None:
        await run_as_job(parts.updates, job, control)

    parts.queue.register(DATABASE_UPDATE, update)
    await parts.queue.start()
    try:
        yield
    finally:
        await parts.queue.close()
