"""What every request passes before a route sees it, as plain ASGI.

The order, outermost first; it matters, and this is the one place that says it:

1. Observing: a request id for the answer and every log line, metrics, one access line. Sees all refusals.
2. Draining: while the pod leaves, every answer asks its client to close the connection.
3. CORS: outside of what refuses, so that pages in browsers can read refusals; answers preflights itself.
4. Failing: an error that nobody foresaw → 500 in the contract's words, with all headers of the above.
5. ApiKey: strangers go no further. Only there when a key is set.
6. BodyLimit: a body that says it is too large goes no further; one that turns out to be, or drips, is cut.
7. Admission: ``/identify*`` only: no engine, an update, or a full house → 503 before the body is read.
"""

from __future__ import annotations

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from facedb_sidecar.middleware.admission import Admission
from facedb_sidecar.middleware.api_key import ApiKey
from facedb_sidecar.middleware.body_limit import BodyLimit
from facedb_sidecar.middleware.draining import Draining
from facedb_sidecar.middleware.failing import Failing
from facedb_sidecar.middleware.observing import Observing
from facedb_sidecar.settings import Settings


def stack(settings: Settings, paths: frozenset[str]) -> list[Middleware]:
    """The layers for FastAPI, outermost first.

    Args:
        settings: of the process.
        paths: of all routes without parameters, so that refusals before routing are counted under their path.
    """
    access = settings.access
    cors = Middleware(
        CORSMiddleware,
        allow_origins=list(access.origins),
        allow_credentials=True,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=["Retry-After", "X-Request-ID"],
    )
    return [
        Middleware(Observing, paths=paths),
        Middleware(Draining, file=settings.draining_file),
        cors,
        Middleware(Failing),
        *([Middleware(ApiKey, key=access.api_key)] if access.api_key else []),
        Middleware(BodyLimit, limits=settings.limits),
        Middleware(Admission, limits=settings.limits),
    ]
