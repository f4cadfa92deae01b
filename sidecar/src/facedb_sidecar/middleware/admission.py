"""Who may come in to be identified: judged from the head of a request, before its body is read.

The contract's gate (an update, no engine) comes first, then whether there is room. A place is held until the
answer is sent, so that waiting requests and their bodies together stay within the limits.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from facedb_sidecar import metrics
from facedb_sidecar.middleware.refusing import content_length, refuse
from facedb_sidecar.refusals import Busy, Refusal, Updating
from facedb_sidecar.serving import Serving
from facedb_sidecar.settings import Limits

PATH = "/identify"


class Admission:
    """Gives places to ``POST /identify*``; everything else passes."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge the request."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith(PATH):
            await self._app(scope, receive, send)
            return
        serving: Serving = scope["app"].state.parts.serving
        # Who does not say how large its body is may bring the largest.
        size = content_length(scope)
        size = self._limits.body_bytes if size is None else size
        try:
            serving.require()
            serving.places.take(size)
        except Refusal as refusal:
            metrics.REJECTIONS.labels(_word(refusal)).inc()
            await refuse(scope, receive, send, refusal.status, refusal.detail, headers=refusal.headers)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            serving.places.give(size)


def _word(refusal: Refusal) -> str:
    match refusal:
        case Busy():
            return "busy"
        case Updating():
            return "updating"
        case _:
            return "unavailable"
