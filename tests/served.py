"""The folders that a sidecar under test serves from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from facedb_sidecar.settings import Settings


@dataclass(frozen=True)
class Served:
    """Folders that an engine can be loaded from, and a JPEG of the enrolled person."""

    release: Path
    models: Path
    photo: bytes

    def settings(self, **changes: object) -> Settings:
        """Settings of a CPU sidecar over these folders."""
        facts = {
            "release_dir": self.release,
            "models_dir": self.models,
            "device": "cpu",
            "draining_file": self.models.parent / "draining",
        }
        return Settings(**{**facts, **changes})  # type: ignore[arg-type]
