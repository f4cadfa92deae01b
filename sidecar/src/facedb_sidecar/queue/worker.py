"""The queue: takes jobs in, runs them one worker at a time, ends them well. Made by parts.py.

Methods that routes call block and belong in a thread; ``start`` and ``close`` belong to the lifespan. The
loop looks at the table every few seconds, or at once when this process put something in.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from facedb_sidecar.queue import decide
from facedb_sidecar.queue.control import Handler, JobControl, JobFailed
from facedb_sidecar.queue.jobs import Job, Jobs, Status
from facedb_sidecar.queue.kinds import JobKind
from facedb_sidecar.queue.lease import Lease
from facedb_sidecar.queue.schedules import Schedules
from facedb_sidecar.state.errors import StateError
from facedb_sidecar.state.store import StateStore

log = logging.getLogger(__name__)


class UnknownType(Exception):
    """No job of this type can be run here."""


@dataclass(frozen=True)
class Pace:
    """Seconds.

    Attributes:
        tick: between looks at the table.
        lease: that a silent worker keeps its jobs.
        grace: that running jobs have at the end of the process before they are cut off.
    """

    tick: float = 2.0
    lease: float = 15.0
    grace: float = 15.0


@dataclass
class _Running:
    control: JobControl
    task: asyncio.Task[None]


class Queue:
    """Jobs of this database.

    Args:
        state: that the tables are in.
        pace: of the loop.
        refresh: also called at every look, in the same thread: preferences that another pod saved.
    """

    def __init__(
        self, state: StateStore, *, pace: Pace | None = None, refresh: Callable[[], None] | None = None
    ) -> None:
        self.jobs = Jobs(state.database, state.clock)
        self.schedules = Schedules(state.database, state.clock)
        # Unique among all workers that ever were: a pid alone is 1 in every container.
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._pace = pace or Pace()
        self._lease = Lease(state.database, self.owner, lasts_s=self._pace.lease)
        self._refresh = refresh
        self._kinds: dict[str, JobKind] = {}
        self._handlers: dict[str, Handler] = {}
        self._running: dict[int, _Running] = {}
        self._woken = asyncio.Event()
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.Task[None] | None = None

    @property
    def kinds(self) -> Mapping[str, JobKind]:
        """What can be run here, by type, in the order it was registered."""
        return self._kinds

    def register(self, kind: JobKind, handler: Handler) -> None:
        """Say how jobs of a kind are run; before ``start``."""
        self._kinds[kind.type] = kind
        self._handlers[kind.type] = handler

    def submit(
        self,
        kind: str,
        *,
        triggered_by: str = "user",
        priority: int | None = None,
        cursor: str | None = None,
    ) -> int | None:
        """Queue a job; None: one of this type is queued or running already.

        Raises:
            UnknownType: nobody here can run it.
            StateError: it could not be saved.
        """
        if kind not in self._kinds:
            raise UnknownType(f"Unknown job type: {kind}")
        chosen = self._kinds[kind].priority if priority is None else priority
        job_id = self.jobs.submit(kind, triggered_by, chosen, cursor)
        self.wake()
        return job_id

    def stop(self, job_id: int) -> Job | None:
        """Ask a job to stop; None without one."""
        job = self.jobs.stop(job_id)
        self.wake()
        return job

    def cancel(self, job_id: int) -> Job | None:
        """Ask a job to stop; one that is asked already is cut off. None without one."""
        job = self.jobs.cancel(job_id)
        self.wake()
        return job

    def wake(self) -> None:
        """Look at the table now; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    async def start(self) -> None:
        """Begin to run jobs; a state that cannot be written only delays that."""
        self._loop = asyncio.get_running_loop()
        self._looking = asyncio.create_task(self._look_on(), name="queue")

    async def close(self) -> None:
        """Ask running jobs to stop, put them back for the next process, give the lease back."""
        self._closing = True
        self._woken.set()
        if self._looking is not None:
            await self._looking
        for running in self._running.values():
            running.control.stop()
        tasks = {running.task for running in self._running.values()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._pace.grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await asyncio.to_thread(self._lease.release)
        except StateError as error:
            log.warning("The queue's lease was not given back: %s", error)

    async def _look_on(self) -> None:
        seeded = False
        trouble = ""
        while not self._closing:
            self._woken.clear()
            try:
                if not seeded:
                    await asyncio.to_thread(self.schedules.seed, list(self._kinds.values()))
                    seeded = True
                await self._look()
                trouble = ""
            except StateError as error:
                # Say it once, not every two seconds; what runs goes on.
                if error.message != trouble:
                    log.warning("The queue waits: %s", error)
                trouble = error.message
            except Exception:
                # The edge of the loop: a fault in one look must not end all background work.
                log.exception("The queue stumbled")
            try:
                await asyncio.wait_for(self._woken.wait(), self._pace.tick)
            except TimeoutError:
                continue

    async def _look(self) -> None:
        active = await asyncio.to_thread(self._see)
        ours = {job.id: job for job in active if job.owner == self.owner}
        for job_id, running in self._running.items():
            job = ours.get(job_id)
            if job is None:
                # Cancelled by a user, or taken over by another worker.
                running.task.cancel()
            elif job.status is Status.STOPPING:
                running.control.stop()
        if not self._lease.held:
            return
        for job in decide.next_jobs(active, self._kinds):
            if await asyncio.to_thread(self.jobs.start, job.id, self.owner):
                self._run(job)

    def _see(self) -> tuple[Job, ...]:
        """The active jobs, with the lease held where there is something to do."""
        if self._refresh is not None:
            self._refresh()
        self.schedules.queue_due(self._kinds)
        active = self.jobs.active()
        if not active and not self._running:
            self._lease.release()
            return ()
        held_before = self._lease.held
        if self._lease.hold() and not held_before:
            for job in self.jobs.take_over(self.owner, _taken_up):
                log.warning("Job %d (%s) was left by a worker that is gone", job.id, job.type)
            return self.jobs.active()
        return active

    def _run(self, job: Job) -> None:
        control = JobControl(job, self.jobs, self.owner)
        task = asyncio.create_task(self._handle(job, control), name=f"job-{job.id}")
        self._running[job.id] = _Running(control, task)
        task.add_done_callback(lambda _: self._running.pop(job.id, None))

    async def _handle(self, job: Job, control: JobControl) -> None:
        log.info("Job %d (%s) starts", job.id, job.type)
        try:
            await self._handlers[job.type](job, control)
        except asyncio.CancelledError:
            await self._save(lambda: self.jobs.put_back(job.id, self.owner))
        except JobFailed as error:
            log.warning("Job %d (%s) failed: %s", job.id, job.type, error)
            await self._end(job, Status.FAILED, str(error))
        except Exception as error:
            # The edge of a handler: whatever it throws ends its job only.
            log.exception("Job %d (%s) failed", job.id, job.type)
            await self._end(job, Status.FAILED, f"{type(error).__name__}: {error}")
        else:
            await self._ended(job, control)
        self.wake()

    async def _ended(self, job: Job, control: JobControl) -> None:
        if not control.should_stop:
            await self._end(job, Status.COMPLETED)
        elif self._closing:
            await self._save(lambda: self.jobs.put_back(job.id, self.owner))
        else:
            await self._end(job, Status.CANCELLED)

    async def _end(self, job: Job, status: Status, error: str | None = None) -> None:
        await self._save(lambda: self.jobs.finish(job.id, self.owner, status, error))
        log.info("Job %d (%s): %s", job.id, job.type, status.value)

    async def _save(self, step: Callable[[], bool]) -> None:
        try:
            await asyncio.to_thread(step)
        except StateError as error:
            # The row says that it runs; whoever holds the lease next takes it up.
            log.warning("The end of a job was not saved: %s", error)


def _taken_up(job: Job) -> Status:
    return Status(decide.take_up(job).value)
