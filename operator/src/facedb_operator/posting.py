"""Events on their way to the API server: behind everything else, and lost rather than waited for."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from facedb_operator.act import write_event
from facedb_operator.kube import Kube
from facedb_operator.slots import Rank, Slots

# So many may wait; more is news of a storm that nobody reads.
MOST_WAITING = 5000
# Of so many Events it is known how often they were said.
MOST_KNOWN = 5000
WRITERS = 2
# At the end.
LAST_WORDS_S = 2.0


class Post:
    """The Events that are to be written.

    Args:
        kube: where they go.
        slots: shared with what is more urgent.
    """

    def __init__(self, kube: Kube, slots: Slots) -> None:
        self._kube = kube
        self._slots = slots
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WAITING)
        self._said: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to write."""
        self._tasks = [asyncio.create_task(self._run(), name="events") for _ in range(WRITERS)]

    def send(self, events: Iterable[dict[str, Any]]) -> None:
        """Have these written soon."""
        for event in events:
            with suppress(asyncio.QueueFull):
                self._waiting.put_nowait(event)

    async def stop(self) -> None:
        """Write what still waits, if that does not take long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_S):
                await self._waiting.join()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            event = await self._waiting.get()
            try:
                async with self._slots.taken(Rank.EVENT):
                    await self._write(event)
            finally:
                self._waiting.task_done()

    async def _write(self, event: dict[str, Any]) -> None:
        name = (event["metadata"]["namespace"], event["metadata"]["name"])
        times = await write_event(self._kube, event, self._said.pop(name, 0))
        if times:
            self._said[name] = times
        if len(self._said) > MOST_KNOWN:
            self._said.popitem(last=False)
