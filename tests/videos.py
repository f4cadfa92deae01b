"""Real videos of real faces, made by ffmpeg from the photos of enrolment.py."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from enrolment import astronaut_photo, group_photo


def still(photo: npt.NDArray[np.uint8], path: Path, *, width: int = 640, height: int = 480) -> Path:
    """The photo, in the middle of a frame."""
    image = Image.fromarray(photo)
    image.thumbnail((width, height))
    frame = Image.new("RGB", (width, height), (90, 90, 90))
    frame.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    frame.save(path)
    return path


def strangers() -> npt.NDArray[np.uint8]:
    """Two of the group: few faces, since a test waits for each."""
    return group_photo()[:443, :520]


def make_video(folder: Path, *, seconds: float = 6.0, width: int = 480, height: int = 360) -> bytes:
    """An MP4: the astronaut, then two strangers, half of the time each; 10 frames a second."""
    folder.mkdir(parents=True, exist_ok=True)
    stills = [
        still(astronaut_photo(), folder / "astronaut.png", width=width, height=height),
        still(strangers(), folder / "group.png", width=width, height=height),
    ]
    inputs = [w for s in stills for w in ("-loop", "1", "-t", str(seconds / 2), "-i", str(s))]
    made = folder / "video.mp4"
    shape = ["-filter_complex", "[0][1]concat=n=2:v=1:a=0,fps=10", "-g", "10"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    quiet = ["-v", "error", "-y", "-threads", "1"]
    subprocess.run(["ffmpeg", *quiet, *inputs, *shape, *codec, str(made)], check=True)
    return made.read_bytes()
