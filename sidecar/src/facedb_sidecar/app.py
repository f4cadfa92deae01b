"""The application: settings and an engine in, a FastAPI app out.

``uvicorn --factory facedb_sidecar.app:create_app``. The engine is loaded in a worker thread while the app
already answers ``/health`` and ``/ready``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware

from facedb_sidecar import logs, metrics
from facedb_sidecar.engine import Engine
from facedb_sidecar.parts import open_parts
from facedb_sidecar.routes import ROUTERS
from facedb_sidecar.settings import Settings

TITLE = "Stash Sense API"

Handler = Callable[[Request], Awaitable[Response]]


def create_app(settings: Settings | None = None, load: Callable[[], Engine] | None = None) -> FastAPI:
    """Build the app.

    Args:
        settings: default: from the environment.
        load: makes the engine; default: from the settings' folders. Raises LoadError.
    """
    chosen = settings or Settings.from_env()
    logs.configure(chosen.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_parts(chosen, load) as parts:
            app.state.parts = parts
            serving = parts.serving
            loading = asyncio.create_task(serving.load())
            loading.add_done_callback(lambda _: metrics.record_release(serving.engine))
            yield
            await loading

    app = FastAPI(title=TITLE, version="0.1.2", lifespan=lifespan)
    _add_draining(app, chosen)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(chosen.access.origins),
        allow_credentials=True,
        allow_methods=["*"],
        allow_headers=["*"],
    )
    for router in ROUTERS:
        app.include_router(router)
    return app


def _add_draining(app: FastAPI, settings: Settings) -> None:
    """Count every request, and while draining ask every client to close its connection."""

    @app.middleware("http")
    async def drain(request: Request, call_next: Handler) -> Response:
        began = time.perf_counter()
        response = await call_next(request)
        if settings.draining_file.exists():
            response.headers["Connection"] = "close"
        metrics.record_request(request, response, time.perf_counter() - began)
        return response
