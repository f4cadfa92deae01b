"""Pixels → faces: detect, align, embed. Arrays in, arrays out.

The pipeline that releases were made with (contract of the data repository): RGB into the detector, 5-point
alignment to 112x112, FaceNet from the same crop scaled to 160x160, mean of the crop and its mirror image.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from insightface.utils import face_align

from facedb_sidecar.engine.models import Embedder, Models

ALIGNED_SIZE = 112
FACENET_SIZE = 160
MIDDLE = 127.5
FACENET_SCALE = 127.5
ARCFACE_SCALE = 128.0

Image = npt.NDArray[np.uint8]
Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Box:
    """Pixels; may reach outside the image."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Face:
    """One face: where it is, the detector's score in [0, 1], and its two (512,) float32 embeddings."""

    box: Box
    confidence: float
    facenet: Vector
    arcface: Vector


def find_faces(
    models: Models, image: Image, *, min_confidence: float = 0.5, min_size: int = 0
) -> tuple[Face, ...]:
    """Detect, align and embed every face.

    Args:
        models: the loaded networks.
        image: (h, w, 3) uint8, RGB.
        min_confidence: drop faces below this score; the detector itself drops those below 0.5.
        min_size: drop faces narrower or lower than this many pixels.
    """
    if _too_thin(models, image):
        return ()
    # The library expects BGR and swaps; releases were made with RGB given to it, so RGB it is.
    boxes, landmarks = models.detector.detect(image)
    kept = []
    for row, points in zip(boxes, landmarks, strict=True):
        left, top, right, bottom = (int(v) for v in row[:4])
        box = Box(left, top, right - left, bottom - top)
        if row[4] >= min_confidence and min(box.width, box.height) >= max(1, min_size):
            kept.append((box, float(row[4]), align(image, points)))
    if not kept:
        return ()
    crops = [crop for _, _, crop in kept]
    facenet, arcface = embed_facenet(models.facenet, crops), embed_arcface(models.arcface, crops)
    return tuple(Face(box, confidence, facenet[i], arcface[i]) for i, (box, confidence, _) in enumerate(kept))


def _too_thin(models: Models, image: Image) -> bool:
    """Whether a side is a pixel or less once the image has the detector's size: at 0, the library fails."""
    height, width = image.shape[:2]
    most_width, most_height = (int(side) for side in models.detector.input_size)
    return bool(width * most_height <= height or height * most_width <= width)


def align(image: Image, landmarks: npt.NDArray[np.float32]) -> Image:
    """Warp a face upright: (h, w, 3) uint8 and (5, 2) landmarks in pixels → (112, 112, 3) uint8."""
    with warnings.catch_warnings():
        # insightface calls a skimage method that has since been renamed.
        warnings.simplefilter("ignore", FutureWarning)
        crop: Image = face_align.norm_crop(image, landmarks, image_size=ALIGNED_SIZE)
    return crop


def embed_facenet(embedder: Embedder, crops: Sequence[Image]) -> npt.NDArray[np.float32]:
    """(112, 112, 3) uint8 crops → (n, 512) float32, the mean of each crop and its mirror image."""
    size = (FACENET_SIZE, FACENET_SIZE)
    # INTER_AREA also when scaling up: as the releases were made.
    scaled = [cv2.resize(crop, size, interpolation=cv2.INTER_AREA) for crop in crops]
    return _both_ways(embedder, np.stack(scaled), FACENET_SCALE)


def embed_arcface(embedder: Embedder, crops: Sequence[Image]) -> npt.NDArray[np.float32]:
    """(112, 112, 3) uint8 crops → (n, 512) float32, the mean of each crop and its mirror image."""
    return _both_ways(embedder, np.stack(crops), ARCFACE_SCALE)


def _both_ways(embedder: Embedder, crops: npt.NDArray[np.uint8], scale: float) -> npt.NDArray[np.float32]:
    normal = (crops.astype(np.float32) - MIDDLE) / np.float32(scale)
    found = embedder(np.concatenate([normal, normal[:, :, ::-1]]))
    mean: npt.NDArray[np.float32] = (found[: len(crops)] + found[len(crops) :]) / np.float32(2)
    return mean
