"""Image archives made by hand: the pause image is one static file, and needs no builder."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

from cluster.node import binaries
from cluster.node.layout import cache_dir


def pause_image(name: str) -> Path:
    """A docker-archive with the pause program as its only file.

    The format: https://github.com/moby/docker-image-spec/blob/main/spec.md
    """
    program = Path(binaries.find("pause")).read_bytes()
    layer = _tar({"pause": (program, 0o755)})
    config = json.dumps(
        {
            "architecture": "amd64" if _is_x86(program) else "arm64",
            "os": "linux",
            "config": {"Entrypoint": ["/pause"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    target = cache_dir() / "pause.tar"
    target.write_bytes(
        _tar(
            {
                "config.json": (config, 0o644),
                "layer.tar": (layer, 0o644),
                "manifest.json": (json.dumps(manifest).encode(), 0o644),
            }
        )
    )
    return target


def _is_x86(elf: bytes) -> bool:
    # e_machine, two bytes at offset 18 of the ELF header: 62 is x86-64.
    return int.from_bytes(elf[18:20], "little") == 62


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, (content, mode) in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()
