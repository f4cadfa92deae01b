"""Waiting for a condition: the only place of the cluster suite that lets time pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.25


def wait_until(
    check: Callable[[], T], what: str, *, timeout_s: float, tell: Callable[[], str] | None = None
) -> T:
    """Call ``check`` until it returns something true, and return that.

    Args:
        check: cheap and safe to repeat.
        what: for the message, as in "timed out waiting for …".
        timeout_s: seconds.
        tell: describes the state for the message.

    Raises:
        TimeoutError: it did not come true in time.
    """
    end = time.monotonic() + timeout_s
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > end:
            state = f"\n{tell()}" if tell else ""
            raise TimeoutError(f"timed out after {timeout_s:.0f} s waiting for {what}{state}")
        time.sleep(POLL_S)
