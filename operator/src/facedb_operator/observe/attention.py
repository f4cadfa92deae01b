"""Since when somebody looks, and moments that a clock told which has been set since. No I/O.

Deadlines are of use only while passes are made: where no operator ran, where the API server was away, where
the machine slept or its clock was set ahead, nothing could come further, and no release is to blame.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from facedb_operator.facts import CheckRun, Claim, FetchJob
from facedb_operator.observe.store import Key

# At rest there is a pass in each minute.
LONGEST_GAP = timedelta(minutes=3)
# Clocks of nodes differ by less. What lies further ahead was told before a clock was set back.
SKEW = timedelta(minutes=10)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)

_Job = TypeVar("_Job", FetchJob, CheckRun)


class Attention:
    """Since when each database has been looked at without a gap."""

    def __init__(self) -> None:
        self._looks: dict[Key, tuple[datetime, datetime]] = {}

    def since(self, key: Key, now: datetime) -> datetime:
        """A pass is made now; since when there were others without a gap before it."""
        first, last = self._looks.get(key, (now, now))
        if not timedelta(0) <= now - last <= LONGEST_GAP:
            first = now
        self._looks[key] = (first, now)
        return first

    def forget(self, key: Key) -> None:
        """The database is gone."""
        self._looks.pop(key, None)


def past_jobs(jobs: Iterable[_Job], now: datetime) -> list[_Job]:
    """The same Jobs; one that ended in the future ended long ago: nobody waits for that moment again."""
    ended, late = _LONG_AGO + timedelta(days=1), now + SKEW
    return [replace(j, finished_at=ended) if (j.finished_at or now) > late else j for j in jobs]


def past_claims(claims: Iterable[Claim], now: datetime) -> list[Claim]:
    """The same claims; one that was made in the future is older than every answer about it."""
    late = now + SKEW
    return [replace(c, created_at=_LONG_AGO) if c.created_at > late else c for c in claims]
