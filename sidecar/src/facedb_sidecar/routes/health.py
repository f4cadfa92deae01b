"""``/health*`` for plugins and liveness, ``/ready`` for readiness and the operator, ``/metrics``."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response

from facedb_sidecar import metrics as measured
from facedb_sidecar.engine import Engine
from facedb_sidecar.frames import ffmpeg_available
from facedb_sidecar.parts import Parts
from facedb_sidecar.routes.needs import PartsDep, ServingDep
from facedb_sidecar.schemas import health as schemas
from facedb_sidecar.serving import State

router = APIRouter(tags=["health"])


@router.get("/health", summary="Is anybody there, and is a release loaded")
async def health(request: Request, serving: ServingDep) -> schemas.Health:
    """Always 200, always quick: degraded means that no release is loaded."""
    engine = serving.engine
    status: Literal["healthy", "degraded"] = "healthy" if engine else "degraded"
    return schemas.Health(
        status=status,
        database_loaded=engine is not None,
        performer_count=engine.catalog.performer_count if engine else 0,
        face_count=engine.catalog.face_count if engine else 0,
        version=request.app.version,
    )


@router.get("/health/ffmpeg", summary="Can frames be taken out of videos")
async def ffmpeg() -> schemas.FfmpegHealth:
    """Runs ``ffmpeg -version``, for at most 5 seconds."""
    available = await ffmpeg_available()
    return schemas.FfmpegHealth(ffmpeg_available=available, v2_endpoint_ready=available)


@router.get("/health/rate-limiter", summary="How the requests to Stash wait")
async def rate_limiter(parts: PartsDep) -> schemas.RateLimiterHealth:
    """Of the process's life so far; zeros while there is no Stash."""
    stash = getattr(parts, "stash", None)
    if stash is None:
        return schemas.RateLimiterHealth()
    said = stash.rate_stats()
    return schemas.RateLimiterHealth(
        total_requests=said.total_requests,
        total_wait_time=said.total_wait_time,
        avg_wait_time=said.avg_wait_time,
        queue_size=said.queue_size,
        requests_per_second=said.requests_per_second,
    )


@router.get(
    "/ready",
    summary="Is a release loaded, warm and checked",
    responses={503: {"model": schemas.NotReady, "description": "Not yet, or it cannot be; says why"}},
)
async def ready(parts: PartsDep, response: Response) -> schemas.Ready | schemas.NotReady:
    """200 once the release is loaded, warm and has found its own faces; until then 503 that says why not."""
    serving = parts.serving
    if serving.engine is not None:
        return _ready(serving.engine, parts)
    response.status_code = 503
    state: Literal["loading", "failed"] = "failed" if serving.state is State.FAILED else "loading"
    return schemas.NotReady(state=state, reason=serving.trouble.reason, message=serving.trouble.message)


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(serving: ServingDep) -> Response:
    """Prometheus text format."""
    return Response(measured.exposition(serving), media_type=measured.CONTENT_TYPE)


def _ready(engine: Engine, parts: Parts) -> schemas.Ready:
    device = engine.models.device
    return schemas.Ready(
        version=engine.receipt.version,
        digest=engine.receipt.digest,
        performer_count=engine.catalog.performer_count,
        face_count=engine.catalog.face_count,
        device=schemas.Device(requested=device.requested, provider=device.provider),
        self_check=schemas.SelfCheck(passed=True, checked=engine.checked),
        recall=round(engine.quality.recall, 4),
        query_ms=round(engine.quality.query_ms, 3),
        search=parts.settings.search,
        warnings=_warnings(engine, parts),
    )


def _warnings(engine: Engine, parts: Parts) -> list[str]:
    """What works less well than asked for: another device, a signal without its model, a state in memory."""
    device = [engine.models.device.warning] if engine.models.device.warning else []
    # Without a folder nobody asked for a state that lasts.
    state = [parts.state.warning] if parts.state.warning and parts.settings.state_dir else []
    return [*device, *state, *(f"{signal}: {why}" for signal, why in engine.signals.missing.items())]
