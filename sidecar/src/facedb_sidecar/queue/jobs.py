"""The table of jobs: rows in the columns of the contract, and steps that only the job's owner can make.

A job that runs belongs to a worker (``owner``). What a worker writes about a job counts only while the job is
still its own: a worker that was thought dead cannot overwrite what its successor does.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from facedb_sidecar.state.database import Database
from facedb_sidecar.state.times import Clock, to_text

# Finished jobs that are kept; the plugin shows 20.
HISTORY = 500

COLUMNS = (
    "id, type, status, priority, cursor, items_total, items_processed, error_message, triggered_by,"
    " created_at, started_at, completed_at, owner, attempts"
)


class Status(Enum):
    """How far a job is. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ACTIVE = (Status.QUEUED, Status.RUNNING, Status.STOPPING)


@dataclass(frozen=True)
class Job:
    """A row. Moments are texts in UTC; ``attempts``: starts without progress since."""

    id: int
    type: str
    status: Status
    priority: int
    cursor: str | None
    items_total: int | None
    items_processed: int
    error_message: str | None
    triggered_by: str
    created_at: str
    started_at: str | None
    completed_at: str | None
    owner: str | None = None
    attempts: int = 0


class Jobs:
    """The table. Every method may raise StateError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def submit(self, kind: str, triggered_by: str, priority: int, cursor: str | None) -> int | None:
        """Queue a job; None: one of this type is queued or running already."""
        with self._database.write() as connection:
            row = connection.execute(
                "INSERT OR IGNORE INTO facedb_jobs (type, status, priority, cursor, triggered_by, created_at)"
                " VALUES (?, 'queued', ?, ?, ?, ?) RETURNING id",
                (kind, priority, cursor, triggered_by, self._now()),
            ).fetchone()
        return None if row is None else int(row[0])

    def get(self, job_id: int) -> Job | None:
        """One job."""
        found = self._select("WHERE id = ?", (job_id,))
        return found[0] if found else None

    def find(self, *, status: str | None = None, kind: str | None = None, limit: int = 50) -> tuple[Job, ...]:
        """Jobs, the newest first."""
        return self._select(
            "WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR type = ?2) ORDER BY id DESC LIMIT ?3",
            (status, kind, limit),
        )

    def active(self) -> tuple[Job, ...]:
        """Those that are not finished, oldest first."""
        return self._select("WHERE status IN ('queued', 'running', 'stopping') ORDER BY id", ())

    def start(self, job_id: int, owner: str) -> bool:
        """Take a queued job; False: somebody else took or cancelled it."""
        return self._step(
            "UPDATE facedb_jobs SET status = 'running', owner = ?, started_at = ?, error_message = NULL,"
            " attempts = attempts + 1 WHERE id = ? AND status = 'queued'",
            (owner, self._now(), job_id),
        )

    def progress(self, job_id: int, owner: str, *, done: int, total: int | None) -> bool:
        """Save how far it is; False: the job is not the owner's any more."""
        return self._step(
            "UPDATE facedb_jobs SET items_processed = ?, items_total = coalesce(?, items_total),"
            " attempts = CASE WHEN items_processed < ? THEN 0 ELSE attempts END"
            " WHERE id = ? AND owner = ? AND status IN ('running', 'stopping')",
            (done, total, done, job_id, owner),
        )

    def save_cursor(self, job_id: int, owner: str, cursor: str, *, done: int, total: int | None) -> bool:
        """Save from where it goes on after a restart; False as for progress."""
        return self._step(
            "UPDATE facedb_jobs SET cursor = ?, items_processed = ?,"
            " items_total = coalesce(?, items_total), attempts = 0"
            " WHERE id = ? AND owner = ? AND status IN ('running', 'stopping')",
            (cursor, done, total, job_id, owner),
        )

    def finish(self, job_id: int, owner: str, status: Status, error: str | None = None) -> bool:
        """End it; False as for progress."""
        with self._database.write() as connection:
            ended = connection.execute(
                "UPDATE facedb_jobs SET status = ?, error_message = ?, completed_at = ?, owner = NULL"
                " WHERE id = ? AND owner = ? AND status IN ('running', 'stopping')",
                (status.value, error, self._now(), job_id, owner),
            ).rowcount
            connection.execute(_FORGET, (HISTORY,))
        return ended > 0

    def put_back(self, job_id: int, owner: str) -> bool:
        """Queue a running job again, for the next process; one that a user stops is cancelled."""
        return self._step(
            "UPDATE facedb_jobs SET owner = NULL, attempts = 0,"
            " completed_at = CASE WHEN status = 'stopping' THEN ? END,"
            " status = CASE WHEN status = 'stopping' THEN 'cancelled' ELSE 'queued' END"
            " WHERE id = ? AND owner = ? AND status IN ('running', 'stopping')",
            (self._now(), job_id, owner),
        )

    def stop(self, job_id: int) -> Job | None:
        """Cancel a queued job, ask a running one to stop; the job afterwards, None without one."""
        return self._end(
            job_id,
            "UPDATE facedb_jobs SET completed_at = CASE WHEN status = 'queued' THEN ?1 END,"
            " status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE 'stopping' END"
            " WHERE id = ?2 AND status IN ('queued', 'running')",
        )

    def cancel(self, job_id: int) -> Job | None:
        """As stop; one that is stopping already is cancelled at once, and its worker lets go of it."""
        return self._end(
            job_id,
            "UPDATE facedb_jobs SET completed_at = CASE WHEN status = 'running' THEN NULL ELSE ?1 END,"
            " owner = CASE WHEN status = 'running' THEN owner END,"
            " status = CASE WHEN status = 'running' THEN 'stopping' ELSE 'cancelled' END"
            " WHERE id = ?2 AND status IN ('queued', 'running', 'stopping')",
        )

    def take_over(self, owner: str, decide: Callable[[Job], Status]) -> tuple[Job, ...]:
        """Decide about each job that another worker left running; returns them as they were found."""
        with self._database.write() as connection:
            left = _rows(connection, "WHERE status IN ('running', 'stopping') AND owner IS NOT ?", (owner,))
            for job in left:
                after = decide(job)
                ended = None if after is Status.QUEUED else self._now()
                says = _GAVE_UP if after is Status.FAILED else None
                connection.execute(
                    "UPDATE facedb_jobs SET status = ?, owner = NULL, completed_at = ?, error_message = ?"
                    " WHERE id = ?",
                    (after.value, ended, says, job.id),
                )
        return left

    def clear_history(self) -> int:
        """Delete the finished jobs; returns how many."""
        with self._database.write() as connection:
            return connection.execute(
                "DELETE FROM facedb_jobs WHERE status IN ('completed', 'failed', 'cancelled')"
            ).rowcount

    def _now(self) -> str:
        return to_text(self._clock())

    def _step(self, statement: str, values: Sequence[object]) -> bool:
        with self._database.write() as connection:
            return connection.execute(statement, values).rowcount > 0

    def _end(self, job_id: int, statement: str) -> Job | None:
        with self._database.write() as connection:
            connection.execute(statement, (self._now(), job_id))
            found = _rows(connection, "WHERE id = ?", (job_id,))
        return found[0] if found else None

    def _select(self, rest: str, values: Sequence[object]) -> tuple[Job, ...]:
        with self._database.read() as connection:
            return _rows(connection, rest, values)


_GAVE_UP = "The sidecar ended several times while this job ran, without progress. See its logs, then retry"

_FORGET = """
DELETE FROM facedb_jobs WHERE id IN (
    SELECT id FROM facedb_jobs WHERE status IN ('completed', 'failed', 'cancelled')
    ORDER BY id DESC LIMIT -1 OFFSET ?
)
"""


def _rows(connection: sqlite3.Connection, rest: str, values: Sequence[object]) -> tuple[Job, ...]:
    # ``rest`` is one of the literals above.
    rows = connection.execute(f"SELECT {COLUMNS} FROM facedb_jobs {rest}", values)  # noqa: S608
    return tuple(Job(row[0], row[1], Status(row[2]), *row[3:]) for row in rows)
