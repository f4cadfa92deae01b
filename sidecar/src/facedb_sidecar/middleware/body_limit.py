"""How large a body may be, and how long it may take: 413 and 408 with a clear detail.

A length that the client announces is judged before anything is read; a chunked body is counted as it comes.
"""

from __future__ import annotations

import asyncio

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facedb_sidecar import metrics
from facedb_sidecar.middleware.lingering import close_gently
from facedb_sidecar.middleware.refusing import content_length, refuse
from facedb_sidecar.settings import Limits

# Only these carry images; whatever else is sent here is a few lines of JSON.
WITH_IMAGES = "/identify"
OTHER_BODY_BYTES = 1024 * 1024


class BodyLimit:
    """Refuses bodies that are too large or too slow."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge the announced length, then count what comes."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        most = self._most(scope["path"])
        announced = content_length(scope)
        if announced is not None and announced > most:
            metrics.REJECTIONS.labels("body").inc()
            detail = f"The body has {announced} bytes; at most {most} are read"
            await refuse(scope, receive, send, 413, detail, close=True)
        elif announced == 0:
            await self._app(scope, receive, send)
        else:
            body = _Body(receive, send, most, self._limits.body_seconds)
            await self._app(scope, body.receive, body.send)

    def _most(self, path: str) -> int:
        most = self._limits.body_bytes
        return most if path.startswith(WITH_IMAGES) else min(most, OTHER_BODY_BYTES)


class _Body:
    """One body on its way in. Once it was cut, the answer's end waits until the client could read it."""

    def __init__(self, receive: Receive, send: Send, most: int, seconds: float) -> None:
        self._receive, self._send = receive, send
        self._most, self._seconds = most, seconds
        self._came = 0
        self._complete = False
        self._cut = False
        self._deadline = asyncio.get_running_loop().time() + seconds

    async def receive(self) -> Message:
        """The next part of the body.

        Raises:
            HTTPException: 413, more than may be; 408, it takes too long.
        """
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            detail = f"The body did not come within {self._seconds:g} seconds"
            raise self._refusal(408, detail) from None
        self._came += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._came > self._most:
            detail = f"The body has more than the {self._most} bytes that are read"
            raise self._refusal(413, detail)
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on."""
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if not (self._cut and last):
            await self._send(message)
            return
        await self._send({**message, "more_body": True})
        await close_gently(self._receive)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    def _refusal(self, status: int, detail: str) -> HTTPException:
        metrics.REJECTIONS.labels("body").inc()
        self._cut = True
        return HTTPException(status, detail, headers={"Connection": "close"})
