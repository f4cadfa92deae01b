"""One loop for each database: woken by many, run one at a time, never stopped by an error."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from itertools import pairwise

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.aio.client import ApiException

from facedb_operator.failures import trouble
from facedb_operator.plan.staging import retry_delay
from facedb_operator.wakeups import Gone, Key, Trouble, Wakeups
from virtual_time import play

KEY = ("default", "stash")


def test_a_wake_up_during_a_pass_makes_another_pass() -> None:
    async def story() -> int:
        passes, again = 0, asyncio.Event()

        async def reconcile(key: Key) -> timedelta | None:
            nonlocal passes
            passes += 1
            if passes == 1:
                wakeups.wake(key)
            else:
                again.set()
            return None

        wakeups = Wakeups(reconcile)
        wakeups.wake(KEY)
        await asyncio.wait_for(again.wait(), 60)
        await wakeups.stop()
        return passes

    assert asyncio.run(story()) == 2


def test_passes_over_one_database_never_overlap() -> None:
    async def story() -> int:
        running, most, done = 0, 0, asyncio.Event()

        async def reconcile(key: Key) -> timedelta | None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            wakeups.wake(key)
            await asyncio.sleep(0)
            running -= 1
            if wakeups.last_pass and most:
                done.set()
            return timedelta(0)

        wakeups = Wakeups(reconcile)
        for _ in range(3):
            wakeups.wake(KEY)
        await asyncio.wait_for(done.wait(), 60)
        await wakeups.stop()
        return most

    assert asyncio.run(story()) == 1


def test_an_error_does_not_end_the_loop() -> None:
    async def story() -> int:
        passes, again = 0, asyncio.Event()

        async def reconcile(key: Key) -> timedelta | None:
            nonlocal passes
            passes += 1
            if passes == 1:
                wakeups.wake(key)
                raise RuntimeError("the API server went away")
            again.set()
            return None

        wakeups = Wakeups(reconcile)
        wakeups.wake(KEY)
        await asyncio.wait_for(again.wait(), 60)
        await wakeups.stop()
        return passes

    assert asyncio.run(story()) == 2


def test_a_database_that_is_gone_ends_its_loop_and_may_come_back() -> None:
    async def story() -> list[Key]:
        seen: list[Key] = []
        twice = asyncio.Event()

        async def reconcile(key: Key) -> timedelta | None:
            seen.append(key)
            if len(seen) == 2:
                twice.set()
            raise Gone

        wakeups = Wakeups(reconcile)
        wakeups.wake(KEY)
        while wakeups.seconds_since_last_pass() or not seen:
            await asyncio.sleep(0)
        wakeups.wake(KEY)
        await asyncio.wait_for(twice.wait(), 60)
        await wakeups.stop()
        return seen

    assert asyncio.run(story()) == [KEY, KEY]


def test_news_do_not_cut_short_what_a_busy_server_asks_to_wait() -> None:
    async def story() -> list[float]:
        times: list[float] = []

        async def reconcile(key: Key) -> timedelta | None:
            times.append(asyncio.get_running_loop().time())
            wakeups.wake(key)
            raise RuntimeError("429")

        wakeups = Wakeups(reconcile, lambda error: Trouble(str(error), 30.0))
        wakeups.wake(KEY)
        await asyncio.sleep(100)
        await wakeups.stop()
        return times

    times = play(story())
    assert len(times) == 4
    assert all(later - earlier >= 30 for earlier, later in pairwise(times))


def said_of(error: Exception, caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What is logged when a pass ends with this error."""

    async def story() -> None:
        async def reconcile(key: Key) -> timedelta | None:
            raise error

        wakeups = Wakeups(reconcile, trouble)
        wakeups.wake(KEY)
        await asyncio.sleep(0.1)
        await wakeups.stop()

    with caplog.at_level(logging.INFO):
        play(story())
    return caplog.records


def test_a_throttled_pass_is_one_line_with_the_wait(caplog: pytest.LogCaptureFixture) -> None:
    busy = ApiException(status=429, reason="Too Many Requests")
    busy.headers = {"Retry-After": "7"}
    (said,) = said_of(busy, caplog)
    assert (said.levelno, said.exc_info) == (logging.WARNING, None)
    assert "after 7 s" in said.message
    assert "429" in said.message
    assert "\n" not in said.message


def test_a_server_that_is_away_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    said = said_of(aiohttp.ServerDisconnectedError(), caplog) + said_of(TimeoutError(), caplog)
    assert [each.exc_info for each in said] == [None] * len(said)
    assert said[-1].message.endswith("TimeoutError")


def test_a_fault_of_ours_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    (said,) = said_of(KeyError("nodes"), caplog)
    assert (said.levelno, said.exc_info is not None) == (logging.ERROR, True)


@given(st.integers(min_value=1, max_value=10_000))
def test_retries_come_ever_later_and_at_least_every_five_minutes(attempt: int) -> None:
    assert retry_delay(attempt) <= retry_delay(attempt + 1) <= timedelta(minutes=5)
    assert retry_delay(attempt) >= timedelta(seconds=10)
