"""One worker at a time for one database, also when two pods have it open.

The holder counts ``beat`` up; another worker takes the lease when it has watched the beat stand still for
long enough by its own monotonic clock. So clocks of different machines need not agree, and a worker that was
killed is followed after ``lasts_s``. An idle worker gives the lease back: nothing is written while nothing is
to be done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from facedb_sidecar.state.database import Database

NAME = "queue"


@dataclass(frozen=True)
class Watched:
    """What somebody else's lease looked like, and since when (seconds of the own clock)."""

    owner: str
    beat: int
    since_s: float


class Standing(Enum):
    """Whose the lease is."""

    OURS = "ours"
    FREE = "free"
    THEIRS = "theirs"
    DEAD = "dead"


def standing(
    row: tuple[str, int] | None, me: str, watched: Watched | None, *, now_s: float, lasts_s: float
) -> Standing:
    """Judge the lease. Pure.

    Args:
        row: owner and beat in the table now.
        me: this worker.
        watched: what this worker saw before.
        now_s: of the same clock as ``watched.since_s``.
        lasts_s: a beat that stands still for so long is dead.
    """
    if row is None:
        return Standing.FREE
    owner, beat = row
    if owner == me:
        return Standing.OURS
    still = watched is not None and (watched.owner, watched.beat) == (owner, beat)
    if still and watched is not None and now_s - watched.since_s >= lasts_s:
        return Standing.DEAD
    return Standing.THEIRS


class Lease:
    """This worker's view of the lease. Methods may raise StateError.

    Args:
        database: that the lease is about.
        me: a name that no other worker has or had.
        lasts_s: how long a silent holder is left alone.
        clock: monotonic seconds.
    """

    def __init__(
        self, database: Database, me: str, *, lasts_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._me = me
        self._lasts_s = lasts_s
        self._clock = clock
        self._watched: Watched | None = None
        self._beaten_s = -lasts_s
        self.held = False

    def hold(self) -> bool:
        """Take the lease or keep it; False: it is somebody else's."""
        row = self._read()
        now_s = self._clock()
        match standing(row, self._me, self._watched, now_s=now_s, lasts_s=self._lasts_s):
            case Standing.OURS:
                self.held = now_s - self._beaten_s < self._lasts_s / 3 or self._take(row)
            case Standing.FREE | Standing.DEAD:
                self.held = self._take(row)
            case Standing.THEIRS:
                self.held = False
                self._watch(row)
        return self.held

    def release(self) -> None:
        """Give it back, if it is ours."""
        if not self.held:
            return
        with self._database.write() as connection:
            connection.execute("DELETE FROM facedb_lease WHERE name = ? AND owner = ?", (NAME, self._me))
        self.held = False

    def _read(self) -> tuple[str, int] | None:
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT owner, beat FROM facedb_lease WHERE name = ?", (NAME,)
            ).fetchone()
        return None if found is None else (found[0], found[1])

    def _watch(self, row: tuple[str, int] | None) -> None:
        seen = self._watched
        if row is not None and (seen is None or (seen.owner, seen.beat) != row):
            self._watched = Watched(*row, since_s=self._clock())

    def _take(self, expected: tuple[str, int] | None) -> bool:
        """Write our name, unless the row has changed since it was judged."""
        beat = expected[1] + 1 if expected else 1
        with self._database.write() as connection:
            found = connection.execute(
                "SELECT owner, beat FROM facedb_lease WHERE name = ?", (NAME,)
            ).fetchone()
            if found != expected:
                return False
            connection.execute(
                "INSERT OR REPLACE INTO facedb_lease (name, owner, beat) VALUES (?, ?, ?)",
                (NAME, self._me, beat),
            )
        self._watched = None
        self._beaten_s = self._clock()
        return True
