"""``/identify``: an image in, faces and names out. Decode → engine → schema; no arithmetic here."""

from collections.abc import Callable
from typing import Annotated

import httpx
from fastapi import APIRouter, HTTPException, Query

from facedb_sidecar.engine import Engine, Identified
from facedb_sidecar.engine.matching import Match
from facedb_sidecar.photos import MOST_BYTES, BadImage, decode_base64, decode_image
from facedb_sidecar.routes.needs import RETRY_AFTER_S, EngineDep, ServingDep
from facedb_sidecar.schemas import identify as schemas
from facedb_sidecar.serving import Busy, Serving

FETCH_TIMEOUT_S = 30.0

router = APIRouter()


@router.post("/identify")
async def identify(
    request: schemas.IdentifyRequest, engine: EngineDep, serving: ServingDep
) -> schemas.IdentifyResponse:
    """Identify the faces of an image that is sent or named by URL."""
    if request.image_url:
        data = await _fetch(request.image_url)
    elif request.image_base64:
        data = _decoded(request.image_base64)
    else:
        raise HTTPException(400, "Must provide either image_url or image_base64")
    return await _identify(engine, serving, data, request)


@router.post("/identify/url")
async def identify_url(
    url: str,
    engine: EngineDep,
    serving: ServingDep,
    top_k: Annotated[int, Query(ge=1, le=20)] = 5,
    max_distance: Annotated[float, Query(ge=0.0, le=2.0)] = 0.6,
) -> schemas.IdentifyResponse:
    """Identify the faces of an image by its URL."""
    request = schemas.IdentifyRequest(image_url=url, top_k=top_k, max_distance=max_distance)
    return await _identify(engine, serving, await _fetch(url), request)


async def _identify(
    engine: Engine, serving: Serving, data: bytes, request: schemas.IdentifyRequest
) -> schemas.IdentifyResponse:
    try:
        found = await serving.run(_work(engine, data, request))
    except BadImage as error:
        raise HTTPException(400, f"Failed to decode image: {error}") from error
    except Busy as error:
        headers = {"Retry-After": RETRY_AFTER_S}
        raise HTTPException(503, "Too many requests are waiting; try again later", headers=headers) from error
    return schemas.IdentifyResponse(faces=[_face(f) for f in found], face_count=len(found))


def _work(
    engine: Engine, data: bytes, request: schemas.IdentifyRequest
) -> Callable[[], tuple[Identified, ...]]:
    def work() -> tuple[Identified, ...]:
        return engine.identify(
            decode_image(data),
            top_k=request.top_k,
            max_distance=request.max_distance,
            min_confidence=request.min_face_confidence,
        )

    return work


def _decoded(text: str) -> bytes:
    try:
        return decode_base64(text)
    except BadImage as error:
        raise HTTPException(400, f"Failed to decode image: {error}") from error


async def _fetch(url: str) -> bytes:
    """Load an image, at most 32 MiB of it."""
    data = bytearray()
    try:
        async with (
            httpx.AsyncClient(timeout=FETCH_TIMEOUT_S, follow_redirects=True) as client,
            client.stream("GET", url) as reply,
        ):
            reply.raise_for_status()
            async for chunk in reply.aiter_bytes():
                data += chunk
                if len(data) > MOST_BYTES:
                    raise HTTPException(400, f"Failed to fetch image: larger than {MOST_BYTES} bytes")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise HTTPException(400, f"Failed to fetch image: {error}") from error
    return bytes(data)


def _face(found: Identified) -> schemas.FaceResult:
    box = found.face.box
    return schemas.FaceResult(
        box=schemas.FaceBox(
            x=box.x, y=box.y, width=box.width, height=box.height, confidence=found.face.confidence
        ),
        matches=[_match(m) for m in found.matches],
    )


def _match(match: Match) -> schemas.PerformerMatch:
    who = match.performer
    return schemas.PerformerMatch(
        stashdb_id=who.stashbox_id,
        name=who.name,
        confidence=match.confidence,
        distance=match.distance,
        facenet_distance=match.facenet_distance,
        arcface_distance=match.arcface_distance,
        country=who.country,
        image_url=who.image_url,
        endpoint=who.endpoint,
    )
