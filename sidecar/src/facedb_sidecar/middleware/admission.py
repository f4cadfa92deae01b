"""Who may come in to be identified: judged from the head of a request, before its body is read.

The contract's gate (an update, no engine) comes first, then whether there is room. A place is held until the
answer is sent, so that waiting requests and their bodies together stay within the limits.
"""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Receive, Scope, Send

from facedb_sidecar import metrics
from facedb_sidecar.middleware.observing import DULL
from facedb_sidecar.middleware.refusing import content_length, refuse
from facedb_sidecar.refusals import Busy, Refusal, Updating
from facedb_sidecar.serving import Serving
from facedb_sidecar.settings import Limits

PATH = "/identify"
SECONDS_BETWEEN_LINES = 5.0

log = logging.getLogger(__name__)


class Admission:
    """Gives places to ``POST /identify*``; everything else passes."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self._app = app
        self._limits = limits
        self._untold = 0
        self._next_line = 0.0

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
            self._tell(scope, refusal)
            await refuse(scope, receive, send, refusal.status, refusal.detail, headers=refusal.headers)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            serving.places.give(size)

    def _tell(self, scope: Scope, refusal: Refusal) -> None:
        """Count every refusal; write a line of them now and then."""
        metrics.REJECTIONS.labels(_word(refusal)).inc()
        self._untold += 1
        scope[DULL] = True
        now = time.monotonic()
        if now >= self._next_line:
            log.warning("%s: %d requests sent away", refusal.detail, self._untold)
            self._untold, self._next_line = 0, now + SECONDS_BETWEEN_LINES


def _word(refusal: Refusal) -> str:
    match refusal:
        case Busy():
            return "busy"
        case Updating():
            return "updating"
        case _:
            return "unavailable"
