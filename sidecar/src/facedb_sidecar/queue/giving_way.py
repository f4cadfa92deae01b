"""Background work that gives way to a swap for which the engine has to be free."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from facedb_sidecar.refusals import Updating
from facedb_sidecar.serving import Serving

T = TypeVar("T")

# Between two looks at whether a swap waits: little beside the seconds that it takes.
LOOK_S = 0.2


async def unless_updating(serving: Serving, work: Coroutine[Any, Any, T]) -> T:
    """Do the work, but stop it when a swap waits for everybody to leave the engine.

    While it waits, people get 503: a scene in the background, which may take minutes and can be done again,
    must not make them wait for it.

    Args:
        serving: what is swapped.
        work: ends its processes when it is cancelled.

    Raises:
        Updating: it was stopped.
    """
    doing = asyncio.ensure_future(work)
    try:
        while not doing.done():
            await asyncio.wait({doing}, timeout=LOOK_S)
            if serving.updating and not doing.done():
                raise Updating
        return doing.result()
    finally:
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
