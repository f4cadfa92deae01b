"""Requests and answers of ``/identify/image``, ``/identify/gallery`` and ``/identify/scene``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from facedb_sidecar.schemas.identify import PerformerMatch

FRAMES = 60
WHO = "5b1f4f0e-9d5c-4b7e-9f43-2f0c6f1d7a11"


def _examples(*examples: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Signals(BaseModel):
    """What is looked at beyond faces, where the sidecar can."""

    use_multi_signal: bool = Field(default=True, description="Rank again by body and tattoos, if available")
    use_body: bool = True
    use_tattoo: bool = True


class ImageRequest(Signals):
    """``POST /identify/image``."""

    image_id: str = Field(description="Of Stash")
    top_k: int = Field(default=5, ge=1, le=20, description="Matches for each face, at most")
    max_distance: float = Field(default=0.6, ge=0.0, le=2.0, description="Cosine distance")
    min_face_confidence: float = Field(default=0.5, ge=0.0, le=1.0, description="Of the detection")

    model_config = _examples({"image_id": "41"})


class GalleryRequest(BaseModel):
    """``POST /identify/gallery``."""

    gallery_id: str = Field(description="Of Stash")
    top_k: int = Field(default=5, ge=1, le=20, description="Matches for each face, at most")
    max_distance: float = Field(default=0.6, ge=0.0, le=2.0, description="Cosine distance")
    min_face_confidence: float = Field(default=0.5, ge=0.0, le=1.0, description="Of the detection")

    model_config = _examples({"gallery_id": "5"})


class GalleryPerformer(BaseModel):
    """Somebody in at least two images of a gallery, or very near in one."""

    performer_id: str = Field(description="The id at its endpoint", examples=[WHO])
    name: str = Field(examples=["Eileen Collins"])
    best_distance: float
    avg_distance: float
    confidence: float = Field(description="1 - best_distance, at least 0")
    image_count: int
    image_ids: list[str]
    country: str | None = Field(default=None, examples=["US"])
    image_url: str | None = None
    endpoint: str | None = Field(default=None, examples=["stashdb.org"])


class GalleryResponse(BaseModel):
    """Who is in a gallery: those in most images first."""

    gallery_id: str
    total_images: int
    images_processed: int = Field(description="Of total_images; the others are in errors")
    faces_detected: int
    performers: list[GalleryPerformer]
    errors: list[str] = Field(description="The first ten")

    model_config = _examples(
        {
            "gallery_id": "5",
            "total_images": 2,
            "images_processed": 2,
            "faces_detected": 2,
            "performers": [
                {
                    "performer_id": WHO,
                    "name": "Eileen Collins",
                    "best_distance": 0.09,
                    "avg_distance": 0.11,
                    "confidence": 0.91,
                    "image_count": 2,
                    "image_ids": ["41", "42"],
                    "country": "US",
                    "image_url": None,
                    "endpoint": "stashdb.org",
                }
            ],
            "errors": [],
        }
    )


class SceneRequest(Signals):
    """``POST /identify/scene``."""

    scene_id: str = Field(description="Of Stash")
    stash_url: str | None = Field(default=None, description="Ignored: the sidecar's own STASH_URL counts")
    api_key: str | None = Field(default=None, description="Ignored: the sidecar's own STASH_API_KEY counts")
    num_frames: int = Field(
        default=FRAMES, ge=5, le=120, description="60 stands for what the sidecar's settings say"
    )
    start_offset_pct: float = Field(default=0.05, ge=0.0, le=0.5, description="Part that is left out before")
    end_offset_pct: float = Field(default=0.95, ge=0.5, le=1.0, description="Where the part after begins")
    min_face_size: int = Field(default=40, ge=20, le=200, description="Pixels, both sides")
    min_face_confidence: float = Field(default=0.5, ge=0.1, le=1.0, description="Of the detection")
    top_k: int = Field(default=3, ge=1, le=10, description="Matches for each person, at most")
    max_distance: float = Field(default=0.5, ge=0.0, le=2.0, description="Cosine distance")
    cluster_threshold: float = Field(default=0.6, ge=0.2, le=3.0, description="Below it, two faces are one's")
    matching_mode: str = Field(
        default="frequency", description="frequency, hybrid, or cluster; any other word is cluster"
    )
    scene_performer_stashdb_ids: list[str] = Field(
        default=[], max_length=500, description="Whom the scene names already; they get a small bonus"
    )

    model_config = _examples(
        {"scene_id": "7"}, {"scene_id": "7", "num_frames": 20, "scene_performer_stashdb_ids": [WHO]}
    )


class Person(BaseModel):
    """Somebody in a scene; without a match, nobody that the database has."""

    person_id: int
    frame_count: int
    best_match: PerformerMatch | None
    all_matches: list[PerformerMatch]
    signals_used: list[str] = []
    tattoos_detected: int = 0


class Timing(BaseModel):
    """Milliseconds of wall time; extraction and the faces go side by side."""

    total_ms: float
    extraction_ms: float
    face_loop_ms: float
    detection_ms: float
    embedding_ms: float
    recognition_ms: float
    matching_ms: float


class SceneResponse(BaseModel):
    """Who is in a scene: those with a match first, then those in most frames."""

    scene_id: str
    frames_analyzed: int = Field(description="Without the screenshot")
    frames_requested: int = Field(description="As the request says it")
    faces_detected: int
    faces_after_filter: int = Field(description="Of those, large enough")
    persons: list[Person]
    errors: list[str] = Field(description="The first five")
    fingerprint_saved: bool
    fingerprint_error: str | None
    timing: Timing | None
    multi_signal_used: bool

    model_config = _examples(
        {
            "scene_id": "7",
            "frames_analyzed": 30,
            "frames_requested": 60,
            "faces_detected": 41,
            "faces_after_filter": 38,
            "persons": [
                {
                    "person_id": 0,
                    "frame_count": 22,
                    "best_match": {
                        "stashdb_id": WHO,
                        "name": "Eileen Collins",
                        "confidence": 0.81,
                        "distance": 0.19,
                        "facenet_distance": 0.2,
                        "arcface_distance": 0.18,
                        "country": "US",
                        "image_url": None,
                        "endpoint": "stashdb.org",
                        "already_tagged": True,
                    },
                    "all_matches": [],
                    "signals_used": [],
                    "tattoos_detected": 0,
                }
            ],
            "errors": [],
            "fingerprint_saved": True,
            "fingerprint_error": None,
            "timing": {
                "total_ms": 5210.0,
                "extraction_ms": 4800.0,
                "face_loop_ms": 3900.0,
                "detection_ms": 2200.0,
                "embedding_ms": 1500.0,
                "recognition_ms": 120.0,
                "matching_ms": 4.0,
            },
            "multi_signal_used": False,
        }
    )
