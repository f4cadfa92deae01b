"""An ONNX file of a signal → a session, and whether it runs where it was asked to.

A signal is optional: where the GPU is not got, it runs on the CPU and says so, instead of being refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from facedb_sidecar.engine.models import CPU, CUDA, LOG_ERRORS_ONLY

Numbers = npt.NDArray[np.float32]


class SignalUnavailable(Exception):
    """A signal cannot be had; the text says why and what to do."""


@dataclass(frozen=True)
class Network:
    """A network with one input and one output that matters, the first.

    Attributes:
        file: its name.
        slower: why it runs on the CPU though the GPU was asked for; None when all is well.
    """

    file: str
    session: Any
    input_name: str
    slower: str | None

    def __call__(self, numbers: Numbers) -> Numbers:
        """Run it."""
        found: Numbers = self.session.run(None, {self.input_name: numbers})[0]
        return found


def open_network(path: Path, device: str, *, takes: tuple[int, ...], gives: tuple[int, ...]) -> Network:
    """Open a network and run it once on zeros.

    Args:
        path: of the ONNX file.
        device: ``gpu`` or ``cpu``.
        takes: shape of the float32 input.
        gives: shape that the output must have.

    Raises:
        SignalUnavailable: missing, damaged, or of other shapes.
    """
    if not path.is_file():
        raise SignalUnavailable(f"{path.name} is not in the models folder {path.parent}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = LOG_ERRORS_ONLY
    if device == "gpu":
        onnxruntime.preload_dlls()
    try:
        providers = [CUDA, CPU] if device == "gpu" else [CPU]
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        network = Network(path.name, session, session.get_inputs()[0].name, _slower(path, session, device))
        found = network(np.zeros(takes, np.float32)).shape
    except Exception as error:
        # onnxruntime's own errors share no base class but RuntimeError's and ValueError's.
        raise SignalUnavailable(f"{path.name} cannot be opened and run on {takes}: {error}") from error
    if found != gives:
        raise SignalUnavailable(f"{path.name} gives numbers of shape {found}; expected {gives}")
    return network


def _slower(path: Path, session: Any, device: str) -> str | None:
    got = session.get_providers()[0]
    return f"{path.name} got {got}" if device == "gpu" and got != CUDA else None
