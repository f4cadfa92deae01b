"""A limit on bytes a second, shared by all connections of a fetch."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock


class Throttle:
    """Makes its callers wait so that together they stay under a rate.

    Args:
        bytes_per_second: the limit; None lets everything pass.
        clock: monotonic seconds.
        wait: sleeps.
    """

    def __init__(
        self,
        bytes_per_second: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second
        self._clock = clock
        self._wait = wait
        self._lock = Lock()
        self._due = 0.0

    def passed(self, count: int) -> None:
        """Account for bytes that have arrived; return when the next may be read."""
        if self._rate is None:
            return
        with self._lock:
            now = self._clock()
            # Time in which nothing was read is not saved up: a limit is a limit.
            self._due = max(self._due, now) + count / self._rate
            pause = self._due - now
        if pause > 0:
            self._wait(pause)
