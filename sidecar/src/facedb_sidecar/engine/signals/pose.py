"""An image → the poses of the people in it, through MediaPipe's PoseLandmarker.

MediaPipe is imported only here and only when a body signal is wanted: it needs system libraries that a slim
image may lack. From 0.10.33 on, its wheels grow towards reporting their use to Google, and 1.x looks up
play.googleapis.com seconds after the first image, with no switch against it (seen with strace; its issue
#6291). 0.10.32 imports matplotlib, which writes a font cache. So only what is known to be silent is loaded.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
import weakref
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module, metadata
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from facedb_sidecar.engine.signals.body import LANDMARKS, Pose

POSE_FILE = "pose_landmarker_lite.task"
PARTS = ("pose_detector.tflite", "pose_landmarks_detector.tflite")
TFLITE_MARK = slice(4, 8), b"TFL3"
MOST_BUNDLE_BYTES = 64 << 20
SILENT_FROM, SILENT_BEFORE = (0, 10, 30), (0, 10, 32)
CONFIDENCE = 0.5
# The networks see 224 and 256 pixels; more than this costs time and memory for nothing.
MOST_PIXELS_A_SIDE = 1280
# With one, the only pose may be another person's than the face's. Each costs about 15 ms.
MOST_POSES = 4

Image = npt.NDArray[np.uint8]
_log = logging.getLogger(__name__)
# The one queue that may be filled from where Python collects garbage.
_abandoned: SimpleQueue[Any] = SimpleQueue()


class PoseUnavailable(Exception):
    """Poses cannot be found; the text says why and what to do."""


class PoseFinder:
    """A loaded PoseLandmarker. One call runs at a time, from any thread; close it at the end."""

    def __init__(self, landmarker: Any, modules: _MediaPipe) -> None:
        self._landmarker = landmarker
        self._mediapipe = modules
        self._lock = threading.Lock()
        self._end = weakref.finalize(self, _abandoned.put, landmarker)
        # At the interpreter's end, the process's own end is enough.
        self._end.atexit = False

    def __call__(self, image: Image) -> tuple[Pose, ...]:
        """Find up to four people.

        Args:
            image: (h, w, 3) uint8, RGB.

        Raises:
            PoseUnavailable: the finder was closed.
            ValueError: the array is no image.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"{image.shape} {image.dtype} is no (h, w, 3) uint8 image")
        shown = _smaller(image)
        with self._lock:
            if self._landmarker is None:
                raise PoseUnavailable("it was closed")
            found = self._landmarker.detect(self._mediapipe.image(shown)).pose_landmarks
        size = np.array([image.shape[1], image.shape[0]], np.float64)
        poses = (np.array([(m.x, m.y, m.visibility or 0.0) for m in marks], np.float64) for marks in found)
        return tuple(Pose(p[:, :2] * size, p[:, 2]) for p in poses if p.shape == (LANDMARKS, 3))

    def close(self) -> None:
        """Let go of the networks and their thread. May be called twice."""
        with self._lock:
            landmarker, self._landmarker = self._landmarker, None
        self._end.detach()
        if landmarker is not None:
            landmarker.close()


class _MediaPipe:
    """The few names of MediaPipe that are used."""

    def __init__(self) -> None:
        with _no_sound():
            base = import_module("mediapipe.tasks.python.core.base_options")
            images = import_module("mediapipe.tasks.python.vision.core.image")
            poses = import_module("mediapipe.tasks.python.vision.pose_landmarker")
        self._base, self._images, self._poses = base.BaseOptions, images, poses

    def image(self, pixels: Image) -> Any:
        return self._images.Image(image_format=self._images.ImageFormat.SRGB, data=pixels)

    def landmarker(self, bundle: bytes) -> Any:
        options = self._poses.PoseLandmarkerOptions(
            base_options=self._base(model_asset_buffer=bundle, delegate=self._base.Delegate.CPU),
            num_poses=MOST_POSES,
            min_pose_detection_confidence=CONFIDENCE,
            min_pose_presence_confidence=CONFIDENCE,
            min_tracking_confidence=CONFIDENCE,
        )
        landmarker = self._poses.PoseLandmarker.create_from_options(options)
        landmarker.__class__ = type("QuietLandmarker", (self._poses.PoseLandmarker,), {"__del__": _stay})
        return landmarker


