"""What routes ask for: the parts of this process, as FastAPI dependencies."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from facedb_sidecar.engine import Engine
from facedb_sidecar.parts import Parts
from facedb_sidecar.serving import Serving

RETRY_AFTER_S = "10"


def parts_of(request: Request) -> Parts:
    """The process's parts."""
    parts: Parts = request.app.state.parts
    return parts


PartsDep = Annotated[Parts, Depends(parts_of)]


def serving_of(request: Request) -> Serving:
    """The process's one Serving."""
    serving: Serving = parts_of(request).serving
    return serving


ServingDep = Annotated[Serving, Depends(serving_of)]


def engine_of(serving: ServingDep) -> Engine:
    """The loaded engine.

    Raises:
        HTTPException: 503 with Retry-After while there is none.
    """
    if serving.engine is None:
        raise HTTPException(
            503,
            f"Face recognition unavailable: {serving.trouble.message}",
            headers={"Retry-After": RETRY_AFTER_S},
        )
    return serving.engine


EngineDep = Annotated[Engine, Depends(engine_of)]
