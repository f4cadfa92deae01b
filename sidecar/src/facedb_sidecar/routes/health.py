"""``/health`` for plugins and liveness, ``/ready`` for readiness and the operator, ``/metrics``."""

from typing import Literal

import prometheus_client
from fastapi import APIRouter, Response

from facedb_sidecar.engine import Engine
from facedb_sidecar.routes.needs import ServingDep
from facedb_sidecar.schemas import health as schemas
from facedb_sidecar.serving import State

router = APIRouter()


@router.get("/health")
async def health(serving: ServingDep) -> schemas.Health:
    """Always 200, always quick: degraded means that no release is loaded."""
    engine = serving.engine
    status: Literal["healthy", "degraded"] = "healthy" if engine else "degraded"
    return schemas.Health(
        status=status,
        database_loaded=engine is not None,
        performer_count=len(engine.catalog.performers) if engine else 0,
        face_count=len(engine.catalog.faces) if engine else 0,
    )


@router.get("/ready", responses={503: {"model": schemas.NotReady}})
async def ready(serving: ServingDep, response: Response) -> schemas.Ready | schemas.NotReady:
    """200 once the release is loaded, warm and has found its own faces; until then 503 that says why not."""
    if serving.engine is not None:
        return _ready(serving.engine)
    response.status_code = 503
    state: Literal["loading", "failed"] = "failed" if serving.state is State.FAILED else "loading"
    return schemas.NotReady(state=state, reason=serving.trouble.reason, message=serving.trouble.message)


@router.get("/metrics")
async def metrics() -> Response:
    """Prometheus text format."""
    return Response(prometheus_client.generate_latest(), media_type=prometheus_client.CONTENT_TYPE_LATEST)


def _ready(engine: Engine) -> schemas.Ready:
    return schemas.Ready(
        version=engine.receipt.version,
        digest=engine.receipt.digest,
        performer_count=len(engine.catalog.performers),
        face_count=len(engine.catalog.faces),
        device=schemas.Device(
            requested=engine.models.device.requested, provider=engine.models.device.provider
        ),
        self_check=schemas.SelfCheck(passed=True, checked=engine.checked),
    )
