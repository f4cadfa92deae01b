"""Long requests end when their client leaves: nobody reads the answer, and others wait for the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import HTTPException, Request

T = TypeVar("T")

# nginx's word for a client that left before its answer; nobody reads it.
CLIENT_LEFT = 499


async def while_client_waits(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Do the work, unless the client leaves before it is done: then it is cancelled.

    Args:
        request: whose body was read already.
        work: ends its processes and threads when it is cancelled.

    Raises:
        HTTPException: 499, for the log.
    """
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise HTTPException(CLIENT_LEFT, "The client left")
    finally:
        for task in (doing, leaving):
            task.cancel()
        # What was cancelled ends its processes before this request is over.
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
