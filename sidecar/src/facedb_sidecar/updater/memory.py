"""Does a second engine fit into memory beside the first? Sizes of files and of the machine → yes or no."""

from __future__ import annotations

from pathlib import Path

import psutil

from facedb_release.receipt import Receipt
from facedb_sidecar.hardware import memory_limit

# An engine holds its indices as they are on the disk, its maps about twice; networks and work come on top.
MAPS_FACTOR = 2.0
NETWORKS_BYTES = 400 << 20


def engine_bytes(receipt: Receipt, models: Path) -> int:
    """About how much memory an engine over this release takes, in bytes."""
    indices = sum(f.size for f in receipt.files if f.name.endswith(".voy"))
    maps = sum(f.size for f in receipt.files if f.name.endswith(".json"))
    networks = sum(f.stat().st_size for f in models.glob("*.onnx")) if models.is_dir() else 0
    return indices + int(maps * MAPS_FACTOR) + networks + NETWORKS_BYTES


def two_fit(receipt: Receipt, models: Path) -> bool:
    """Whether another engine can be loaded before the old one is let go."""
    limit, used = memory_limit()
    free = int(psutil.virtual_memory().available)
    room = free if limit is None else min(free, limit - used)
    return room > engine_bytes(receipt, models)
