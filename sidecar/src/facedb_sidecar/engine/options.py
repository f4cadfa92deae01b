"""How an engine is to run: what a user or an operator may choose, with the machine's tier for the rest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EngineOptions:
    """Choices for ``Engine.load``.

    Attributes:
        search: how the indices are asked: ``wide``, ``parity`` or ``exact``; see engine.index.
        device_fallback: ``refuse``: a GPU that was asked for and not got is an error; ``warn``: go on on the
            CPU, and say so in the device report.
        detection_size: side in pixels of the square that the detector sees, 160 to 1280; None: the tier's.
        batch_size: faces that are embedded in one run of a network; None: the tier's.
        body: whether the body signal is loaded where its model is there.
        tattoo: whether the tattoo signal is.
        threads: of a network on the CPU; None leaves it to onnxruntime, which counts the node's cores and
            not those of the container.
    """

    search: str = "wide"
    device_fallback: str = "refuse"
    detection_size: int | None = None
    batch_size: int | None = None
    body: bool = True
    tattoo: bool = True
    threads: int | None = None
