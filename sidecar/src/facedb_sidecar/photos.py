"""Bytes from a client → pixels, or a clear refusal. Hostile images must not take the process down.

JPEG, PNG, WebP, GIF, BMP and AVIF: what Stash and browsers show. TIFF and the rest of Pillow's readers are
left out; nobody sends them, and each is code that reads bytes from strangers.

Parity with the reference, since its results depend on it: EXIF rotation is not applied, transparency is
dropped (what lies under it shows), JPEGs are decoded at their full size, and of an animation the first frame
counts. One difference: 16-bit greys are scaled to 8 bits, where Pillow alone turns nearly all of them white.
"""

from __future__ import annotations

import binascii
import io
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from facedb_sidecar.refusals import BadImage
from facedb_sidecar.settings import Limits

__all__ = ["BadImage", "Encoded", "decode_base64", "decode_image", "decode_photo"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF")
# Rows that are converted at a time: at 8,000 pixels a row, 12 MB beside the image and the result.
STRIP_ROWS = 512
# base64 is decoded in steps, since one call would keep the interpreter's lock: 43 MB take 0.1 s.
BASE64_STEP = 1 << 20
SPACE = " \t\r\n"
DEEP_GREYS = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})

Pixels = npt.NDArray[np.uint8]
Encoded = bytes | str


def decode_photo(photo: Encoded, limits: Limits | None = None) -> Pixels:
    """What a client sent (bytes, or base64 as text) → (h, w, 3) uint8 RGB.

    Raises:
        BadImage: see decode_base64 and decode_image.
    """
    return decode_image(decode_base64(photo) if isinstance(photo, str) else photo, limits)


def decode_base64(text: str) -> bytes:
    """Base64, with or without a ``data:`` prefix, also in lines → bytes.

    Raises:
        BadImage: not base64.
    """
    payload = text.partition(",")[2] if text.startswith("data:") else text
    if any(space in payload for space in SPACE):
        payload = "".join(payload.split())
    try:
        return b"".join(_decoded_steps(payload.encode("ascii")))
    except (binascii.Error, ValueError) as error:
        raise BadImage(f"not base64: {error}") from error


def _decoded_steps(payload: bytes) -> Iterator[bytes]:
    for start in range(0, len(payload), BASE64_STEP):
        step = payload[start : start + BASE64_STEP]
        decoded = binascii.a2b_base64(step, strict_mode=True)
        last = start + BASE64_STEP >= len(payload)
        if not last and len(decoded) * 4 != len(step) * 3:
            raise BadImage("not base64: padding in the middle")
        yield decoded


def decode_image(data: bytes, limits: Limits | None = None) -> Pixels:
    """An encoded image → (h, w, 3) uint8 RGB.

    Needs at most 8 bytes of memory for each pixel beside the data, of which 3 stay.

    Raises:
        BadImage: truncated, unknown, or larger than the limits say; never anything else.
    """
    limits = limits or Limits()
    if len(data) > limits.image_bytes:
        raise BadImage(f"{len(data)} bytes; at most {limits.image_bytes} are read")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image.size, limits.image_pixels)
            image.load()
            return _pixels(image)
    except BadImage:
        raise
    except UnidentifiedImageError as error:
        raise BadImage(f"the {len(data)} bytes are none of {', '.join(FORMATS)}") from error
    except Exception as error:
        # Pillow's decoders raise many types on damaged files: OSError, SyntaxError, MemoryError and more.
        raise BadImage(str(error) or type(error).__name__) from error


def _check_size(size: tuple[int, int], most: int) -> None:
    width, height = size
    if width * height > most:
        raise BadImage(f"{width} x {height} pixels; at most {most} are decoded")
    if width < 1 or height < 1:
        raise BadImage(f"{width} x {height} pixels: nothing to see")


def _pixels(image: Image.Image) -> Pixels:
    """A loaded image of any mode → RGB, strip by strip: Pillow's own way holds the image three times."""
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, height)
        pixels[top:bottom] = _rgb(image.crop((0, top, width, bottom)))
    return pixels


def _rgb(strip: Image.Image) -> Pixels:
    if strip.mode in DEEP_GREYS:
        grey = (np.asarray(strip).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    # Transparency is dropped below; of a palette's, Pillow would warn first.
    strip.info.pop("transparency", None)
    return np.asarray(strip.convert("RGB"), dtype=np.uint8)
