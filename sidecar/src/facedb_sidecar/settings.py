"""The sidecar's settings: one frozen value, read once from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEVICES = ("gpu", "cpu")


@dataclass(frozen=True)
class Settings:
    """How this process serves.

    Attributes:
        release_dir: a folder that ``facedb fetch`` filled.
        models_dir: a folder with the ONNX files.
        device: ``gpu`` or ``cpu``.
        draining_file: while it exists, every reply asks its client to close the connection.
        waiting_limit: requests that may wait for inference; past it the answer is 503 with Retry-After.
        log_level: of the standard logging.
    """

    release_dir: Path
    models_dir: Path
    device: str
    draining_file: Path
    waiting_limit: int = 16
    log_level: str = "INFO"

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read ``FACEDB_*`` and ``LOG_LEVEL``.

        Raises:
            ValueError: FACEDB_DEVICE is neither gpu nor cpu.
        """
        device = env.get("FACEDB_DEVICE", "gpu").lower()
        if device not in DEVICES:
            raise ValueError(f"FACEDB_DEVICE is {device!r}; expected one of {', '.join(DEVICES)}")
        return cls(
            release_dir=Path(env.get("FACEDB_RELEASE_DIR", "/release")),
            models_dir=Path(env.get("FACEDB_MODELS_DIR", "/models")),
            device=device,
            draining_file=draining_file(env),
            waiting_limit=int(env.get("FACEDB_WAITING_LIMIT", "16")),
            log_level=env.get("LOG_LEVEL", "INFO").upper(),
        )


def draining_file(env: Mapping[str, str] = os.environ) -> Path:
    """The file by which the preStop hook tells the server to send its clients away."""
    return Path(env.get("FACEDB_DRAINING_FILE", "/tmp/facedb-draining"))  # noqa: S108 (an emptyDir)
