"""Real photos of real faces, out of installed wheels, and their vectors through the real engine.

scikit-image carries NASA's portrait of Eileen Collins (public domain), insightface a group photo. Nothing is
copied into the repository.
"""

from __future__ import annotations

import io
from pathlib import Path

import insightface
import numpy as np
import numpy.typing as npt
import skimage
from PIL import Image

from builders import Enrolled
from facedb_sidecar.engine.faces import Face, find_faces
from facedb_sidecar.engine.models import Models, load_models
from model_pack import build_model_pack

ASTRONAUT = "Eileen Collins"
ASTRONAUT_ID = "5b1f4f0e-9d5c-4b7e-9f43-2f0c6f1d7a11"

Pixels = npt.NDArray[np.uint8]


def astronaut_photo() -> Pixels:
    """(512, 512, 3) uint8 RGB: one face."""
    path = Path(skimage.__file__).parent / "data" / "astronaut.png"
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.uint8)


def group_photo() -> Pixels:
    """(h, w, 3) uint8 RGB: six faces."""
    path = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.uint8)


def jpeg(pixels: Pixels) -> bytes:
    """The picture as a client sends it."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def enrol(name: str, stashdb_id: str, photo: Pixels, models: Models) -> Enrolled:
    """The largest face of a photo as a release holds it.

    The photo is shown smaller first: the vectors of the release must not be exactly those of the photo that
    clients send.
    """
    height, width = photo.shape[:2]
    smaller = Image.fromarray(photo).resize((round(width * 0.8), round(height * 0.8)))
    face = largest(find_faces(models, np.asarray(smaller, dtype=np.uint8)))
    return Enrolled(name, stashdb_id, face.facenet, face.arcface)


def largest(faces: tuple[Face, ...]) -> Face:
    """The face with the largest box."""
    return max(faces, key=lambda face: face.box.width * face.box.height)


def astronaut(models: Path) -> tuple[Enrolled, bytes]:
    """Build the model pack into ``models``; the enrolled astronaut and a JPEG of her."""
    build_model_pack(models)
    photo = astronaut_photo()
    return enrol(ASTRONAUT, ASTRONAUT_ID, photo, load_models(models, "cpu")), jpeg(photo)
