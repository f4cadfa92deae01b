"""When a pass may begin: once the store has seen what the last pass wrote, and is whole in itself.

A pass that read a store older than its own writes would make them again, or judge by a status that it has
already replaced. So it waits; and if a watch is late for too long, it asks directly.
"""

import asyncio
from collections.abc import Callable, Iterable

from facedb_operator import kinds
from facedb_operator.facts import CheckRun, FetchJob, JobState, Pod
from facedb_operator.observe.readings import Counted, Worker
from facedb_operator.observe.repairs import Repairs
from facedb_operator.observe.store import Entry, Key, Store, Write
from facedb_operator.observe.watching import Watches

PATIENCE_S = 5.0
# The store tells what it hears of a database; that a watch has come further without that is looked for.
LOOK_AGAIN_S = 0.2
# Watches of different kinds are that much apart on any ordinary day.
APART_S = 1.0
WRITTEN = (kinds.DATABASE, *kinds.CHILDREN)


class Freshness:
    """What passes have written and the store has not told yet.

    Args:
        store: what the watches tell.
        watches: asks directly.
    """

    def __init__(self, store: Store, watches: Watches) -> None:
        self._store = store
        self._repairs = Repairs(watches.repair)
        self._open: dict[Key, list[Write]] = {}
        self._doubted: dict[Key, set[kinds.Kind]] = {}
        self._news: dict[Key, asyncio.Event] = {}

    def wrote(self, key: Key, writes: Iterable[Write]) -> None:
        """A pass wrote these."""
        self._open.setdefault(key, []).extend(writes)

    def doubt(self, key: Key, written: Iterable[kinds.Kind] = WRITTEN) -> None:
        """Nobody knows whether a pass has written something: the connection broke, or the server failed."""
        self._doubted.setdefault(key, set()).update(written)

    def heard(self, key: Key) -> None:
        """The store has heard of this database."""
        if key in self._news:
            self._news[key].set()

    def forget(self, key: Key) -> None:
        """The database is gone."""
        self._open.pop(key, None)
        self._doubted.pop(key, None)

    async def own_writes(self, key: Key) -> None:
        """Return when the store has seen all that passes over this database wrote.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: a watch is late and the API server fails too.
        """
        if key in self._doubted:
            await self._repair(key, self._doubted[key])
            self._doubted.pop(key, None)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._until(key, lambda: not self._unseen(key))
        except TimeoutError:
            await self._repair(key, {write.kind for write in self._unseen(key)})
        self._open.pop(key, None)

    async def whole(self, key: Key) -> None:
        """Repair what one watch has told before another: an ended Job whose pod's last word is missing.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server refused or failed.
        """
        try:
            async with asyncio.timeout(APART_S):
                await self._until(key, lambda: not self._lacks_pods(key))
        except TimeoutError:
            await self._repair(key, (kinds.POD,))

    def _lacks_pods(self, key: Key) -> bool:
        pods = list(self._store.of(kinds.POD, key))
        ahead = max((e.version for e in self._ahead_of_pods(key, pods)), default=0)
        return ahead > self._store.known(kinds.POD, key)

    async def _repair(self, key: Key, late: Iterable[kinds.Kind]) -> None:
        followed = [kind for kind in late if self._store.lists(kind, key[0])]
        await asyncio.gather(*(self._repairs.made(kind, key) for kind in followed))

    async def _until(self, key: Key, is_so: Callable[[], bool]) -> None:
        news = self._news[key] = asyncio.Event()
        try:
            while not is_so():
                news.clear()
                try:
                    async with asyncio.timeout(LOOK_AGAIN_S):
                        await news.wait()
                except TimeoutError:
                    continue
        finally:
            del self._news[key]

    def _unseen(self, key: Key) -> list[Write]:
        return [write for write in self._open.get(key, ()) if not self._store.has_seen(write, key)]

    def _ahead_of_pods(self, key: Key, pods: list[Entry]) -> list[Entry]:
        """Objects that speak of pods otherwise than the pods do; they may be ahead of them."""
        ended = {p.fact.job for p in pods if isinstance(p.fact, Worker) and p.fact.ended}
        jobs = [e for e in self._store.of(kinds.JOB, key) if _has_ended(e.fact) and e.fact.name not in ended]
        return [*jobs, *(e for e in self._store.of(kinds.DEPLOYMENT, key) if _has_more(e.fact, pods))]


def _has_ended(job: FetchJob | CheckRun) -> bool:
    return job.state is not JobState.RUNNING


def _has_more(found: Counted, pods: list[Entry]) -> bool:
    """Whether a Deployment counts more pods than are known."""
    key = found.work.revision_key
    mine = [p for p in pods if isinstance(p.fact, Pod) and p.fact.revision_key == key and not p.fact.deleting]
    return found.pods > len(mine)
