"""Bytes from a client → pixels, or a clear refusal. Hostile images must not take the process down."""

import base64
import binascii
import io
import warnings

import numpy as np
import numpy.typing as npt
from PIL import Image

# 50 megapixels decode to 150 MB; phones stay below.
MOST_PIXELS = 50_000_000
MOST_BYTES = 32 * 1024 * 1024

Pixels = npt.NDArray[np.uint8]


class BadImage(Exception):
    """The bytes are no image that we decode; the message says why."""


def decode_base64(text: str) -> bytes:
    """Base64, with or without a ``data:`` prefix → bytes.

    Raises:
        BadImage: not base64.
    """
    payload = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadImage(f"not base64: {error}") from error


def decode_image(data: bytes) -> Pixels:
    """An encoded image → (h, w, 3) uint8 RGB. EXIF rotation is not applied: releases were made without.

    Raises:
        BadImage: truncated, unknown, or larger than 50 megapixels or 32 MiB.
    """
    if len(data) > MOST_BYTES:
        raise BadImage(f"{len(data)} bytes; at most {MOST_BYTES} are read")
    try:
        with warnings.catch_warnings():
            # Pillow warns of a bomb before it refuses one; our own limit comes first.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise BadImage(f"{width} x {height} pixels; at most {MOST_PIXELS} are decoded")
                return np.asarray(image.convert("RGB"), dtype=np.uint8)
    except BadImage:
        raise
    except Exception as error:
        # Pillow's decoders raise many types on damaged files: OSError, SyntaxError, struct.error.
        raise BadImage(str(error) or type(error).__name__) from error
