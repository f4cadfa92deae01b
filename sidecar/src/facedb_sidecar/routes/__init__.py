"""HTTP routes: each file one part of the contract. They know schemas and ``Serving``, no arrays."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from facedb_sidecar.engine import Engine
from facedb_sidecar.serving import Serving

RETRY_AFTER_S = "10"


def serving_of(request: Request) -> Serving:
    """The process's one Serving."""
    serving: Serving = request.app.state.serving
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
