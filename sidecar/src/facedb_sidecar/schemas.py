"""Requests and responses: the public contract that existing plugins rely on, and nothing else."""

from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """``GET /health``: always 200; degraded while nothing is loaded."""

    status: Literal["healthy", "degraded"]
    database_loaded: bool
    performer_count: int = 0
    face_count: int = 0


class Device(BaseModel):
    """Where the models run."""

    requested: str
    provider: str


class SelfCheck(BaseModel):
    """How many stored faces found themselves at load."""

    passed: bool
    checked: int


class Ready(BaseModel):
    """``GET /ready`` with 200: what is loaded and warm."""

    ready: Literal[True] = True
    version: str
    digest: str
    performer_count: int
    face_count: int
    device: Device
    self_check: SelfCheck


class NotReady(BaseModel):
    """``GET /ready`` with 503. ``failed`` is final for this process."""

    ready: Literal[False] = False
    state: Literal["loading", "failed"]
    reason: str
    message: str
    version: str | None = None


class DatabaseInfo(BaseModel):
    """``GET /database/info``: of the release that is loaded."""

    version: str
    performer_count: int
    face_count: int
    sources: list[str]
    created_at: str | None
    tattoo_embedding_count: int | None = None


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
