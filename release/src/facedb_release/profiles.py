"""What a good release consists of: names, sizes, dimensions, the pipeline behind its faces. Facts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

MIB = 1 << 20
GIB = 1 << 30

REQUIRED = (
    "performers.db",
    "face_facenet.voy",
    "face_arcface.voy",
    "faces.json",
    "performers.json",
    "manifest.json",
)
OPTIONAL = ("face_adaface.voy", "tattoo_embeddings.voy", "tattoo_embeddings.json")
# Caps, many times the real sizes (794 MB an index, 210 MB the database): they stop endless data, not growth.
MAX_BYTES: Mapping[str, int] = MappingProxyType(
    {
        "performers.db": 8 * GIB,
        "face_facenet.voy": 16 * GIB,
        "face_arcface.voy": 16 * GIB,
        "face_adaface.voy": 16 * GIB,
        "tattoo_embeddings.voy": 32 * GIB,
        "faces.json": 512 * MIB,
        "performers.json": GIB,
        "tattoo_embeddings.json": GIB,
        "manifest.json": MIB,
    }
)


@dataclass(frozen=True)
class Profile:
    """The kind of release this program understands.

    Attributes:
        required: files without which it is none.
        optional: files that may be there.
        max_bytes: cap of each file, unpacked.
        max_total_bytes: cap of all of them together, unpacked.
        max_ratio: how many bytes one compressed byte may become (deflate itself can do 1032).
        detector: of the pipeline, as the manifest names it.
        alignment: of the pipeline, as the manifest names it.
        flip_averaging: of the pipeline.
        dimensions: of both face indices.
    """

    required: tuple[str, ...] = REQUIRED
    optional: tuple[str, ...] = OPTIONAL
    max_bytes: Mapping[str, int] = field(default_factory=lambda: MAX_BYTES)
    max_total_bytes: int = 64 * GIB
    max_ratio: int = 200
    detector: str = "retinaface_buffalo_sc"
    alignment: str = "insightface_norm_crop_5point"
    flip_averaging: bool = True
    dimensions: int = 512


PROFILE = Profile()
