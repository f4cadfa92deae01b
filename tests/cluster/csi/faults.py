"""Faults that a test asks of the driver, for the claims and snapshots of one namespace.

A fault is a file: it outlives the driver, begins and ends at once, and does not touch other namespaces.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.csi.driver_layout import driver_dir


@dataclass(frozen=True)
class Faults:
    """What goes wrong.

    Attributes:
        create_volume: the gRPC code by name that every CreateVolume ends with: RESOURCE_EXHAUSTED is a full
            disk, DEADLINE_EXCEEDED an answer that never comes; empty for none.
        create_snapshot: the same for CreateSnapshot.
        never_ready: snapshots are cut, and never become ready to use while this stands.
    """

    create_volume: str = ""
    create_snapshot: str = ""
    never_ready: bool = False


def folder(state: Path | None = None) -> Path:
    """Where the driver of the running node looks."""
    return (state or driver_dir()) / "faults"


def put(namespace: str, faults: Faults, state: Path | None = None) -> None:
    """Let these faults, and no others, happen in a namespace from now on; ``Faults()`` ends them."""
    place = folder(state)
    place.mkdir(parents=True, exist_ok=True)
    part = place / f"{namespace}.part"
    part.write_text(json.dumps(asdict(faults)))
    part.replace(place / f"{namespace}.json")


def of(namespace: str, state: Path | None = None) -> Faults:
    """The faults of a namespace now."""
    try:
        return Faults(**json.loads((folder(state) / f"{namespace}.json").read_text()))
    except FileNotFoundError:
        return Faults()
