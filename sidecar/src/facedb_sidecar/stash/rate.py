"""How many questions a second Stash is asked: a bucket of tokens. The arithmetic is pure, the clock is given.

Questions wait in the order in which they came: each takes its token at once, if need be from the future.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Bucket:
    """Tokens at a moment; below zero are those that were promised.

    Attributes:
        tokens: how many questions may be asked at once.
        at_s: when that was so, on the clock.
    """

    tokens: float
    at_s: float

    def take(self, now_s: float, rate: float) -> tuple[Bucket, float]:
        """Take a token; returns the bucket and the seconds until the token is there. Pure.

        Args:
            now_s: the clock, never before ``at_s``.
            rate: tokens that come in a second, more than 0; as many are kept, and at least 1.
        """
        there = min(max(1.0, rate), self.tokens + (now_s - self.at_s) * rate) - 1
        return Bucket(there, now_s), max(0.0, -there / rate)

    def put_back(self) -> Bucket:
        """Give a token back that was not used."""
        return replace(self, tokens=self.tokens + 1)


@dataclass(frozen=True)
class RateStats:
    """``GET /health/rate-limiter``.

    Attributes:
        total_requests: that have been let through.
        total_wait_time: seconds that they waited, together.
        avg_wait_time: seconds for each of them.
        queue_size: requests that wait now.
        requests_per_second: that are let through, at most; 0 for no limit.
    """

    total_requests: int
    total_wait_time: float
    avg_wait_time: float
    queue_size: int
    requests_per_second: float


class RateLimiter:
    """The bucket of one server, for all who ask it.

    Args:
        rate: questions a second, read at each question: users may change it; 0 or less is no limit.
        clock: seconds that only grow.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        rate: Callable[[], float],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._bucket = Bucket(max(1.0, rate()), clock())
        self._passed = 0
        self._waited_s = 0.0
        self._queue = 0

    async def turn(self) -> None:
        """Wait until the next question may be asked."""
        rate = self._rate()
        wait_s = 0.0
        if rate > 0:
            self._bucket, wait_s = self._bucket.take(self._clock(), rate)
        if wait_s > 0:
            await self._wait(wait_s)
        self._passed += 1
        self._waited_s += wait_s

    def stats(self) -> RateStats:
        """What happened so far."""
        return RateStats(
            total_requests=self._passed,
            total_wait_time=round(self._waited_s, 6),
            avg_wait_time=round(self._waited_s / self._passed, 6) if self._passed else 0.0,
            queue_size=self._queue,
            requests_per_second=max(0.0, self._rate()),
        )

    async def _wait(self, wait_s: float) -> None:
        self._queue += 1
        try:
            await self._sleep(wait_s)
        except asyncio.CancelledError:
            self._bucket = self._bucket.put_back()
            raise
        finally:
            self._queue -= 1
