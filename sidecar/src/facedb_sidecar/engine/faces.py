"""Pixels → faces: detect, cut out, embed. Arrays in, arrays out.

The pipeline that releases were made with (contract of the data repository): RGB into the detector, 5-point
alignment to 112x112, FaceNet from the same crop scaled to 160x160, mean of the crop and its mirror image.
The steps are apart, so that a scene embeds the faces of many frames in full batches.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
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
# Smaller cut-outs of faces without landmarks are dropped, as the reference does.
SMALLEST_CROP = 10

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Box:
    """Pixels; may reach outside the image."""

    x: int
    y: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Square pixels."""
        return self.width * self.height


@dataclass(frozen=True, eq=False)
class Detection:
    """Where a face is: the detector's score in [0, 1], and (5, 2) float32 landmarks in pixels or None."""

    box: Box
    confidence: float
    landmarks: Points | None

    def reaches(self, size: int) -> bool:
        """Whether both sides have at least ``size`` pixels."""
        return min(self.box.width, self.box.height) >= size


@dataclass(frozen=True, eq=False)
class Crop:
    """A face cut out of its image: (h, w, 3) uint8 RGB, 112x112 and upright where it was aligned."""

    detection: Detection
    pixels: Image


@dataclass(frozen=True, eq=False)
class Face:
    """One face: where it is, the detector's score in [0, 1], and its two (512,) float32 embeddings."""

    box: Box
    confidence: float
    facenet: Vector
    arcface: Vector


def find_faces(
    models: Models, image: Image, *, min_confidence: float = 0.5, min_size: int = 0
) -> tuple[Face, ...]:
    """Detect, cut out and embed every face of an image.

    Args:
        models: the loaded networks.
        image: (h, w, 3) uint8, RGB.
        min_confidence: drop faces below this score; the detector itself drops those below 0.5.
        min_size: drop faces narrower or lower than this many pixels.
    """
    found = detect(models, image, min_confidence=min_confidence)
    return embed(models, cut(image, (d for d in found if d.reaches(min_size))))


def detect(models: Models, image: Image, *, min_confidence: float) -> tuple[Detection, ...]:
    """Every face of an (h, w, 3) uint8 RGB image with at least this score, best first.

    A quirk that is kept: insightface expects BGR and swaps the channels. The releases' faces were found with
    RGB given to it, and boxes and landmarks depend on it, so RGB it is.
    """
    if _too_thin(models, image):
        return ()
    boxes, landmarks = models.detector.detect(image)
    found = []
    for i, row in enumerate(boxes):
        left, top, right, bottom = (int(v) for v in row[:4])
        points = None if landmarks is None else landmarks[i]
        found.append(Detection(Box(left, top, right - left, bottom - top), float(row[4]), points))
    return tuple(d for d in found if d.confidence >= min_confidence and d.reaches(1))


def _too_thin(models: Models, image: Image) -> bool:
    """Whether a side is a pixel or less once the image has the detector's size: at 0, the library fails."""
    height, width = image.shape[:2]
    most_width, most_height = (int(side) for side in models.detector.input_size)
    return bool(width * most_height <= height or height * most_width <= width)


def cut(image: Image, detections: Iterable[Detection]) -> tuple[Crop, ...]:
    """Cut faces out of their image: upright where there are landmarks, else as the box is."""
    crops = []
    for found in detections:
        pixels = align(image, found.landmarks) if _usable(found.landmarks) else boxed(image, found.box)
        if min(pixels.shape[:2]) >= SMALLEST_CROP:
            crops.append(Crop(found, pixels))
    return tuple(crops)


def _usable(landmarks: Points | None) -> bool:
    """Whether an alignment can be computed: there are points, all are numbers, and not all in one place."""
    return landmarks is not None and bool(
        np.isfinite(landmarks).all() and np.ptp(landmarks, axis=0).max() > 1
    )


def align(image: Image, landmarks: Points | None) -> Image:
    """Warp a face upright: (h, w, 3) uint8 and (5, 2) landmarks in pixels → (112, 112, 3) uint8."""
    with warnings.catch_warnings():
        # insightface calls a skimage method that has since been renamed.
        warnings.simplefilter("ignore", FutureWarning)
        crop: Image = face_align.norm_crop(image, landmarks, image_size=ALIGNED_SIZE)
    return crop


def boxed(image: Image, box: Box) -> Image:
    """The part of the image inside the box; empty where they do not meet."""
    rows = slice(max(0, box.y), max(0, box.y + box.height))
    return image[rows, max(0, box.x) : max(0, box.x + box.width)]


def embed(models: Models, crops: Sequence[Crop]) -> tuple[Face, ...]:
    """Embed faces in batches of the models' size; each face twice, for its mirror image."""
    faces: list[Face] = []
    for batch in _batches(crops, models.batch_size):
        pixels = [crop.pixels for crop in batch]
        facenet, arcface = embed_facenet(models.facenet, pixels), embed_arcface(models.arcface, pixels)
        for i, crop in enumerate(batch):
            faces.append(Face(crop.detection.box, crop.detection.confidence, facenet[i], arcface[i]))
    return tuple(faces)


def _batches(crops: Sequence[Crop], size: int) -> Iterator[Sequence[Crop]]:
    return (crops[start : start + size] for start in range(0, len(crops), size))


def embed_facenet(embedder: Embedder, crops: Sequence[Image]) -> npt.NDArray[np.float32]:
    """Crops (h, w, 3) uint8 → (n, 512) float32, the mean of each crop and its mirror image.

    A quirk that is kept: the input is the crop that was aligned to 112x112, scaled up to 160x160.
    """
    return _both_ways(embedder, np.stack([fitted(c, FACENET_SIZE) for c in crops]), FACENET_SCALE)


def embed_arcface(embedder: Embedder, crops: Sequence[Image]) -> npt.NDArray[np.float32]:
    """Crops (h, w, 3) uint8 → (n, 512) float32, the mean of each crop and its mirror image."""
    return _both_ways(embedder, np.stack([fitted(c, ALIGNED_SIZE) for c in crops]), ARCFACE_SCALE)


def fitted(crop: Image, side: int) -> Image:
    """Scale an (h, w, 3) uint8 crop into a square, keeping its shape; black fills the rest evenly."""
    height, width = crop.shape[:2]
    if (height, width) == (side, side):
        return crop
    factor = side / max(height, width)
    size = (max(1, int(width * factor)), max(1, int(height * factor)))
    # INTER_AREA also when scaling up: as the releases were made.
    scaled = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square: Image = np.zeros((side, side, 3), np.uint8)
    square[top : top + size[1], left : left + size[0]] = scaled
    return square


def _both_ways(embedder: Embedder, crops: npt.NDArray[np.uint8], scale: float) -> npt.NDArray[np.float32]:
    normal = (crops.astype(np.float32) - MIDDLE) / np.float32(scale)
    found = embedder(np.concatenate([normal, normal[:, :, ::-1]]))
    mean: npt.NDArray[np.float32] = (found[: len(crops)] + found[len(crops) :]) / np.float32(2)
    return mean
