"""How many requests, with how many bytes of body, are in the house. Used on the event loop only."""

from __future__ import annotations

from facedb_sidecar.refusals import Busy
from facedb_sidecar.settings import Limits


class Places:
    """Counts what ``/identify*`` holds: a place and its body, from the head of a request to its answer."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.taken = 0
        self.bytes = 0

    def take(self, size: int) -> None:
        """Come in with a body of so many bytes.

        Raises:
            Busy: no place, or no room for the body beside those that are in.
        """
        if self.taken >= self._limits.waiting:
            raise Busy
        # A body alone in the house may always be as large as one may be.
        if self.taken and self.bytes + size > self._limits.waiting_bytes:
            raise Busy
        self.taken += 1
        self.bytes += size

    def give(self, size: int) -> None:
        """Leave."""
        self.taken -= 1
        self.bytes -= size
