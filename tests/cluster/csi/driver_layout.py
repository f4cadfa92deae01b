"""What the driver is called and where it keeps its things; without gRPC, which `down` must not need."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cluster.node.layout import state_dir

DRIVER: Final = "csi.facedb.dev"
TOPOLOGY: Final = "topology.csi.facedb.dev/node"


def driver_dir() -> Path:
    """Volumes, snapshots, faults and the socket of the running node's driver."""
    return state_dir() / "csi"


def endpoint(state: Path | None = None) -> Path:
    """The socket that the side-cars and the kubelet speak to."""
    return (state or driver_dir()) / "csi.sock"
