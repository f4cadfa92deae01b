"""Requests and answers of ``/identify*``."""

from __future__ import annotations

from pydantic import BaseModel, Field


class IdentifyRequest(BaseModel):
    """``POST /identify``. One of the two images is needed; the URL wins."""

    image_url: str | None = None
    image_base64: str | None = None
    top_k: int = Field(default=5, ge=1, le=20)
    max_distance: float = Field(default=0.6, ge=0.0, le=2.0)
    min_face_confidence: float = Field(default=0.5, ge=0.0, le=1.0)
    use_multi_signal: bool = True
    use_body: bool = True
    use_tattoo: bool = True


class FaceBox(BaseModel):
    """Pixels; may reach outside the image."""

    x: int
    y: int
    width: int
    height: int
    confidence: float


class PerformerMatch(BaseModel):
    """A stored face that is near. Distances are cosine distances in [0, 2]."""

    stashdb_id: str
    name: str
    confidence: float
    distance: float
    facenet_distance: float
    arcface_distance: float
    country: str | None = None
    image_url: str | None = None
    endpoint: str | None = None
    already_tagged: bool = False


class FaceResult(BaseModel):
    """A face of the image and who it may be."""

    box: FaceBox
    matches: list[PerformerMatch]


class IdentifyResponse(BaseModel):
    """Every face of the image; an image without faces is an empty list."""

    faces: list[FaceResult]
    face_count: int
