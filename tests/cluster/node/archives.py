"""Image archives made by hand: the pause image, and of a built image only the layers that the node lacks."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def missing_parts(folder: Path, name: str, target: Path, *, has: Callable[[str], bool]) -> None:
    """Write an OCI archive of a pushed image, without the blobs that the node has already.

    Args:
        folder: where ``buildah push … dir:`` put the manifest, and the blobs under their hex digests.
        name: the name that the image is imported under.
        target: the archive to write.
        has: whether the node has the blob of this sha256, in hex.
    """
    text = (folder / "manifest.json").read_bytes()
    manifest: dict[str, Any] = json.loads(text)
    entry = {
        "mediaType": manifest["mediaType"],
        "digest": f"sha256:{hashlib.sha256(text).hexdigest()}",
        "size": len(text),
        "annotations": {"io.containerd.image.name": name},
    }
    files = {
        "oci-layout": json.dumps({"imageLayoutVersion": "1.0.0"}).encode(),
        "index.json": json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode(),
        _blob(entry["digest"]): text,
        _blob(manifest["config"]["digest"]): (folder / _hex(manifest["config"]["digest"])).read_bytes(),
    }
    with tarfile.open(target, mode="w") as archive:
        for file, content in files.items():
            info = tarfile.TarInfo(file)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for digest in dict.fromkeys(layer["digest"] for layer in manifest["layers"]):
            if not has(_hex(digest)):
                archive.add(folder / _hex(digest), _blob(digest))


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")


def _blob(digest: str) -> str:
    return f"blobs/sha256/{_hex(digest)}"


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
