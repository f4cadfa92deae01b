"""Waiting for a condition: the only place of the cluster suite that lets time pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from patience import STRETCH, rest_s

T = TypeVar("T")

POLL_S = 0.5


def wait_until(
    check: Callable[[], T], what: str, *, timeout_s: float, tell: Callable[[], str] | None = None
) -> T:
    """Call ``check`` until it returns something true, and return that.

    Args:
        check: cheap and safe to repeat.
        what: for the message, as in "timed out waiting for …".
        timeout_s: seconds that a quiet machine would be given; a starved one gets STRETCH times as many.
        tell: describes the state for the message.

    Raises:
        TimeoutError: it did not come true in time.
    """
    patience_s = STRETCH * timeout_s
    end = time.monotonic() + patience_s
    while True:
        began = time.monotonic()
        found = check()
        if found:
            return found
        took_s = time.monotonic() - began
        if time.monotonic() > end:
            state = f"\n{tell()}" if tell else ""
            raise TimeoutError(f"timed out after {patience_s:.0f} s waiting for {what}{state}")
        time.sleep(rest_s(took_s, POLL_S))
