"""ONNX files → sessions on the wanted device, with a report of the device that was really got.

onnxruntime lists CUDA and calls its device GPU on machines that have none, and falls back to the CPU without
a word: only the first provider of each opened session tells. Here that is an error, or a warning where asked.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from insightface.model_zoo.retinaface import RetinaFace

from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.options import EngineOptions
from facedb_sidecar.engine.tiers import tier_of

log = logging.getLogger(__name__)

DETECTOR_FILE = "det_500m.onnx"
FACENET_FILE = "facenet512.onnx"
ARCFACE_FILE = "arcface.onnx"
EMBEDDING_DIM = 512
# Below this score, insightface itself drops a face.
DETECTION_THRESHOLD = 0.5
NMS_THRESHOLD = 0.4
# The detector's coarsest grid: a side that is no multiple of it has other cells than insightface counts.
DETECTION_STEP = 32
CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
LOG_ERRORS_ONLY = 3
DEVICE_UNAVAILABLE = "DeviceUnavailable"

Images = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DeviceReport:
    """Where the models run.

    Attributes:
        requested: ``gpu`` or ``cpu``.
        provider: onnxruntime's execution provider that every model got.
        warning: why it is not what was requested; None where it is.
    """

    requested: str
    provider: str
    warning: str | None = None

    @property
    def device(self) -> str:
        """What really runs the models: ``gpu`` or ``cpu``."""
        return "gpu" if self.provider == CUDA else "cpu"


@dataclass(frozen=True)
class Embedder:
    """A recognition network: NHWC float32 images of one size in, 512-d vectors out."""

    session: Any
    input_name: str

    def __call__(self, images: Images) -> Vectors:
        """Embed (n, h, w, 3) float32 images, already normalised → (n, 512) float32."""
        found: Vectors = self.session.run(None, {self.input_name: images})[0]
        return found


@dataclass(frozen=True)
class Models:
    """The detector, the two embedders, where they run, and how many faces they take at once."""

    detector: Any
    facenet: Embedder
    arcface: Embedder
    device: DeviceReport
    batch_size: int


def load_models(folder: Path, device: str, options: EngineOptions | None = None) -> Models:
    """Open the three networks of ``folder``.

    Args:
        folder: holds det_500m.onnx, facenet512.onnx and arcface.onnx.
        device: ``gpu`` or ``cpu``.
        options: sizes, and what to do when CUDA was asked for and not got.

    Raises:
        LoadError: ModelMissing, InvalidModel, or DeviceUnavailable when CUDA was asked for and not got by
            each of the three.
    """
    options = options or EngineOptions()
    try:
        return _load_on(folder, device, options)
    except LoadError as error:
        if error.reason != DEVICE_UNAVAILABLE or options.device_fallback != "warn":
            raise
        log.warning("Serving on the CPU: %s", error.message)
        models = _load_on(folder, "cpu", options)
        return replace(models, device=DeviceReport(device, CPU, error.message))


def detection_side(wanted: int) -> int:
    """The side that the detector gets: ``wanted``, or the next multiple of 32 above it."""
    return -(-wanted // DETECTION_STEP) * DETECTION_STEP


def open_session(path: Path, device: str, threads: int | None = None) -> Any:
    """Open one network on a device, also for the optional signals.

    Raises:
        LoadError: ModelMissing, InvalidModel, DeviceUnavailable.
    """
    if not path.is_file():
        raise LoadError("ModelMissing", f"{path.name} is not in the models folder {path.parent}.")
    if device == "gpu":
        # CUDA and cuDNN come as Python packages; their libraries are not on the loader's path.
        onnxruntime.preload_dlls()
    try:
        session = onnxruntime.InferenceSession(str(path), _options(threads), providers=_providers(device))
    except Exception as error:
        # onnxruntime's own errors share no base class but RuntimeError's and ValueError's.
        raise _refused(path, "cannot be opened", error) from error
    got = session.get_providers()[0]
    if device == "gpu" and got != CUDA:
        raise LoadError(
            DEVICE_UNAVAILABLE,
            f"device gpu was asked for and {path.name} got {got}. Check the driver, the runtime class and "
            "the nvidia.com/gpu resource, and that the image was built with CUDA=1; or set device: cpu.",
        )
    return session


def _load_on(folder: Path, device: str, options: EngineOptions) -> Models:
    # How much memory the GPU has is not known here: the process passes its tier's numbers as options.
    tier = tier_of(gpu=device == "gpu", vram_mb=None)
    detection = open_session(folder / DETECTOR_FILE, device, options.threads)
    detector = RetinaFace(str(folder / DETECTOR_FILE), session=detection)
    side = detection_side(options.detection_size or tier.detection_size)
    detector.prepare(0, input_size=(side, side), det_thresh=DETECTION_THRESHOLD, nms_thresh=NMS_THRESHOLD)
    if not detector.use_kps:
        # Unaligned faces would load and match the wrong people: the release's faces are aligned.
        raise LoadError("InvalidModel", f"{DETECTOR_FILE} gives no landmarks; faces cannot be aligned.")
    return Models(
        detector=detector,
        facenet=_embedder(folder / FACENET_FILE, device, 160, options.threads),
        arcface=_embedder(folder / ARCFACE_FILE, device, 112, options.threads),
        device=DeviceReport(device, detection.get_providers()[0]),
        batch_size=options.batch_size or tier.batch,
    )


def _embedder(path: Path, device: str, size: int, threads: int | None) -> Embedder:
    session = open_session(path, device, threads)
    embedder = Embedder(session, session.get_inputs()[0].name)
    try:
        found = embedder(np.zeros((2, size, size, 3), np.float32)).shape
    except Exception as error:
        # As above: no common base class.
        raise _refused(path, f"does not take ({size}, {size}, 3) images", error) from error
    if found != (2, EMBEDDING_DIM):
        raise LoadError("InvalidModel", f"{path.name} gives {found[1:]} numbers a face, not {EMBEDDING_DIM}.")
    return embedder


def _refused(path: Path, what: str, error: Exception) -> LoadError:
    """A model's own fault, or the GPU's: out of memory, or a library of CUDA that does not load."""
    text = str(error)
    gpu = any(word in text.upper() for word in ("CUDA", "CUDNN", "CUBLAS"))
    return LoadError(DEVICE_UNAVAILABLE if gpu else "InvalidModel", f"{path.name} {what}: {text}")


def _options(threads: int | None) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    # Threads that spin for work take the cores from ffmpeg, decoding and the event loop: 8 faces took 0.12 to
    # 0.43 s on two busy cores with spinning, 0.08 to 0.41 s without, and a quarter less CPU time (measured).
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is not None:
        options.intra_op_num_threads = threads
    return options


def _providers(device: str) -> list[Any]:
    if device != "gpu":
        return [CPU]
    # The default tries every algorithm again for each new batch size.
    return [(CUDA, {"cudnn_conv_algo_search": "HEURISTIC"}), CPU]
