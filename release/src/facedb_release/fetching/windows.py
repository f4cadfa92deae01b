"""Parts of an archive → each lane's bytes in order, fetched ahead by several connections.

A lane is one span that somebody reads from its start to its end. Connections take the next window of the
first lane that is not far enough ahead: on a slow link the first file gets everything and can be checked
while the next one comes; where inflating is the bottleneck, its lane fills up and the others run beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from facedb_release.errors import Reason, SourceTrouble

WINDOW_BYTES = 3 << 19
CONNECTIONS = 8
# Windows that a lane may be ahead of its reader: enough to keep every connection busy for one lane alone.
AHEAD = 8
# Windows of all lanes together that are under way or wait for their reader: the memory that a fetch takes.
IN_MEMORY = 8
# More are used only while readers wait for bytes: where inflating is the bottleneck, two connections do, with
# less switching than eight.
FEWEST = 2
PLENTY = 3


class Parts(Protocol):
    """What windows are read from: a remote archive, or one on disk."""

    size: int
    slow_down: Callable[[], None] | None

    def pieces(self, start: int, end: int, *, still_wanted: Callable[[], bool] | None = None) -> list[bytes]:
        """Return the bytes [start, end) in pieces; fewer only when they are no longer wanted."""


@dataclass
class _Lane:
    """One span: where its next window begins, and what has arrived."""

    rank: int
    next: int
    end: int
    taken: int = 0
    ready: dict[int, list[bytes]] = field(default_factory=dict)


class Windows:
    """The connections and their lanes. Use it in a `with`: leaving it ends them.

    Args:
        parts: where the bytes come from.
        connections: how many windows are fetched at the same time.
        window_bytes: of each.

    Attributes:
        limit: how many connections may be used now.
    """

    def __init__(self, parts: Parts, *, connections: int = CONNECTIONS, window_bytes: int = WINDOW_BYTES):
        self._parts = parts
        self._window = window_bytes
        self.limit = connections
        self._useful = connections
        self._busy = 0
        self._held = 0
        self._lanes: list[_Lane] = []
        # Taken by itself: a Condition is not, where an interrupt may come between.
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._failure: BaseException | None = None
        self._closed = False
        # Daemons: when the caller gives up, nobody waits for a connection that stalls.
        self._threads = [
            threading.Thread(target=self._run, name=f"facedb-connection-{i}", daemon=True)
            for i in range(connections)
        ]

    def fewer(self) -> None:
        """Use half as many connections from here on."""
        with self._lock:
            self.limit = max(1, self.limit // 2)

    def __enter__(self) -> Windows:
        self._parts.slow_down = self.fewer
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all lanes: whoever waits for bytes is told that the fetch was stopped."""
        with self._lock:
            self._closed = True
            self._changed.notify_all()

    def lane(self, start: int, end: int, *, rank: int = 0) -> Iterator[bytes]:
        """Yield the bytes [start, end) in pieces, in order.

        Args:
            start: of the span.
            end: of the span.
            rank: lanes of lower rank are served first.

        Raises:
            ReleaseError: what reading the parts raised.
        """
        lane = _Lane(rank, start, end)
        with self._lock:
            self._lanes.append(lane)
            self._lanes.sort(key=lambda other: other.rank)
            self._changed.notify_all()
        try:
            at = start
            while at < end:
                pieces = self._wait_for(lane, at)
                at = min(end, at + self._window)
                yield from pieces
        finally:
            with self._lock:
                self._lanes.remove(lane)
                self._changed.notify_all()

    def _wait_for(self, lane: _Lane, at: int) -> list[bytes]:
        with self._lock:
            if at not in lane.ready:
                self._useful = min(self.limit, self._useful + 1)
                self._changed.notify_all()
            while at not in lane.ready:
                if self._failure is not None:
                    raise self._failure
                if self._closed:
                    raise SourceTrouble(Reason.INTERRUPTED, "The fetch was stopped.")
                self._changed.wait()
            pieces = lane.ready.pop(at)
            lane.taken -= 1
            self._held -= 1
            self._changed.notify_all()
            return pieces

    def _run(self) -> None:
        """Fetch windows until there is nothing more to do."""
        while (task := self._next()) is not None:
            lane, start, end = task
            try:
                pieces = self._parts.pieces(start, end, still_wanted=lambda: not self._closed)
            except BaseException as e:  # noqa: BLE001 - the edge of a thread: raised again by the readers
                self._fail(e)
                return
            with self._lock:
                self._busy -= 1
                if self._closed:
                    # It may be but a part, since nobody wanted the rest.
                    return
                lane.ready[start] = pieces
                if len(lane.ready) >= PLENTY:
                    self._useful = max(FEWEST, self._useful - 1)
                self._changed.notify_all()

    def _next(self) -> tuple[_Lane, int, int] | None:
        """Wait for and take the next window; None when all is over."""
        with self._lock:
            while True:
                if self._closed or self._failure is not None:
                    return None
                lane = next((m for m in self._lanes if self._may_take(m)), None)
                if lane is not None and self._busy < min(self.limit, self._useful):
                    break
                self._changed.wait()
            start, lane.next = lane.next, min(lane.end, lane.next + self._window)
            lane.taken += 1
            self._held += 1
            self._busy += 1
            return lane, start, lane.next

    def _may_take(self, lane: _Lane) -> bool:
        """Whether a lane needs its next window now; one that has none at all always does."""
        ahead = lane.taken < AHEAD and self._held < IN_MEMORY
        return lane.next < lane.end and (ahead or not lane.taken)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._busy -= 1
            self._failure = self._failure or error
            self._changed.notify_all()
