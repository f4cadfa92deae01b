"""The table of schedules: which kinds of jobs run by themselves, and when. Created disabled."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from facedb_sidecar.queue import decide
from facedb_sidecar.queue.decide import Schedule
from facedb_sidecar.queue.kinds import JobKind
from facedb_sidecar.state.database import Database
from facedb_sidecar.state.times import Clock, from_text, to_text

A_WEEK_H = 168


class Schedules:
    """The table. Every method may raise StateError."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def seed(self, kinds: Iterable[JobKind]) -> None:
        """Make the missing ones, disabled; those that are there stay."""
        there = {schedule.type for schedule in self.all()}
        missing = [
            (kind.type, kind.default_interval_hours or A_WEEK_H, kind.priority)
            for kind in kinds
            if kind.schedulable and kind.type not in there
        ]
        if missing:
            with self._database.write() as connection:
                connection.executemany(
                    "INSERT OR IGNORE INTO facedb_schedules (type, enabled, interval_hours, priority)"
                    " VALUES (?, 0, ?, ?)",
                    missing,
                )

    def all(self) -> tuple[Schedule, ...]:
        """Every schedule, by type."""
        with self._database.read() as connection:
            return _rows(connection)

    def put(self, kind: str, *, enabled: bool, interval: timedelta, priority: int) -> Schedule:
        """Change one, or make it."""
        now = self._clock()
        with self._database.write() as connection:
            before = {schedule.type: schedule for schedule in _rows(connection)}.get(kind)
            last = before.last_run if before else None
            changed = Schedule(kind, enabled, interval, priority, last, None)
            changed = replace(changed, next_run=decide.planned(changed, now))
            _save(connection, changed)
        return changed

    def queue_due(self, types: Collection[str]) -> tuple[str, ...]:
        """Queue a job for each schedule whose time has come; several processes may ask at once.

        Args:
            types: that somebody here can run.

        Returns:
            The types that were queued; one that still runs from before is passed over until its next time.
        """
        now = self._clock()
        if not [s for s in decide.due(self.all(), now) if s.type in types]:
            return ()
        queued = []
        with self._database.write() as connection:
            # Asked again: another process may have been here since.
            for schedule in decide.due(_rows(connection), now):
                if schedule.type not in types:
                    continue
                ran = replace(schedule, last_run=now)
                _save(connection, replace(ran, next_run=decide.planned(ran, now)))
                row = connection.execute(
                    "INSERT OR IGNORE INTO facedb_jobs (type, status, priority, triggered_by, created_at)"
                    " VALUES (?, 'queued', ?, 'schedule', ?) RETURNING id",
                    (schedule.type, schedule.priority, to_text(now)),
                ).fetchone()
                queued += [schedule.type] if row else []
        return tuple(queued)


def _save(connection: sqlite3.Connection, schedule: Schedule) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO facedb_schedules"
        " (type, enabled, interval_hours, priority, last_run_at, next_run_at) VALUES (?, ?, ?, ?, ?, ?)",
        (
            schedule.type,
            int(schedule.enabled),
            schedule.interval.total_seconds() / 3600,
            schedule.priority,
            to_text(schedule.last_run) if schedule.last_run else None,
            to_text(schedule.next_run) if schedule.next_run else None,
        ),
    )


def _rows(connection: sqlite3.Connection) -> tuple[Schedule, ...]:
    rows = connection.execute(
        "SELECT type, enabled, interval_hours, priority, last_run_at, next_run_at"
        " FROM facedb_schedules ORDER BY type"
    )
    return tuple(_schedule(*row) for row in rows)


def _schedule(kind: str, enabled: int, hours: float, priority: int, last: Any, following: Any) -> Schedule:
    return Schedule(kind, bool(enabled), timedelta(hours=hours), priority, _moment(last), _moment(following))


def _moment(text: str | None) -> datetime | None:
    return from_text(text) if text else None
