"""How much is written at the same time, and what comes first when there is more to write. No I/O."""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum


class Rank(IntEnum):
    """What is to be written; the lowest comes first."""

    STEPS = 0
    STATUS = 1
    EVENT = 2


class Slots:
    """So many may write at the same time.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._tickets = itertools.count()

    @asynccontextmanager
    async def taken(self, rank: Rank) -> AsyncIterator[None]:
        """A slot, once there is one and nobody with a better rank, or longer there, waits for it."""
        if self._free:
            self._free -= 1
        else:
            await self._wait(rank)
        try:
            yield
        finally:
            self._give()

    async def _wait(self, rank: Rank) -> None:
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._tickets), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give()
            raise

    def _give(self) -> None:
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
