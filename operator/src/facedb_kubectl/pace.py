"""Bytes seen at moments → how fast a fetch goes, and how long it still takes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

WINDOW_S = 30.0
# Two looks that lie closer together than this say nothing about speed.
SHORTEST_S = 1.0
LONGEST = timedelta(days=9)


@dataclass(frozen=True)
class Pace:
    """The last looks at one fetch.

    Attributes:
        of: which fetch it is; another one begins anew.
        seen: (seconds of a steady clock, bytes done), oldest first; only where the bytes had changed.
    """

    of: str = ""
    seen: tuple[tuple[float, int], ...] = ()

    def look(self, of: str, at_s: float, bytes_done: int) -> Pace:
        """With one more look. Another fetch, or one with fewer bytes than before, begins anew."""
        if of != self.of or (self.seen and bytes_done < self.seen[-1][1]):
            return Pace(of, ((at_s, bytes_done),))
        if self.seen and (bytes_done == self.seen[-1][1] or at_s <= self.seen[-1][0]):
            return self
        # One look from before the window stays: the speed is measured from it.
        old = [i for i, (when, _) in enumerate(self.seen) if when <= at_s - WINDOW_S]
        return replace(self, seen=(*self.seen[old[-1] if old else 0 :], (at_s, bytes_done)))

    def rate(self, at_s: float) -> float | None:
        """Bytes a second over the last looks; None while there is nothing to go by.

        When bytes stop to come, it falls: the time since the last look counts once it is longer than the
        looks have lain apart.
        """
        if len(self.seen) < 2:
            return None
        (first_s, first), (last_s, last) = self.seen[0], self.seen[-1]
        apart = (last_s - first_s) / (len(self.seen) - 1)
        until = at_s if at_s - last_s > 2 * max(apart, SHORTEST_S) else last_s
        return (last - first) / (until - first_s) if until - first_s >= SHORTEST_S else None

    def left(self, at_s: float, bytes_total: int | None) -> timedelta | None:
        """How long the rest takes at this rate; None when nobody can say."""
        rate = self.rate(at_s)
        if not rate or bytes_total is None or not self.seen:
            return None
        seconds = max(0, bytes_total - self.seen[-1][1]) / rate
        return timedelta(seconds=seconds) if seconds < LONGEST.total_seconds() else None
