"""An error that nobody foresaw → ``500 Internal Server Error`` in plain text, and a traceback in the log."""

from __future__ import annotations

import logging

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facedb_sidecar import metrics

log = logging.getLogger(__name__)


class Failing:
    """Stands inside of what adds headers to answers; the framework's own would stand outside."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            # The edge: one request's failure must end neither the process nor the log's one-line format.
            log.exception("%s %s failed", scope["method"], scope["path"])
            metrics.FAILURES.inc()
            if started:
                raise
            await PlainTextResponse("Internal Server Error", 500)(scope, receive, send)
