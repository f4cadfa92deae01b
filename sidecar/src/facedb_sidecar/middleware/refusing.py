"""A refusal without a route: status, detail and headers → an answer. Cheap: overload is made of these."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

from starlette.types import Receive, Scope, Send

from facedb_sidecar.middleware.lingering import close_gently


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    close: bool = False,
) -> None:
    """Answer ``{"detail": ...}`` without having read the body.

    What the client still sends of a body is thrown away by uvicorn as it comes, and the connection stays good
    for its next request. Only where nobody knows how much would come is the connection closed: ``close``, or
    a client that waits for ``100 Continue`` and may or may not send its body now (RFC 9110, 10.1.1).
    """
    body = _body_of(detail)
    fields = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in (headers or {}).items()),
    ]
    closing = close or header(scope, b"expect") is not None
    if closing:
        fields.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": close})
    if close:
        await close_gently(receive)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@lru_cache(maxsize=64)
def _body_of(detail: str) -> bytes:
    return json.dumps({"detail": detail}).encode()


def header(scope: Scope, name: bytes) -> bytes | None:
    """The first value of a header; names are lower case in ASGI."""
    for field, value in scope["headers"]:
        if field == name:
            found: bytes = value
            return found
    return None


def content_length(scope: Scope) -> int | None:
    """The bytes of body that the client announced; 0 without a body, None when it does not say (chunked)."""
    if header(scope, b"transfer-encoding") is not None:
        return None
    announced = header(scope, b"content-length") or b"0"
    # The server's parser has refused everything but digits; other servers may not have.
    return int(announced) if announced.isdigit() else None
