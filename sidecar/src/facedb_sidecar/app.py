"""The application: settings and an engine in, a FastAPI app out.

``uvicorn --factory facedb_sidecar.app:create_app``. The engine is loaded in a worker thread while the app
already answers ``/health`` and ``/ready``.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware

from facedb_release.errors import ReleaseError
from facedb_release.publish.in_use import hold
from facedb_sidecar import logs, metrics
from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.routes import database, health, identify
from facedb_sidecar.serving import Serving
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
        with ExitStack() as held:
            serving = Serving(
                load or (lambda: _load_and_hold(chosen, held)), waiting_limit=chosen.waiting_limit
            )
            app.state.serving = serving
            loading = asyncio.create_task(serving.load())
            loading.add_done_callback(lambda _: metrics.record_release(serving.engine))
            yield
            await loading
            serving.close()

    app = FastAPI(title=TITLE, version="0.1.2", lifespan=lifespan)
    _add_draining(app, chosen)
    # The contract of the plugins: any origin. The API has no sessions to steal.
    app.add_middleware(
        CORSMiddleware, allow_origins=["*"], allow_credentials=True, allow_methods=["*"], allow_headers=["*"]
    )
    for part in (health, database, identify):
        app.include_router(part.router)
    return app


def _load_and_hold(settings: Settings, held: ExitStack) -> Engine:
    """Load the engine; as long as it serves, `facedb import` leaves the folder alone.

    Raises:
        LoadError: also InUse, while an import changes the folder.
    """
    try:
        held.enter_context(hold(settings.release_dir))
    except ReleaseError as error:
        raise LoadError(str(error.reason), error.message) from error
    return Engine.load(settings.release_dir, settings.models_dir, settings.device)


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
