"""Photos of every kind become pixels or a refusal, and nothing else."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import textwrap
import zlib
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from enrolment import astronaut_photo, jpeg
from facedb_sidecar.photos import FORMATS, BadImage, decode_base64, decode_image, decode_photo
from facedb_sidecar.settings import Limits

LIMITS = replace(Limits(), image_pixels=1_000_000, image_bytes=2_000_000)
PHOTO = astronaut_photo()
SMALL = Image.fromarray(PHOTO[::8, ::8])


def encoded(image: Image.Image, name: str, **how: object) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **how)
    return out.getvalue()


@pytest.mark.parametrize("name", ["PNG", "WEBP", "BMP", "GIF", "JPEG", "AVIF"])
def test_each_format_that_is_read_gives_its_pixels(name: str) -> None:
    if name == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    lossless = {"WEBP": {"lossless": True}}.get(name, {})
    pixels = decode_image(encoded(SMALL, name, **lossless), LIMITS)
    assert pixels.shape == (64, 64, 3)
    assert pixels.dtype == np.uint8
    near = np.abs(pixels.astype(int) - np.asarray(SMALL).astype(int)).mean()
    assert near == 0 if name in ("PNG", "WEBP", "BMP") else near < 12


@pytest.mark.parametrize("name", ["TIFF", "PPM", "ICO", "EPS", "PCX", "TGA"])
def test_a_format_that_is_not_read_is_named(name: str) -> None:
    with pytest.raises(BadImage, match=f"none of {FORMATS[0]}"):
        decode_image(encoded(SMALL, name), LIMITS)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "I;16"])
def test_every_mode_gives_what_pillow_shows(mode: str) -> None:
    grey = SMALL.convert("L")
    image = (
        Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    )
    name = "JPEG" if mode == "CMYK" else "PNG"
    if mode == "PA":
        image = SMALL.convert("RGBA").quantize(64)
        mode = image.mode
    pixels = decode_image(encoded(image, name), LIMITS)
    expected = np.asarray(grey if mode == "I;16" else image.convert("RGB").convert("L")).astype(int)
    assert np.abs(pixels[:, :, 1].astype(int) - expected).mean() < 12


def test_transparency_shows_what_lies_under_it() -> None:
    image = SMALL.convert("RGBA")
    image.putalpha(0)
    assert np.array_equal(decode_image(encoded(image, "PNG"), LIMITS), np.asarray(SMALL))


def test_the_camera_s_rotation_is_not_applied_as_the_reference_does_not() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = Image.fromarray(PHOTO[:100])
    assert decode_image(encoded(wide, "JPEG", exif=exif), LIMITS).shape == (100, 512, 3)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(name: str) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue", "green")]
    data = encoded(frames[0], name, save_all=True, append_images=frames[1:], duration=100)
    red, green, blue = decode_image(data, LIMITS)[15, 20]
    assert red > 200
    assert max(green, blue) < 60


def test_a_strip_is_no_seam() -> None:
    tall = np.random.default_rng(1).integers(0, 256, (1200, 5, 3), np.uint8)
    assert np.array_equal(decode_image(encoded(Image.fromarray(tall), "PNG"), LIMITS), tall)


def test_more_pixels_or_bytes_than_the_settings_allow_are_refused_with_both_numbers() -> None:
    with pytest.raises(BadImage, match="1001 x 1000 pixels; at most 1000000"):
        decode_image(encoded(Image.new("L", (1001, 1000)), "PNG"), LIMITS)
    with pytest.raises(BadImage, match="2000001 bytes; at most 2000000"):
        decode_image(b"x" * 2_000_001, LIMITS)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def test_a_bomb_is_refused_by_its_head() -> None:
    head = (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    body = zlib.compress(b"\0" * 1_000_000, 9)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    )
    with pytest.raises(BadImage):
        decode_image(bomb)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_half_a_file_is_refused(name: str) -> None:
    whole = encoded(Image.fromarray(PHOTO), name)
    with pytest.raises(BadImage):
        decode_image(whole[: len(whole) // 2])


def test_the_largest_image_needs_at_most_eight_bytes_a_pixel() -> None:
    """In a process of its own, whose memory has a peak of its own."""
    code = """
        import io, resource
        import numpy as np
        from PIL import Image
        from facedb_sidecar.photos import decode_image
        out = io.BytesIO()
        Image.new("CMYK", (5000, 4000), (9, 9, 9, 9)).save(out, "JPEG")
        data = out.getvalue()
        decode_image(data[:0] + data)  # Warm: libraries, and the encoder's own peak.
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(peak())
    """
    small = code.replace("(5000, 4000)", "(50, 40)")
    peaks = []
    for each in (small, code):
        ran = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(each)], capture_output=True, text=True, check=True
        )
        peaks.append(int(ran.stdout))
    assert (peaks[1] - peaks[0]) / 20_000_000 < 9


def test_base64_comes_with_a_prefix_in_lines_or_plain() -> None:
    data = jpeg(PHOTO)
    text = base64.b64encode(data).decode()
    lines = "\r\n".join(text[i : i + 76] for i in range(0, len(text), 76))
    for sent in (text, f"data:image/jpeg;base64,{text}", lines):
        assert decode_base64(sent) == data


@pytest.mark.parametrize(
    "text", ["%%%", "abc", "é", "ab=cd", "\ud800", "data:image/png;base64", "====", "YQ==YQ=="]
)
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(BadImage):
        decode_photo(text)


@given(st.binary(max_size=200), st.integers(0, 3_000_000))
@settings(max_examples=20)
def test_any_bytes_come_back_from_base64(data: bytes, more: int) -> None:
    data += b"\x5a" * more
    assert decode_base64(base64.b64encode(data).decode()) == data


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: b"\x89PNG\r\n\x1a\n" + b))
def test_any_bytes_become_pixels_or_a_refusal(data: bytes) -> None:
    decoded_or_refused(data)


SEEDS = [
    encoded(SMALL, name, **how)
    for name, how in [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("GIF", {}),
        ("BMP", {}),
        *([("AVIF", {})] if features.check("avif") else []),
    ]
]


@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=9))
@settings(max_examples=300)
def test_damaged_images_become_pixels_or_a_refusal(seed: bytes, changes: list[tuple[int, int]]) -> None:
    data = bytearray(seed)
    for at, value in changes:
        data[at % len(data)] = value
    decoded_or_refused(bytes(data))


@given(st.text(max_size=200))
def test_any_text_becomes_bytes_or_a_refusal(text: str) -> None:
    with suppress(BadImage):
        assert isinstance(decode_base64(text), bytes)


def decoded_or_refused(data: bytes) -> None:
    with suppress(BadImage):
        pixels = decode_image(data, LIMITS)
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.dtype == np.uint8
        assert 0 < pixels.shape[0] * pixels.shape[1] <= LIMITS.image_pixels
