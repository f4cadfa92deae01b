"""Closing a connection whose client still sends, so that the client can read its answer.

To close a socket with unread bytes makes the kernel reset the connection, and a client that is still sending
never sees why. So we read and drop for a moment first, within bounds.
"""

from __future__ import annotations

import asyncio

from starlette.types import Receive

LINGER_S = 2.0
LINGER_BYTES = 16 * 1024 * 1024


async def close_gently(receive: Receive) -> None:
    """Read and drop until the body ends, the client leaves, two seconds pass, or 16 MiB came."""
    dropped = 0
    try:
        async with asyncio.timeout(LINGER_S):
            while dropped < LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
