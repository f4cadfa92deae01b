"""The bucket of tokens: never more than the rate, in order, and nothing lost when somebody gives up."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.stash.rate import Bucket, RateLimiter


@given(
    rate=st.floats(0.1, 100),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
)
def test_no_second_lets_more_through_than_the_rate_and_the_tokens_that_were_kept(
    rate: float, gaps: list[float]
) -> None:
    kept = max(1.0, rate)
    bucket, now, through = Bucket(kept, 0.0), 0.0, []
    for gap in gaps:
        now += gap
        bucket, wait_s = bucket.take(now, rate)
        through.append(now + wait_s)
    assert through == sorted(through)
    for begin, first in enumerate(through):
        for count, last in enumerate(through[begin:], 1):
            assert count <= kept + (last - first) * rate + 1e-6


class Time:
    """A clock that moves while somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def clock(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        until = self.now_s + seconds
        await asyncio.sleep(0)
        self.now_s = max(self.now_s, until)


def test_waiting_is_counted() -> None:
    async def ask() -> None:
        time = Time()
        limiter = RateLimiter(lambda: 2.0, clock=time.clock, sleep=time.sleep)
        await asyncio.gather(*(limiter.turn() for _ in range(6)))
        stats = limiter.stats()
        assert (stats.total_requests, stats.queue_size, stats.requests_per_second) == (6, 0, 2.0)
        # Two go at once, the others wait for 0.5, 1, 1.5 and 2 seconds.
        assert stats.total_wait_time == pytest.approx(5.0)
        assert stats.avg_wait_time == pytest.approx(5.0 / 6)

    asyncio.run(ask())


def test_who_gives_up_gives_the_token_back() -> None:
    async def ask() -> None:
        time, never = Time(), asyncio.Event()

        async def sleep(_: float) -> None:
            await never.wait()

        limiter = RateLimiter(lambda: 1.0, clock=time.clock, sleep=sleep)
        await limiter.turn()
        waiting = asyncio.create_task(limiter.turn())
        await asyncio.sleep(0)
        assert limiter.stats().queue_size == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert limiter.stats().queue_size == 0
        time.now_s = 1.0
        await asyncio.wait_for(limiter.turn(), 5)
        assert limiter.stats().total_requests == 2

    asyncio.run(ask())


def test_no_rate_is_no_limit_and_a_new_rate_counts_at_once() -> None:
    async def ask() -> None:
        rate, time = [0.0], Time()
        limiter = RateLimiter(lambda: rate[0], clock=time.clock, sleep=time.sleep)
        for _ in range(50):
            await limiter.turn()
        assert limiter.stats().total_wait_time == 0
        rate[0] = 1.0
        for _ in range(3):
            await limiter.turn()
        assert limiter.stats().total_wait_time > 0

    asyncio.run(ask())
