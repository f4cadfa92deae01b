"""Waiting for a condition: the only place of the cluster suite that lets time pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.5
# A look may be a kubectl, which costs processor time that what is waited for needs: rest longer than it took.
REST_TO_LOOK = 3.0
LONGEST_REST_S = 3.0


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
        began = time.monotonic()
        found = check()
        if found:
            return found
        took_s = time.monotonic() - began
        if time.monotonic() > end:
            state = f"\n{tell()}" if tell else ""
            raise TimeoutError(f"timed out after {timeout_s:.0f} s waiting for {what}{state}")
        time.sleep(min(max(POLL_S, REST_TO_LOOK * took_s), LONGEST_REST_S))
