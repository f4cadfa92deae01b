"""What a job's handler holds on to: it says how far it is, and learns that it should stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from facedb_sidecar.queue.jobs import Job, Jobs

# A progress bar that the plugin asks for every 3 s need not be written more often.
PROGRESS_EVERY_S = 1.0


class JobFailed(Exception):
    """The job cannot be done; the message is for the user. Other exceptions fail it too, and are logged."""


class JobControl:
    """One run of one job.

    Args:
        job: as it was started.
        jobs: the table.
        owner: the worker's name.
    """

    def __init__(self, job: Job, jobs: Jobs, owner: str) -> None:
        self.job = job
        self._jobs = jobs
        self._owner = owner
        self._stopping = asyncio.Event()
        self._written_s = 0.0

    @property
    def should_stop(self) -> bool:
        """Whether the handler should return soon: a user stopped the job, or the process ends."""
        return self._stopping.is_set()

    async def wait(self, seconds: float) -> bool:
        """Wait, but not beyond the moment that the job should stop; returns should_stop."""
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def progress(self, done: int, total: int | None = None) -> None:
        """Say how far the job is; written at most once a second, the last step always.

        Raises:
            StateError: it could not be saved.
        """
        if time.monotonic() - self._written_s < PROGRESS_EVERY_S and done != total:
            return
        await self._write(lambda: self._jobs.progress(self.job.id, self._owner, done=done, total=total))

    async def save_cursor(self, cursor: str, done: int, total: int | None = None) -> None:
        """Save from where a process that comes after this one goes on; written at once.

        Raises:
            StateError: it could not be saved.
        """
        await self._write(
            lambda: self._jobs.save_cursor(self.job.id, self._owner, cursor, done=done, total=total)
        )

    def stop(self) -> None:
        """For the queue: ask the handler to stop."""
        self._stopping.set()

    async def _write(self, step: Callable[[], bool]) -> None:
        still_ours = await asyncio.to_thread(step)
        self._written_s = time.monotonic()
        if not still_ours:
            self.stop()


Handler = Callable[[Job, JobControl], Awaitable[None]]
