"""Which database may begin a rollout, where the operator's settings spread them over time.

First come, first served. Nothing is kept on disk: after a restart the statuses tell who rolls and since when,
and the queue forms again. No I/O, no clock.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from facedb_operator.facts import Fleet
from facedb_operator.names import Reason
from facedb_operator.plan.verbs import asked
from facedb_operator.record import parse_time
from facedb_operator.spec import FaceDatabase

Key = tuple[str, str]

# One that has not asked for so long does not wait any more: it is paused, or its operator has other worries.
ASKS_EVERY = timedelta(minutes=3)
# Clocks of machines differ by less.
SKEW = timedelta(minutes=10)


@dataclass(frozen=True)
class Limits:
    """The settings.

    Attributes:
        most: rollouts at the same time; 0 for any number.
        delay: from the beginning of one rollout to the beginning of another database's.
    """

    most: int = 0
    delay: timedelta = timedelta(0)


@dataclass(frozen=True)
class Standing:
    """Where a database is. ``began``: when its newest rollout began, whether or not that is under way."""

    rolling: bool
    began: datetime | None


@dataclass(frozen=True)
class Waiting:
    """One that wants to begin."""

    since: datetime
    asked: datetime


def standing_of(status: Mapping[str, Any]) -> Standing:
    """Read it from a FaceDatabase's status."""
    target = status.get("target") or {}
    past = status.get("history") or ()
    rolling = _moves_traffic(target.get("state", ""), int(target.get("progress", 0)))
    texts = [target.get("startedAt") if rolling else None, past[-1].get("startedAt") if past else None]
    return Standing(rolling, max((parse_time(text) for text in texts if text), default=None))


def wants_to_begin(db: FaceDatabase) -> bool:
    """Whether the spec asks for something that is neither served, nor under way, nor refused."""
    good, target = db.record.last_good, db.record.target
    idle = db.suspend or asked(db).paused or not db.version or db.verdict is not None
    served = good is not None and good.revision_key == db.revision_key
    mine = target if target is not None and target.revision_key == db.revision_key else None
    begun = mine is not None and _moves_traffic(mine.state, mine.progress)
    return not (idle or served or begun)


def _moves_traffic(state: str, progress: int) -> bool:
    """Whether a target is beyond fetching and waiting: what fetches takes nobody's turn."""
    return state == Reason.ROLLING_OUT or progress > 0


def judge(limits: Limits, now: datetime, others: Iterable[Standing], ahead: int) -> Fleet:
    """Whether one more may begin.

    Args:
        limits: the settings.
        now: the time.
        others: where all other databases are.
        ahead: how many have waited longer than this one.
    """
    known = list(others)
    rolling = sum(1 for other in known if other.rolling)
    if limits.most and rolling + ahead >= limits.most:
        before = f", {ahead} wait before this one" if ahead else ""
        return Fleet(False, f"{rolling} of at most {limits.most} rollouts are under way{before}.")
    # What lies further ahead was told before a clock was set back: nobody waits for it again.
    last = max((other.began for other in known if other.began and other.began <= now + SKEW), default=None)
    if limits.delay and last is not None:
        free_at = last + limits.delay * (1 + ahead)
        if now < free_at:
            return Fleet(False, f"Rollouts are spread: this one may begin at {free_at:%H:%M:%S} UTC.")
    return Fleet()


class Admission:
    """Admits rollouts one by one. What it admits counts at once, before any status says so.

    Args:
        limits: the settings.
        wake: is called with those that wait, when another rollout ends.
    """

    def __init__(self, limits: Limits, wake: Callable[[Key], None] = lambda key: None) -> None:
        self._limits = limits
        self._wake = wake
        self._standings: dict[Key, Standing] = {}
        self._admitted: dict[Key, datetime] = {}
        self._waiting: dict[Key, Waiting] = {}
        # A status knows when the fetch began; this process, when it let the rollout begin.
        self._began: dict[Key, datetime] = {}

    def saw(self, key: Key, status: Mapping[str, Any]) -> None:
        """The status of a database, as it was read or written."""
        old, new = self._standings.get(key), standing_of(status)
        self._standings[key] = new
        if new.rolling:
            self._admitted.pop(key, None)
        elif old is not None and old.rolling:
            self._call()

    def forget(self, key: Key) -> None:
        """The database is gone."""
        self._standings.pop(key, None)
        self._admitted.pop(key, None)
        self._began.pop(key, None)
        self._waiting.pop(key, None)
        self._call()

    def ask(self, db: FaceDatabase, now: datetime, *, staged: bool = True) -> Fleet:
        """Whether this database may begin a rollout now; if so, it has begun one.

        Args:
            db: the database.
            now: the time.
            staged: the bytes of what it wants are there.
        """
        key = (db.namespace, db.name)
        if not (self._limits.most or self._limits.delay) or not staged or not wants_to_begin(db):
            self._waiting.pop(key, None)
            if self._admitted.pop(key, None) is not None and not db.record.target:
                self._call()
            return Fleet()
        if key in self._admitted:
            return Fleet()
        mine = Waiting(self._waiting[key].since if key in self._waiting else now, now)
        self._waiting[key] = mine
        fleet = judge(self._limits, now, self._others(key), self._ahead(key, mine, now))
        if fleet.may_begin:
            self._admitted[key] = self._began[key] = now
            del self._waiting[key]
        return fleet

    def planned(self, db: FaceDatabase, reason: str) -> None:
        """What the pass that has just asked does; one that does not begin gives its turn back."""
        key = (db.namespace, db.name)
        if not _moves_traffic(reason, 0) and self._admitted.pop(key, None) is not None:
            self._began.pop(key, None)

    def _others(self, key: Key) -> Iterable[Standing]:
        for other in self._standings.keys() | self._admitted.keys():
            if other == key:
                continue
            known = self._standings.get(other, Standing(False, None))
            yield Standing(known.rolling or other in self._admitted, self._began.get(other, known.began))

    def _ahead(self, key: Key, mine: Waiting, now: datetime) -> int:
        return sum(
            1
            for other, waiting in self._waiting.items()
            if (waiting.since, other) < (mine.since, key) and now - waiting.asked < ASKS_EVERY
        )

    def _call(self) -> None:
        for key in self._waiting:
            self._wake(key)
