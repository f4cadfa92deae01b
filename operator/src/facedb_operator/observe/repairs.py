"""Listings that make up for a late watch: one of a kind at a time, for everybody who needs it.

When the API server is in trouble, a thousand databases doubt what they know in the same minute. If each asked
for itself, they would keep the server in trouble.
"""

import asyncio
from collections.abc import Awaitable, Callable

from facedb_operator.kinds import Kind
from facedb_operator.observe.store import Key

# From the beginning of one listing of a kind to the beginning of the next.
GAP_S = 2.0

# Lists what these databases have of a kind, now.
Listing = Callable[[Kind, frozenset[Key]], Awaitable[None]]


class Repairs:
    """The listings of all kinds.

    Args:
        listing: makes one.
    """

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        # The listing of each kind that has not begun, and whom it is for.
        self._rounds: dict[Kind, tuple[asyncio.Task[None], set[Key]]] = {}
        self._turns: dict[Kind, asyncio.Lock] = {}
        self._began: dict[Kind, float] = {}

    async def made(self, kind: Kind, key: Key) -> None:
        """Return once a listing has told of this database that began after this call.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server refused or failed.
        """
        if kind not in self._rounds:
            keys: set[Key] = set()
            task = asyncio.create_task(self._run(kind, keys), name=f"list {kind.plural}")
            self._rounds[kind] = (task, keys)
        task, keys = self._rounds[kind]
        keys.add(key)
        # One who stops waiting does not stop the others.
        await asyncio.shield(task)

    async def _run(self, kind: Kind, keys: set[Key]) -> None:
        clock = asyncio.get_running_loop().time
        async with self._turns.setdefault(kind, asyncio.Lock()):
            await asyncio.sleep(self._began.get(kind, -GAP_S) + GAP_S - clock())
            self._began[kind] = clock()
            # Who comes from now on waits for the next one: this one may be older than what they doubt.
            del self._rounds[kind]
            await self._listing(kind, frozenset(keys))
