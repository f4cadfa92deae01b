"""Requests and answers of ``/identify`` and ``/identify/url``; all ``/identify*`` share faces and matches."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class IdentifyRequest(BaseModel):
    """``POST /identify``. One of the two images is needed; the URL wins."""

    image_url: str | None = Field(default=None, description="Fetched by the sidecar, within 30 seconds")
    image_base64: str | None = Field(default=None, description="With or without a data: prefix")
    top_k: int = Field(default=5, ge=1, le=20, description="Matches for each face, at most")
    max_distance: float = Field(default=0.6, ge=0.0, le=2.0, description="Cosine distance")
    min_face_confidence: float = Field(default=0.5, ge=0.0, le=1.0, description="Of the detection")
    use_multi_signal: bool = Field(default=True, description="Rank again by body and tattoos, if available")
    use_body: bool = True
    use_tattoo: bool = True

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"image_url": "https://example.org/photo.jpg", "top_k": 3},
                {"image_base64": "/9j/4AAQSkZJRgABAQ==", "max_distance": 0.5},
            ]
        }
    )


class FaceBox(BaseModel):
    """Pixels; may reach outside the image."""

    x: int
    y: int
    width: int
    height: int
    confidence: float = Field(description="Of the detection, 0 to 1")


class PerformerMatch(BaseModel):
    """A stored face that is near. Distances are cosine distances in [0, 2]."""

    stashdb_id: str = Field(
        description="The id at its endpoint", examples=["5b1f4f0e-9d5c-4b7e-9f43-2f0c6f1d7a11"]
    )
    name: str = Field(examples=["Eileen Collins"])
    confidence: float = Field(description="1 - distance, at least 0")
    distance: float
    facenet_distance: float
    arcface_distance: float = Field(description="0 where that network found no such face")
    country: str | None = Field(default=None, examples=["US"])
    image_url: str | None = None
    endpoint: str | None = Field(default=None, examples=["stashdb.org"])
    already_tagged: bool = False


class FaceResult(BaseModel):
    """A face of the image and who it may be."""

    box: FaceBox
    matches: list[PerformerMatch]


class IdentifyResponse(BaseModel):
    """Every face of at least 40 pixels; an image without any is an empty list."""

    faces: list[FaceResult]
    face_count: int

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "faces": [
                        {
                            "box": {"x": 180, "y": 62, "width": 94, "height": 128, "confidence": 0.97},
                            "matches": [
                                {
                                    "stashdb_id": "5b1f4f0e-9d5c-4b7e-9f43-2f0c6f1d7a11",
                                    "name": "Eileen Collins",
                                    "confidence": 0.91,
                                    "distance": 0.09,
                                    "facenet_distance": 0.1,
                                    "arcface_distance": 0.08,
                                    "country": "US",
                                    "image_url": None,
                                    "endpoint": "stashdb.org",
                                    "already_tagged": False,
                                }
                            ],
                        }
                    ],
                    "face_count": 1,
                }
            ]
        }
    )
