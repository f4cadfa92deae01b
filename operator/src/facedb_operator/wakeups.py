"""One reconcile loop per database: many triggers wake it, one pass runs at a time.

A level-based work queue in miniature: a wake-up during a pass is remembered, an error waits longer each
time, and a pass may ask to be repeated after a while. It knows nothing of Kubernetes.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta

Key = tuple[str, str]
Reconcile = Callable[[Key], Awaitable[timedelta | None]]

FIRST_BACKOFF_S = 1.0
LAST_BACKOFF_S = 60.0
# Even where nothing happens and nobody asks: a lost watch must not stop the loop for ever.
LONGEST_SLEEP_S = 60.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trouble:
    """A failure that is to be expected, and no fault of ours.

    Attributes:
        words: what happened, on one line.
        wait_s: how long to wait at least.
        level: how loudly to say it.
    """

    words: str
    wait_s: float | None = None
    level: int = logging.WARNING


class Gone(Exception):
    """The database no longer exists: its loop ends."""


@dataclass
class _Loop:
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Wakeups:
    """The loops of all databases.

    Args:
        reconcile: one pass over one database; returns when to look again, None for an event only.
        trouble: what an error is, if it is one that is to be expected; None for a fault of ours.
    """

    def __init__(
        self, reconcile: Reconcile, trouble: Callable[[Exception], Trouble | None] = lambda error: None
    ) -> None:
        self._reconcile = reconcile
        self._trouble = trouble
        self._loops: dict[Key, _Loop] = {}
        self.last_pass = time.monotonic()

    def wake(self, key: Key) -> None:
        """Run a pass over this database soon; start its loop if it has none."""
        loop = self._loops.get(key)
        if loop is None:
            loop = self._loops[key] = _Loop()
            loop.task = asyncio.create_task(self._run(key, loop), name=f"reconcile {key[0]}/{key[1]}")
        loop.wake.set()

    def seconds_since_last_pass(self) -> float:
        """Age of the youngest pass; 0 where there is no database to look after."""
        return time.monotonic() - self.last_pass if self._loops else 0.0

    async def stop(self) -> None:
        """End all loops."""
        tasks = [loop.task for loop in self._loops.values() if loop.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loops.clear()

    async def _run(self, key: Key, loop: _Loop) -> None:
        failures = 0
        while True:
            loop.wake.clear()
            try:
                again = await self._reconcile(key)
                failures = 0
                sleep_s = LONGEST_SLEEP_S if again is None else min(again.total_seconds(), LONGEST_SLEEP_S)
            except Gone:
                self._loops.pop(key, None)
                return
            except Exception as error:
                sleep_s = min(FIRST_BACKOFF_S * 2**failures, LAST_BACKOFF_S) * random.uniform(0.8, 1.2)  # noqa: S311
                failures = min(failures + 1, 10)
                least_s = min(sleep_s, FIRST_BACKOFF_S)
                trouble, extra = self._trouble(error), {"database": "/".join(key)}
                if trouble is None:
                    log.exception("A pass failed and will be repeated", extra=extra)
                else:
                    least_s = least_s if trouble.wait_s is None else trouble.wait_s
                    text = (
                        f"A pass failed and is repeated after {max(least_s, sleep_s):.0f} s: {trouble.words}"
                    )
                    log.log(trouble.level, text, extra=extra)
                # News do not cut this short: a server in trouble makes many of them.
                await asyncio.sleep(least_s)
                sleep_s = max(0.0, sleep_s - least_s)
            self.last_pass = time.monotonic()
            await _wait(loop.wake, sleep_s)


async def _wait(wake: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(wake.wait(), timeout=seconds)
    except TimeoutError:
        return
