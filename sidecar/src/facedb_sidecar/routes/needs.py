"""What routes ask for: the parts of this process, as FastAPI dependencies.

All are coroutines: FastAPI would run plain functions in its thread pool, a hop for every request.
"""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from facedb_sidecar.engine import Engine
from facedb_sidecar.parts import Parts
from facedb_sidecar.serving import Serving


async def parts_of(request: Request) -> Parts:
    """The process's parts."""
    parts: Parts = request.app.state.parts
    return parts


PartsDep = Annotated[Parts, Depends(parts_of)]


async def serving_of(parts: PartsDep) -> Serving:
    """The process's one Serving."""
    return parts.serving


ServingDep = Annotated[Serving, Depends(serving_of)]


async def engine_of(serving: ServingDep) -> AsyncIterator[Engine]:
    """The loaded engine, the same one to the end of the request.

    Raises:
        Refusal: 503 with Retry-After while there is none.
    """
    with serving.borrow() as engine:
        yield engine


EngineDep = Annotated[Engine, Depends(engine_of)]
