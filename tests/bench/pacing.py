"""Bytes → how long to wait before sending them. A token bucket; used by the server."""

from __future__ import annotations

# What an idle bucket saves up. Enough for the clock's grain, too little to matter for any measurement.
DEPTH_SECONDS = 0.02


class Bucket:
    """A rate in bytes a second, shared by all who take from it."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        # Starts empty: a new connection has nothing saved up.
        self._free_at = now

    def take(self, size: int, now: float) -> float:
        """Take this many bytes and return the seconds to wait before they may be sent."""
        wait = max(0.0, self._free_at - now)
        self._free_at = max(self._free_at, now - DEPTH_SECONDS) + size / self._rate
        return wait
