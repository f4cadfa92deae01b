"""Apps for uvicorn processes under test: ``uvicorn --factory edge_apps:NAME``."""

from __future__ import annotations

import threading

from fastapi import FastAPI

from facedb_sidecar import app
from facedb_sidecar.engine import Engine


def loads_forever() -> FastAPI:
    """A sidecar whose release never comes off a dead disk."""
    app.LOAD_GRACE_S = 0.2

    def load() -> Engine:
        threading.Event().wait()
        raise AssertionError

    return app.create_app(load=load)
