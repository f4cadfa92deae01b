"""A pretended API server, its watches, and the store that they fill; what a pass writes is noted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from facedb_operator.kinds import Kind
from facedb_operator.observe.freshness import Freshness
from facedb_operator.observe.store import Key, Store, Write
from facedb_operator.observe.watching import Watches
from watched_api import WatchedApi

KEY = ("x", "a")
# Longer than any backoff.
A_WHILE_S = 60.0


@dataclass
class Story:
    """An API server, its watches, and what they fill."""

    api: WatchedApi = field(default_factory=WatchedApi)
    woken: list[Key] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(self.woken.append, lambda key: self.fresh.heard(key))
        kube: Any = self.api
        self.watches = Watches(kube, self.store, ())
        self.fresh = Freshness(self.store, self.watches)
        self.own: list[Write] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        ended: list[Any] = []
        self.watches.start(lambda task: None if task.cancelled() else ended.append(task.exception()))
        await self.watches.ready()
        # All watches stand.
        await asyncio.sleep(1)
        try:
            yield
        finally:
            await self.watches.stop()
            assert not ended

    def known(self, kind: Kind) -> dict[str, str]:
        return {e.name: str(e.version) for key in (KEY, ("x", "b")) for e in self.store.of(kind, key)}

    def wrote(self, kind: Kind, name: str) -> None:
        version = int(self.api.write(kind, name)["metadata"]["resourceVersion"])
        self._note(Write(kind, "x", name, version))

    def deleted(self, kind: Kind, name: str) -> None:
        uid = self.api.delete(kind, name)
        self._note(Write(kind, "x", name, None, uid))

    def _note(self, write: Write) -> None:
        self.own.append(write)
        self.fresh.wrote(KEY, [write])
