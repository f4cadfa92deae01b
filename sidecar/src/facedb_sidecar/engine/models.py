"""ONNX files → sessions on the wanted device, with a report of the device that was really got.

onnxruntime falls back to the CPU without a word when CUDA does not load; here that is an error.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from insightface.model_zoo.retinaface import RetinaFace

from facedb_sidecar.engine.errors import LoadError

DETECTOR_FILE = "det_500m.onnx"
FACENET_FILE = "facenet512.onnx"
ARCFACE_FILE = "arcface.onnx"
EMBEDDING_DIM = 512
# The reference's tiers: 640 on a GPU, 320 on a CPU.
DETECTION_SIZE = {"gpu": 640, "cpu": 320}
# Below this score, insightface itself drops a face.
DETECTION_THRESHOLD = 0.5
NMS_THRESHOLD = 0.4
CUDA = "CUDAExecutionProvider"
CPU = "CPUExecutionProvider"
LOG_ERRORS_ONLY = 3

Images = npt.NDArray[np.float32]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DeviceReport:
    """The device that was asked for and the execution provider that runs the models."""

    requested: str
    provider: str


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
    """The detector, the two embedders, and where they run."""

    detector: Any
    facenet: Embedder
    arcface: Embedder
    device: DeviceReport


def load_models(folder: Path, device: str) -> Models:
    """Open the three networks of ``folder``.

    Args:
        folder: holds det_500m.onnx, facenet512.onnx and arcface.onnx.
        device: ``gpu`` or ``cpu``.

    Raises:
        LoadError: ModelMissing, InvalidModel, or DeviceUnavailable when CUDA was asked for and not got.
    """
    detection = _session(folder / DETECTOR_FILE, device)
    detector = RetinaFace(str(folder / DETECTOR_FILE), session=detection)
    size = DETECTION_SIZE[device]
    detector.prepare(0, input_size=(size, size), det_thresh=DETECTION_THRESHOLD, nms_thresh=NMS_THRESHOLD)
    if not detector.use_kps:
        raise LoadError("InvalidModel", f"{DETECTOR_FILE} gives no landmarks; faces cannot be aligned.")
    return Models(
        detector=detector,
        facenet=_embedder(folder / FACENET_FILE, device, 160),
        arcface=_embedder(folder / ARCFACE_FILE, device, 112),
        device=DeviceReport(device, detection.get_providers()[0]),
    )


def _embedder(path: Path, device: str, size: int) -> Embedder:
    session = _session(path, device)
    embedder = Embedder(session, session.get_inputs()[0].name)
    try:
        found = embedder(np.zeros((2, size, size, 3), np.float32)).shape
    except Exception as error:
        # onnxruntime's own errors share no base class but RuntimeError's and ValueError's.
        message = f"{path.name} does not take ({size}, {size}, 3) images: {error}"
        raise LoadError("InvalidModel", message) from error
    if found != (2, EMBEDDING_DIM):
        raise LoadError("InvalidModel", f"{path.name} gives {found[1:]} numbers a face, not {EMBEDDING_DIM}.")
    return embedder


def _session(path: Path, device: str) -> Any:
    if not path.is_file():
        raise LoadError("ModelMissing", f"{path.name} is not in the models folder {path.parent}.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    if device == "gpu":
        # CUDA and cuDNN come as Python packages; their libraries are not on the loader's path.
        onnxruntime.preload_dlls()
    providers = [CUDA, CPU] if device == "gpu" else [CPU]
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise LoadError("InvalidModel", f"{path.name} cannot be opened: {error}") from error
    got = session.get_providers()[0]
    if device == "gpu" and got != CUDA:
        raise LoadError(
            "DeviceUnavailable",
            f"device gpu was asked for and {path.name} got {got}. Check the driver, the runtime class and "
            "the nvidia.com/gpu resource, and that the image was built with CUDA=1; or set device: cpu.",
        )
    return session
