"""What the queue sees → what it does next. Pure: no clock, no database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from facedb_sidecar.queue.jobs import Job, Status
from facedb_sidecar.queue.kinds import SLOTS, JobKind

# A job that took the process with it so often, without any progress, is not tried again by itself.
MOST_ATTEMPTS = 3


def next_jobs(
    jobs: Iterable[Job], kinds: Mapping[str, JobKind], slots: Mapping[str, int] = SLOTS
) -> tuple[Job, ...]:
    """Queued jobs to start now: by priority, then by age, as far as their resource has free slots.

    Args:
        jobs: all active ones; those that run take slots.
        kinds: that this process can run; jobs of others wait for a process that can.
        slots: by resource; a resource that is not named has one.
    """
    known = [job for job in jobs if job.type in kinds]
    taken = Counter(kinds[job.type].resource for job in known if job.status is not Status.QUEUED)
    chosen = []
    queued = (job for job in known if job.status is Status.QUEUED)
    for job in sorted(queued, key=lambda job: (job.priority, job.id)):
        resource = kinds[job.type].resource
        if taken[resource] < slots.get(resource, 1):
            taken[resource] += 1
            chosen.append(job)
    return tuple(chosen)


class TakenUp(Enum):
    """What becomes of a job whose process is gone."""

    AGAIN = "queued"
    CANCELLED = "cancelled"
    GIVEN_UP = "failed"


def take_up(job: Job) -> TakenUp:
    """Decide for a job that was running or stopping when its process ended."""
    # The user had asked for its end, and it has ended.
    if job.status is Status.STOPPING:
        return TakenUp.CANCELLED
    # It may be the job that ends the process: do not start the sidecar over and over for it.
    if job.attempts >= MOST_ATTEMPTS:
        return TakenUp.GIVEN_UP
    return TakenUp.AGAIN


@dataclass(frozen=True)
class Schedule:
    """When a kind of job runs by itself.

    Attributes:
        type: of the jobs.
        enabled: whether it does.
        interval: from one start to the next.
        priority: of its jobs.
        last_run: when it last queued a job; None: never.
        next_run: when it will; None: not planned.
    """

    type: str
    enabled: bool
    interval: timedelta
    priority: int
    last_run: datetime | None
    next_run: datetime | None


def due(schedules: Iterable[Schedule], now: datetime) -> tuple[Schedule, ...]:
    """Those whose time has come, the longest waiting first."""
    waiting = [(s.next_run, s.type, s) for s in schedules if s.enabled and s.next_run and s.next_run <= now]
    return tuple(schedule for _, _, schedule in sorted(waiting, key=lambda each: each[:2]))


def planned(schedule: Schedule, now: datetime) -> datetime | None:
    """The next run after a schedule was changed or has run: one interval after the last run, never at once.

    A schedule that slept through several intervals runs once, not once for each.
    """
    if not schedule.enabled:
        return None
    return max((schedule.last_run or now) + schedule.interval, now)
