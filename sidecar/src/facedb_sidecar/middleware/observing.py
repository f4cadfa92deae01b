"""Request ids, metrics and the access log: what is known of every request, refused ones included.

An access line holds no query and no headers: they may hold keys.
"""

from __future__ import annotations

import logging
import os
import re
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facedb_sidecar import metrics
from facedb_sidecar.logs import REQUEST_ID
from facedb_sidecar.middleware.refusing import header

# What a proxy in front sends is kept as it is, unless it could break a log or a header.
SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
# Asked every few seconds by machines: not worth a line.
PROBES = frozenset({"/health", "/ready", "/metrics"})
# nginx's word for a client that left before its answer.
CLIENT_LEFT = 499
OTHER = "other"
# Set in a request's scope by who has told of it already: many refusals must not become as many lines.
DULL = "facedb_sidecar.dull"

log = logging.getLogger("facedb_sidecar.access")


class Observing:
    """The outermost layer.

    Args:
        app: the next layer.
        paths: of all routes without parameters.
    """

    def __init__(self, app: ASGIApp, *, paths: frozenset[str]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the request, pass it on, and say what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = request_id_of(scope)
        token = REQUEST_ID.set(request_id)
        status, began = CLIENT_LEFT, time.perf_counter()

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, named)
        finally:
            self._record(scope, status, time.perf_counter() - began)
            REQUEST_ID.reset(token)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        metrics.record_request(self._label(scope), status, seconds)
        dull = scope.get(DULL, False) or (scope["path"] in PROBES and status < 400)
        level = logging.DEBUG if dull else logging.INFO
        if log.isEnabledFor(level):
            facts = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "ms": round(seconds * 1000, 1),
            }
            log.log(level, "%s %s %d", scope["method"], scope["path"], status, extra={"facts": facts})

    def _label(self, scope: Scope) -> str:
        """The route's path, with its parameters' names: what clients invent must not make new series."""
        path = getattr(scope.get("route"), "path", None)
        if path is None and scope["path"] in self._paths:
            path = scope["path"]
        return str(path or OTHER)


def request_id_of(scope: Scope) -> str:
    """The client's ``X-Request-ID`` if it is harmless, else a new one."""
    sent = header(scope, b"x-request-id")
    if sent is not None and SANE_ID.fullmatch(sent):
        return sent.decode()
    return os.urandom(16).hex()
