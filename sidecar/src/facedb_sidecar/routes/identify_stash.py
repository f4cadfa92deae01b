"""``/identify/image``, ``/identify/gallery``, ``/identify/scene``: things of Stash in, names out."""

from __future__ import annotations

from fastapi import APIRouter, Request

from facedb_sidecar.engine import SceneOptions, Wanted
from facedb_sidecar.engine.galleries import GalleryPerformer
from facedb_sidecar.engine.persons import Person
from facedb_sidecar.identifying import Ask, signals_of
from facedb_sidecar.parts import Parts
from facedb_sidecar.routes.answers import COMMON, GATE, RECOGNITION_FAILED, Answers
from facedb_sidecar.routes.identify import face_result, performer_match
from facedb_sidecar.routes.leaving import while_client_waits
from facedb_sidecar.routes.needs import EngineDep, PartsDep
from facedb_sidecar.scenes import MOST_ERRORS, SceneAnswer, SceneRequest, analyse_scene
from facedb_sidecar.schemas import identify as faces
from facedb_sidecar.schemas import identify_stash as schemas
from facedb_sidecar.schemas.errors import Detail
from facedb_sidecar.stash_images import GalleryAnswer, analyse_gallery, analyse_image

NOT_FOUND: Answers = {404: {"model": Detail, "description": "Stash has no such scene, image or gallery"}}

router = APIRouter(
    prefix="/identify", tags=["identify"], responses=COMMON | GATE | NOT_FOUND | RECOGNITION_FAILED
)


@router.post("/image", summary="Who is in an image of Stash")
async def identify_image(
    body: schemas.ImageRequest, engine: EngineDep, parts: PartsDep
) -> faces.IdentifyResponse:
    """Identify the faces of an image of Stash; what was found is kept as the image's fingerprint."""
    ask = Ask(body.top_k, body.max_distance, body.min_face_confidence, wanted(body, parts))
    found = await analyse_image(parts, engine, body.image_id, ask)
    return faces.IdentifyResponse(faces=[face_result(f) for f in found], face_count=len(found))


@router.post("/gallery", summary="Who is in a gallery of Stash")
async def identify_gallery(
    body: schemas.GalleryRequest, request: Request, engine: EngineDep, parts: PartsDep
) -> schemas.GalleryResponse:
    """Identify the faces of all images of a gallery, and tell who is in the gallery."""
    ask = Ask(body.top_k, body.max_distance, body.min_face_confidence)
    found = await while_client_waits(request, analyse_gallery(parts, engine, body.gallery_id, ask))
    return _gallery(body.gallery_id, found)


@router.post("/scene", summary="Who is in a scene of Stash")
async def identify_scene(
    body: schemas.SceneRequest, request: Request, parts: PartsDep
) -> schemas.SceneResponse:
    """Look at frames of a scene, tell who is in it, and keep that as the scene's fingerprint."""
    asked = SceneRequest(
        scene_id=body.scene_id,
        num_frames=body.num_frames,
        start_pct=body.start_offset_pct,
        end_pct=body.end_offset_pct,
        options=_options(body, parts),
    )
    return _scene(body, await while_client_waits(request, analyse_scene(parts, asked)))


def wanted(body: schemas.Signals, parts: Parts) -> Wanted | None:
    """The signals that a request asks for, as far as they are switched on; None for none."""
    return signals_of(
        parts.preferences, multi=body.use_multi_signal, body=body.use_body, tattoo=body.use_tattoo
    )


def _options(body: schemas.SceneRequest, parts: Parts) -> SceneOptions:
    return SceneOptions(
        min_face_size=body.min_face_size,
        min_face_confidence=body.min_face_confidence,
        top_k=body.top_k,
        max_distance=body.max_distance,
        cluster_threshold=body.cluster_threshold,
        matching_mode=body.matching_mode,
        scene_performer_stashdb_ids=tuple(body.scene_performer_stashdb_ids),
        signals=wanted(body, parts),
    )


def _scene(body: schemas.SceneRequest, answer: SceneAnswer) -> schemas.SceneResponse:
    found = answer.result
    return schemas.SceneResponse(
        scene_id=body.scene_id,
        frames_analyzed=found.frames_analyzed,
        frames_requested=body.num_frames,
        faces_detected=found.faces_detected,
        faces_after_filter=found.faces_after_filter,
        persons=[_person(person) for person in found.persons],
        errors=list(answer.errors[:MOST_ERRORS]),
        fingerprint_saved=answer.fingerprint_error is None,
        fingerprint_error=answer.fingerprint_error,
        timing=_timing(answer),
        multi_signal_used=found.multi_signal_used,
    )


def _timing(answer: SceneAnswer) -> schemas.Timing:
    stages = answer.result.timing
    return schemas.Timing(
        total_ms=round(answer.total_ms, 1),
        extraction_ms=round(answer.extraction_ms, 1),
        face_loop_ms=round(stages.face_loop_ms, 1),
        detection_ms=round(stages.detection_ms, 1),
        embedding_ms=round(stages.embedding_ms, 1),
        recognition_ms=round(stages.recognition_ms, 1),
        matching_ms=round(stages.matching_ms, 1),
    )


def _person(person: Person) -> schemas.Person:
    return schemas.Person(
        person_id=person.person_id,
        frame_count=person.frame_count,
        best_match=performer_match(person.best_match) if person.best_match else None,
        all_matches=[performer_match(match) for match in person.all_matches],
        signals_used=list(person.signals_used),
        tattoos_detected=person.tattoos_detected,
    )


def _gallery(gallery_id: str, found: GalleryAnswer) -> schemas.GalleryResponse:
    return schemas.GalleryResponse(
        gallery_id=gallery_id,
        total_images=found.total_images,
        images_processed=found.images_processed,
        faces_detected=found.faces_detected,
        performers=[_gallery_performer(performer) for performer in found.performers],
        errors=list(found.errors),
    )


def _gallery_performer(performer: GalleryPerformer) -> schemas.GalleryPerformer:
    who = performer.best.performer
    return schemas.GalleryPerformer(
        performer_id=who.stashbox_id,
        name=who.name,
        best_distance=performer.best_distance,
        avg_distance=performer.avg_distance,
        confidence=performer.confidence,
        image_count=performer.image_count,
        image_ids=list(performer.image_ids),
        country=who.country,
        image_url=who.image_url,
        endpoint=who.endpoint,
    )
