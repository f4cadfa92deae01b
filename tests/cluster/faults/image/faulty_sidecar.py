"""The true sidecar with one fault, chosen by FACEDB_FAULT: `uvicorn --factory faulty_sidecar:serve`.

CrashLoop: ends at its start. NeverReady: loads for ever. WrongVersion: serves another release than was asked
for. Degraded: says that it is ready and finds few of its own faces. Segfault: dies of SIGSEGV whenever
somebody asks whether it is ready, as soon as there is a file "segfault" beside the users' state.
"""

from __future__ import annotations

import ctypes
import json
import os
from pathlib import Path
from typing import Any

from facedb_sidecar.app import serve as true_sidecar

FAULT = os.environ.get("FACEDB_FAULT", "")
WISH = Path(os.environ.get("FACEDB_STATE_DIR", "/state")) / "segfault"
READY = {
    "NeverReady": (503, {"ready": False, "state": "loading", "reason": "Loading", "message": "for ever"}),
    "WrongVersion": (200, {"version": "1999.01.01"}),
    "Degraded": (200, {"recall": 0.1}),
}


def serve() -> Any:
    """The app, injured."""
    if FAULT == "CrashLoop":
        os._exit(3)
    return Faulty(true_sidecar())


class Faulty:
    """Changes what the app answers."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        if scope.get("path") == "/ready":
            await self._ready(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _ready(self, scope: Any, receive: Any, send: Any) -> None:
        if FAULT == "Segfault" and WISH.exists():
            # A signal from outside does nothing to the first process of a container.
            ctypes.string_at(0)
        said: list[Any] = []

        async def keep(message: Any) -> None:
            said.append(message)

        await self._app(scope, receive, keep)
        status = said[0]["status"]
        body = json.loads(b"".join(m.get("body", b"") for m in said[1:]))
        if FAULT in READY and status == 200:
            status, changes = READY[FAULT]
            body = {**body, **changes}
        await _answer(send, status, body)


async def _answer(send: Any, status: int, body: Any) -> None:
    text = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
