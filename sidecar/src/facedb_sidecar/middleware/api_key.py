"""The optional key: strangers get 401. Off by default, since the plugin sends none."""

from __future__ import annotations

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from facedb_sidecar import metrics
from facedb_sidecar.middleware.refusing import header, refuse

# Probes and scrapers come from the cluster itself, and tell nothing but counts.
OPEN = frozenset({"/health", "/ready", "/metrics"})
DETAIL = "This sidecar asks for an API key: send it as 'Authorization: Bearer KEY' or in the header 'ApiKey'"


class ApiKey:
    """Lets requests with the key pass, and probes."""

    def __init__(self, app: ASGIApp, *, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge the request."""
        if scope["type"] != "http" or scope["path"] in OPEN or self._known(scope):
            await self._app(scope, receive, send)
            return
        metrics.REJECTIONS.labels("key").inc()
        await refuse(
            scope, receive, send, 401, DETAIL, headers={"WWW-Authenticate": "Bearer"}, close=_has_body(scope)
        )

    def _known(self, scope: Scope) -> bool:
        scheme, _, token = (header(scope, b"authorization") or b"").partition(b" ")
        bearer = token.strip() if scheme.lower() == b"bearer" else b""
        sent = header(scope, b"apikey") or b""
        # Both are compared, and in constant time: an answer's delay tells nothing of the key.
        return hmac.compare_digest(bearer, self._key) | hmac.compare_digest(sent, self._key)


def _has_body(scope: Scope) -> bool:
    """Strangers may not make us read their bodies to the end."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
