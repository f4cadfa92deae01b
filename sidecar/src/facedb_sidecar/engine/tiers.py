"""What a machine is good for → how much the engine takes on by default. Pure.

The four numbers of each tier are those of the reference sidecar, which users know from its settings page.
"""

from __future__ import annotations

from dataclasses import dataclass

GPU_HIGH_VRAM_MB = 4096


@dataclass(frozen=True)
class Tier:
    """Defaults for one class of machine; a user's settings come before them.

    Attributes:
        name: ``gpu-high``, ``gpu-low`` or ``cpu``.
        batch: faces that are embedded in one run of a network.
        ffmpeg_workers: frames that are cut out of a video at the same time.
        detection_size: side in pixels of the square that the detector sees.
        frames: looked at in a scene.
    """

    name: str
    batch: int
    ffmpeg_workers: int
    detection_size: int
    frames: int


GPU_HIGH = Tier("gpu-high", batch=32, ffmpeg_workers=8, detection_size=640, frames=60)
GPU_LOW = Tier("gpu-low", batch=16, ffmpeg_workers=6, detection_size=640, frames=60)
CPU = Tier("cpu", batch=4, ffmpeg_workers=2, detection_size=320, frames=30)
TIERS = (GPU_HIGH, GPU_LOW, CPU)


def tier_of(*, gpu: bool, vram_mb: int | None) -> Tier:
    """The tier of a machine.

    Args:
        gpu: whether the models run on a GPU; having one is not enough.
        vram_mb: the GPU's memory; None where it is not known, which counts as little.
    """
    if not gpu:
        return CPU
    return GPU_HIGH if vram_mb is not None and vram_mb >= GPU_HIGH_VRAM_MB else GPU_LOW
