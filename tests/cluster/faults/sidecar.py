"""The image of a sidecar with a fault, and what of a spec chooses it."""

from __future__ import annotations

from typing import Any

from cluster.node import images

FOLDER = "tests/cluster/faults/image"


def faulty_image(sidecar: str) -> str:
    """Build it upon this image of the sidecar, unless the node has it; its full name."""
    arguments = (f"SIDECAR_IMAGE={sidecar}",)
    recipe = images.Recipe("facedb-sidecar-faulty", f"{FOLDER}/Dockerfile", (FOLDER,), arguments)
    return images.ensure(recipe)


def with_fault(sidecar: dict[str, Any], image: str, fault: str, **more: str) -> dict[str, Any]:
    """``spec.sidecar`` with this fault; see image/faulty_sidecar.py."""
    env = [{"name": name, "value": value} for name, value in {"FACEDB_FAULT": fault, **more}.items()]
    return {**sidecar, "image": image, "env": [*sidecar.get("env", ()), *env]}
