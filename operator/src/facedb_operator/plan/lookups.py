"""Asking a source what there is: which Job comes next, and what the last one answered. Pure.

A question's key stands for what is asked and for the answer that came before, so that an operator that is
killed asks nothing twice, and an answer that is in status is never read again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from facedb_operator.facts import FetchJob, JobState, Observed
from facedb_operator.names import Reason
from facedb_operator.plan.retries import retry_delay
from facedb_operator.record import Available, parse_time
from facedb_operator.steps import DeleteJob, StartLookup, Step
from facedb_release.outcome import Outcome

LOOK_AGAIN = timedelta(seconds=2)


@dataclass(frozen=True)
class Question:
    """What is asked. ``wanted`` is a version, ``latest`` or a range."""

    key: str
    wanted: str


@dataclass(frozen=True)
class Found:
    """The source's answer, and when it came."""

    outcome: Outcome
    at: datetime


@dataclass(frozen=True)
class Pending:
    """There is no answer yet.

    Attributes:
        steps: what brings one.
        failure: how the last attempt ended, if one has; None in it for a Job that died without a word.
        attempt: how many attempts there were.
    """

    reason: str
    message: str
    again: timedelta
    steps: tuple[Step, ...] = ()
    failed: bool = False
    failure: Outcome | None = None
    attempt: int = 0


def ask(seen: Observed, question: Question, *, when_refused: timedelta) -> Found | Pending:
    """The answer, or the next step towards it.

    Args:
        seen: what there is.
        question: what is asked.
        when_refused: how long a permanent failure counts before the source is asked again.
    """
    jobs = sorted((j for j in seen.lookups if j.key == question.key), key=lambda j: j.attempt)
    if not jobs:
        start = StartLookup(question.key, question.wanted)
        return Pending(Reason.LOOKING_UP, _asking(question), LOOK_AGAIN, (start,))
    job = jobs[-1]
    if job.deleting:
        return Pending(Reason.LOOKING_UP, f"Waiting for Job {job.name} to go away.", LOOK_AGAIN)
    if job.state is JobState.RUNNING:
        if job.blocked:
            return Pending(Reason.FETCH_STUCK, f"Job {job.name} cannot start: {job.blocked}", LOOK_AGAIN)
        return Pending(Reason.LOOKING_UP, _asking(question), LOOK_AGAIN)
    if job.state is JobState.SUCCEEDED and job.outcome is not None and job.outcome.ok and job.outcome.version:
        return Found(job.outcome, job.finished_at or seen.now)
    return _again_later(seen, question, job, when_refused)


def offered(found: Found, question: str, old: Available | None, now: datetime) -> Available:
    """What the source offers, for status to remember.

    Args:
        found: its answer.
        question: stands for what was asked.
        old: what it offered before: a version keeps the moment when it was first seen.
        now: the moment of this pass.
    """
    said = found.outcome
    version = str(said.version)
    return Available(
        version=version,
        seen_at=old.seen_at if old is not None and old.version == version else now,
        checked_at=found.at,
        question=question,
        unpacked_bytes=said.bytes_unpacked,
        name=said.name,
        url=said.url,
        published_at=_moment(said.published_at),
    )


def outdated(seen: Observed, asked: frozenset[str]) -> tuple[Step, ...]:
    """Delete lookup Jobs of other questions than those, and attempts that another one has followed."""
    followed = {
        j.name for j in seen.lookups if any(k.key == j.key and k.attempt > j.attempt for k in seen.lookups)
    }
    return tuple(
        DeleteJob(j.name)
        for j in seen.lookups
        if not j.deleting and (j.key not in asked or (j.name in followed and j.state is not JobState.RUNNING))
    )


def _asking(question: Question) -> str:
    return f"Asking the source for {question.wanted}."


def _again_later(seen: Observed, question: Question, job: FetchJob, when_refused: timedelta) -> Pending:
    said = job.outcome if job.outcome is not None and not job.outcome.ok else None
    reason = said.reason if said else Reason.FETCH_DIED
    died = job.died or "killed or evicted"
    why = said.message if said else f"Job {job.name} ended without an answer ({died})."
    refused = said is not None and said.permanent
    delay = when_refused if refused else min(retry_delay(job.attempt, said), when_refused)
    next_at = (job.finished_at or seen.now) + delay
    if seen.now < next_at:
        message = f"{why} Attempt {job.attempt} at {question.wanted} failed; next at {next_at:%H:%M:%S} UTC."
        return Pending(reason, message, next_at - seen.now, (), True, said, job.attempt)
    message = f"{why} Starting attempt {job.attempt + 1} at {question.wanted}."
    steps = (StartLookup(question.key, question.wanted, job.attempt + 1), DeleteJob(job.name))
    return Pending(reason, message, LOOK_AGAIN, steps, True, said, job.attempt)


def _moment(text: str | None) -> datetime | None:
    """When the source says that it was published, if that can be read."""
    try:
        found = parse_time(text) if text else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
