"""Pixels → boxes of tattoos and an embedding of each. Arrays in, arrays out.

The reference's pipeline: YOLOv5s on a 640 x 640 letterbox, EfficientNet-B0 on each crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facedb_sidecar.engine.signals.sessions import Network, SignalUnavailable, open_network

DETECTOR_FILE = "tattoo_yolov5s.onnx"
EMBEDDER_FILE = "tattoo_efficientnet_b0.onnx"
SIDE = 640
GRAY = 114
CANDIDATES = 25_200
LEAST_SCORE = 0.25
MOST_OVERLAP = 0.45
# Beyond, an image is one of many tattoos or a detector that sees them everywhere; each costs an embedding.
MOST_TATTOOS = 30
# Boxes that take part in the suppression, which compares each with each.
MOST_CANDIDATES = 1000
PAD = 0.10
SHORT_SIDE = 256
CROP = 224
# Of ImageNet, RGB.
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
DIMENSIONS = 1280

Image = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Letterbox:
    """An image in the middle of a gray square.

    Attributes:
        pixels: (640, 640, 3) uint8.
        scale: of a length, from the image to the square.
        left: pixels of gray before the image.
        top: pixels of gray above it.
    """

    pixels: Image
    scale: float
    left: int
    top: int


@dataclass(frozen=True)
class TattooModels:
    """The detector and the embedder."""

    detector: Network
    embedder: Network

    @property
    def slower(self) -> str | None:
        """What runs on another device than asked."""
        return "; ".join(n.slower for n in (self.detector, self.embedder) if n.slower) or None

    def find(self, image: Image) -> Numbers:
        """(h, w, 3) uint8 RGB → (n, 4) float32 left, top, right, bottom in its pixels, best first."""
        box = letterbox(image)
        numbers = box.pixels.astype(np.float32).transpose(2, 0, 1)[None] / np.float32(255)
        return boxes_of(self.detector(np.ascontiguousarray(numbers))[0], box, image.shape[1], image.shape[0])

    def embed(self, crops: Sequence[Image]) -> Numbers:
        """(h, w, 3) uint8 RGB crops → (n, 1280) float32, each of length 1.

        Raises:
            SignalUnavailable: an embedding is no number.
        """
        found = np.concatenate([self.embedder(embedder_input(crop)) for crop in crops])
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        if not (np.isfinite(found).all() and (lengths > 0).all()):
            raise SignalUnavailable(f"{self.embedder.file} gives what is no number")
        unit: Numbers = found / lengths
        return unit


def open_models(models_dir: Path, device: str, threads: int | None = None) -> TattooModels:
    """Open both networks.

    Raises:
        SignalUnavailable: one is missing, damaged or of other shapes.
    """
    square, crop = (1, 3, SIDE, SIDE), (1, 3, CROP, CROP)
    detector, embedder = models_dir / DETECTOR_FILE, models_dir / EMBEDDER_FILE
    return TattooModels(
        open_network(detector, device, threads, takes=square, gives=(1, CANDIDATES, 6)),
        open_network(embedder, device, threads, takes=crop, gives=(1, DIMENSIONS)),
    )


def letterbox(image: Image) -> Letterbox:
    """Scale an image so that its longer side is 640, and put it into the middle of a gray square."""
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    left, top = (SIDE - wide) // 2, (SIDE - high) // 2
    pixels = np.full((SIDE, SIDE, 3), GRAY, np.uint8)
    pixels[top : top + high, left : left + wide] = cv2.resize(image, (wide, high), interpolation=way)
    return Letterbox(pixels, scale, left, top)


def boxes_of(rows: Numbers, box: Letterbox, width: int, height: int) -> Numbers:
    """The detector's rows → boxes on the image.

    Args:
        rows: (n, 6) middle x, middle y, width, height on the square, objectness, class score.
        box: the square.
        width: of the image; boxes are cut to it.
        height: of the image.

    Returns:
        (m, 4) float32 left, top, right, bottom, best first, at most 30.
    """
    scores = rows[:, 4] * rows[:, 5]
    # Written so that a NaN is no candidate.
    kept = np.flatnonzero((scores >= LEAST_SCORE) & np.isfinite(rows).all(axis=1))
    best = kept[np.argsort(-scores[kept], kind="stable")][:MOST_CANDIDATES]
    middle, half = rows[best, :2], rows[best, 2:4] / 2
    corners = np.hstack((middle - half, middle + half)).astype(np.float32)
    chosen = corners[distinct(corners)][:MOST_TATTOOS]
    shift = np.array([box.left, box.top] * 2, np.float32)
    on_image: Numbers = np.clip((chosen - shift) / np.float32(box.scale), 0, [width, height] * 2)
    size = on_image[:, 2:] - on_image[:, :2]
    real: Numbers = on_image[(size >= 1).all(axis=1)].astype(np.float32)
    return real


def distinct(corners: Numbers) -> list[int]:
    """(n, 4) boxes, best first → places of those that overlap no better one by more than 0.45."""
    left, top, right, bottom = corners.T
    area = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    kept: list[int] = []
    for place in range(len(corners)):
        wide = np.minimum(right[kept], right[place]) - np.maximum(left[kept], left[place])
        high = np.minimum(bottom[kept], bottom[place]) - np.maximum(top[kept], top[place])
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        if not (shared > MOST_OVERLAP * (area[kept] + area[place] - shared)).any():
            kept.append(place)
    return kept


def crop_of(image: Image, corners: Numbers) -> Image:
    """Cut a box out, with a tenth of its size more on each side where the image has it."""
    left, top, right, bottom = (float(v) for v in corners)
    pad_x, pad_y = PAD * (right - left), PAD * (bottom - top)
    height, width = image.shape[:2]
    x0, y0 = max(0, int(left - pad_x)), max(0, int(top - pad_y))
    x1, y1 = min(width, max(x0 + 1, round(right + pad_x))), min(height, max(y0 + 1, round(bottom + pad_y)))
    return image[y0:y1, x0:x1]


def embedder_input(crop: Image) -> Numbers:
    """A crop → (1, 3, 224, 224) float32: short side to 256, middle 224, normalised as ImageNet's.

    The middle square is cut out first, so that a long and thin crop costs no more than a square one.
    """
    height, width = crop.shape[:2]
    short = min(height, width)
    y, x = (height - short) // 2, (width - short) // 2
    square = crop[y : y + short, x : x + short]
    way = cv2.INTER_AREA if short > SHORT_SIDE else cv2.INTER_LINEAR
    scaled = cv2.resize(square, (SHORT_SIDE, SHORT_SIDE), interpolation=way)
    edge = (SHORT_SIDE - CROP) // 2
    middle = scaled[edge : edge + CROP, edge : edge + CROP].astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(((middle - MEAN) / DEVIATION).transpose(2, 0, 1)[None])
