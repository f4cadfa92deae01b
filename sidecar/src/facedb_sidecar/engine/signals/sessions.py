"""An ONNX file of a signal → a session, and whether it runs where it was asked to.

A signal is optional: where the GPU is not got, it runs on the CPU and says so, instead of being refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.models import DEVICE_UNAVAILABLE, open_session

CPU_DEVICE = "cpu"

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


def open_network(
    path: Path, device: str, threads: int | None, *, takes: tuple[int, ...], gives: tuple[int, ...]
) -> Network:
    """Open a network and run it once on zeros.

    Args:
        path: of the ONNX file.
        device: ``gpu`` or ``cpu``.
        threads: of one run on the CPU; None is onnxruntime's choice.
        takes: shape of the float32 input.
        gives: shape that the output must have.

    Raises:
        SignalUnavailable: missing, damaged, or of other shapes.
    """
    try:
        session, slower = _open(path, device, threads)
    except LoadError as error:
        raise SignalUnavailable(error.message) from error
    network = Network(path.name, session, session.get_inputs()[0].name, slower)
    try:
        found = network(np.zeros(takes, np.float32)).shape
    except Exception as error:
        # onnxruntime's own errors share no base class but RuntimeError's and ValueError's.
        raise SignalUnavailable(f"{path.name} does not take numbers of shape {takes}: {error}") from error
    if found != gives:
        raise SignalUnavailable(f"{path.name} gives numbers of shape {found}; expected {gives}")
    return network


def _open(path: Path, device: str, threads: int | None) -> tuple[Any, str | None]:
    try:
        return open_session(path, device, threads), None
    except LoadError as error:
        if error.reason != DEVICE_UNAVAILABLE:
            raise
        return open_session(path, CPU_DEVICE, threads), error.message
