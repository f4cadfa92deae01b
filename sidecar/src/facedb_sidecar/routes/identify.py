"""``/identify`` and ``/identify/url``: an image in, faces and names out. No arithmetic here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

from facedb_sidecar.engine import Engine, Identified
from facedb_sidecar.engine.matching import Match
from facedb_sidecar.identifying import Ask, identify_photo, signals_of
from facedb_sidecar.parts import Parts
from facedb_sidecar.photos import Encoded
from facedb_sidecar.routes.answers import GATE, RECOGNITION_FAILED
from facedb_sidecar.routes.needs import EngineDep, PartsDep
from facedb_sidecar.schemas import identify as schemas

router = APIRouter(tags=["identify"], responses={**GATE, **RECOGNITION_FAILED})


@router.post("/identify", summary="Who is in an image")
async def identify(
    request: schemas.IdentifyRequest, engine: EngineDep, parts: PartsDep
) -> schemas.IdentifyResponse:
    """Identify the faces of an image that is sent or named by URL."""
    photo: Encoded
    if request.image_url:
        photo = await parts.outbound.get(request.image_url)
    elif request.image_base64:
        photo = request.image_base64
    else:
        raise HTTPException(400, "Must provide either image_url or image_base64")
    return await _identified(engine, parts, photo, request)


@router.post("/identify/url", summary="Who is in the image at a URL")
async def identify_url(
    engine: EngineDep,
    parts: PartsDep,
    url: Annotated[str, Query(description="http or https", examples=["https://example.org/photo.jpg"])],
    top_k: Annotated[int, Query(ge=1, le=20)] = 5,
    max_distance: Annotated[float, Query(ge=0.0, le=2.0)] = 0.6,
) -> schemas.IdentifyResponse:
    """Identify the faces of an image by its URL."""
    request = schemas.IdentifyRequest(image_url=url, top_k=top_k, max_distance=max_distance)
    return await _identified(engine, parts, await parts.outbound.get(url), request)


async def _identified(
    engine: Engine, parts: Parts, photo: Encoded, request: schemas.IdentifyRequest
) -> schemas.IdentifyResponse:
    signals = signals_of(
        parts.preferences,
        multi=request.use_multi_signal,
        body=request.use_body,
        tattoo=request.use_tattoo,
    )
    ask = Ask(request.top_k, request.max_distance, request.min_face_confidence, signals)
    found = await identify_photo(engine, parts.serving, parts.decoder, photo, ask)
    return schemas.IdentifyResponse(faces=[face_result(f) for f in found], face_count=len(found))


def face_result(found: Identified) -> schemas.FaceResult:
    """A face as clients read it."""
    box = found.face.box
    return schemas.FaceResult(
        box=schemas.FaceBox(
            x=box.x, y=box.y, width=box.width, height=box.height, confidence=found.face.confidence
        ),
        matches=[performer_match(m) for m in found.matches],
    )


def performer_match(match: Match) -> schemas.PerformerMatch:
    """A match as clients read it."""
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
        already_tagged=match.already_tagged,
    )