@contextmanager
def _no_sound() -> Iterator[None]:
    """Let MediaPipe find no sound library: to look for one, Python runs gcc and ld on temporary files."""
    there = "sounddevice" in sys.modules
    # An import of None is an ImportError, which MediaPipe expects.
    sys.modules.setdefault("sounddevice", None)  # type: ignore[arg-type]
    try:
        yield
    finally:
        if not there:
            sys.modules.pop("sounddevice", None)


def open_pose(models_dir: Path) -> PoseFinder:
    """Load the pose model and run it once.

    Args:
        models_dir: holds pose_landmarker_lite.task.

    Raises:
        PoseUnavailable: the file is missing or damaged, or MediaPipe is missing, not silent, or cannot load.
    """
    bundle = read_bundle(models_dir / POSE_FILE)
    _check_silent()
    _start_closing()
    try:
        modules = _MediaPipe()
        finder = PoseFinder(modules.landmarker(bundle), modules)
        finder(np.zeros((64, 64, 3), np.uint8))
    except Exception as error:
        # Missing libraries, a bundle of other networks: its errors share no base class of its own.
        raise PoseUnavailable(f"MediaPipe cannot load {POSE_FILE}: {error}") from error
    return finder


def read_bundle(path: Path) -> bytes:
    """Read a .task file and check it as far as that goes without MediaPipe: a zip of two whole networks.

    Raises:
        PoseUnavailable: missing or damaged.
    """
    try:
        if path.stat().st_size > MOST_BUNDLE_BYTES:
            raise PoseUnavailable(f"{path.name} is larger than {MOST_BUNDLE_BYTES >> 20} MiB")
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as bundle:
            for part in PARTS:
                if bundle.getinfo(part).file_size > MOST_BUNDLE_BYTES:
                    raise PoseUnavailable(f"{part} in {path.name} is too large")
                # Reading it to its end compares its CRC.
                if bundle.read(part)[TFLITE_MARK[0]] != TFLITE_MARK[1]:
                    raise PoseUnavailable(f"{part} in {path.name} is no TFLite network")
    except FileNotFoundError as error:
        raise PoseUnavailable(f"{path.name} is not in the models folder {path.parent}") from error
    except (OSError, ValueError, KeyError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise PoseUnavailable(f"{path.name} is damaged ({error}); fetch it again") from error
    return content


def is_silent(version: str) -> bool:
    """Whether this MediaPipe opens no connections and writes no files."""
    try:
        numbers = tuple(int(part) for part in version.split(".")[:3])
    except ValueError:
        return False
    return SILENT_FROM <= numbers < SILENT_BEFORE


def _check_silent() -> None:
    try:
        version = metadata.version("mediapipe")
    except metadata.PackageNotFoundError as error:
        raise PoseUnavailable("mediapipe is not installed") from error
    if not is_silent(version):
        raise PoseUnavailable(
            f"mediapipe {version} may report its use over the network; install mediapipe>=0.10.30,<0.10.32"
        )


def _stay(landmarker: Any) -> None:
    """Stand in for PoseLandmarker.__del__, which hands its close to a thread and waits.

    Python may collect it in the middle of that thread's own queue, whose lock is then held: the process
    stands still for ever (seen). At the interpreter's end that thread is gone, which is a traceback.
    """


def _close_abandoned() -> None:
    """Close what nobody closed, in a thread that holds no lock."""
    while True:
        try:
            _abandoned.get().close()
        except Exception:  # noqa: BLE001 - the edge of a thread
            _log.warning("a pose model that nobody closed cannot be closed", exc_info=True)


@cache
def _start_closing() -> None:
    threading.Thread(target=_close_abandoned, name="facedb-pose-closer", daemon=True).start()


def _smaller(image: Image) -> Image:
    """At most 1280 pixels a side, in one piece of memory."""
    longest = max(image.shape[:2])
    if longest <= MOST_PIXELS_A_SIDE:
        return np.ascontiguousarray(image)
    scale = MOST_PIXELS_A_SIDE / longest
    size = tuple(max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    shrunk: Image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return shrunk
