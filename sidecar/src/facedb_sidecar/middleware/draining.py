"""While the pod leaves the endpoints, every answer asks its client to open its next connection elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Draining:
    """Adds ``Connection: close`` while the file exists; see facedb_sidecar.drain."""

    def __init__(self, app: ASGIApp, *, file: Path) -> None:
        self._app = app
        self._file = str(file)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start" and os.path.exists(self._file):
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, closing)
