"""The application: settings and an engine in, a FastAPI app out.

``uvicorn --factory facedb_sidecar.app:serve``. The engine is loaded in a thread of its own while the app
already answers ``/health`` and ``/ready``.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from facedb_sidecar import logs, refusals
from facedb_sidecar.document import document_when_asked
from facedb_sidecar.engine import Engine
from facedb_sidecar.middleware import stack
from facedb_sidecar.parts import Parts, open_parts
from facedb_sidecar.routes import ROUTERS
from facedb_sidecar.routes.answers import COMMON
from facedb_sidecar.settings import Settings

TITLE = "Stash Sense API"
# Of the API, as the plugin knows it.
VERSION = "0.1.2"
DESCRIPTION = """\
Identifies performers by face from a verified release. Errors are `{"detail": ...}`; 503 comes with
`Retry-After`. `/health` always answers; `/ready` says whether a release is loaded."""
# Python's own 5 ms would let three busy threads keep the event loop from the interpreter for 15 ms.
SWITCH_INTERVAL_S = 0.001
# A load that SIGTERM interrupts is waited for this long; then the process ends without it.
LOAD_GRACE_S = 5.0


def serve() -> FastAPI:
    """The app as its container runs it: from the environment, and made in full before the first request."""
    return made_in_full(create_app())


def made_in_full(app: FastAPI) -> FastAPI:
    """Do now what would hold the event loop up later.

    FastAPI makes the routes when they are first asked for: 0.3 s. What the collector need not look at again
    it skips from here on: it would stop all threads for 0.1 s in the middle of a load.
    """
    for _ in iter_route_contexts(app.routes):
        pass
    gc.collect()
    gc.freeze()
    return app


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
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        async with open_parts(chosen, load) as parts:
            app.state.parts = parts
            loading = asyncio.create_task(_begin(parts))
            yield
            await asyncio.wait({loading}, timeout=LOAD_GRACE_S)
            loading.cancel()

    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        responses=COMMON,
        middleware=stack(chosen, _plain_paths()),
    )
    refusals.register(app)
    for router in ROUTERS:
        app.include_router(router)
    document_when_asked(app)
    return app


async def _begin(parts: Parts) -> None:
    """Load the first engine; then go on with an update that the last process did not end."""
    await parts.serving.load()
    await parts.updates.begin()


def _plain_paths() -> frozenset[str]:
    """The paths without parameters."""
    paths = (getattr(route, "path", "") for router in ROUTERS for route in router.routes)
    return frozenset(path for path in paths if "{" not in path)
