"""A good release zip → a bad one beside it. Every helper leaves the original alone and returns the new path.

The damaged zip is itself well formed (its own CRCs are right) unless the helper says otherwise, so what a
verifier finds is the damage and not a broken archive.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ZIP_TIME = (2026, 2, 18, 3, 0, 0)


def rezip(
    archive: Path, changes: Mapping[str, bytes | None], *, suffix: str, out: Path | None = None
) -> Path:
    """Copy the archive with members replaced, added (bytes) or left out (None).

    Args:
        archive: the good zip.
        changes: member name → its new bytes, or None to leave it out.
        suffix: the copy goes to a folder of this name beside the archive, under the archive's own name.
        out: the copy's path, instead of that.
    """
    target = out or archive.parent / suffix / archive.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        names = [i.filename for i in old.infolist()]
        for name in names + [n for n in changes if n not in names]:
            content = changes[name] if name in changes else old.read(name)
            if content is None:
                continue
            info = zipfile.ZipInfo(name, ZIP_TIME)
            info.external_attr = 0o644 << 16
            info.compress_type = old.infolist()[0].compress_type
            new.writestr(info, content)
    return target


def with_flipped_byte(archive: Path, member: str, *, at: float = 0.5, out: Path | None = None) -> Path:
    """Flip one bit of a member, at this part of its length: the zip's CRC is right, the sha256 is not."""
    with zipfile.ZipFile(archive) as z:
        content = bytearray(z.read(member))
    content[min(len(content) - 1, int(len(content) * at))] ^= 1
    return rezip(archive, {member: bytes(content)}, suffix=f"flipped-{member}", out=out)


def with_raw_flip(archive: Path, *, at: float = 0.5, out: Path | None = None) -> Path:
    """Flip one bit of the zip file itself: here the zip's own CRC is wrong."""
    target = out or archive.parent / "raw-flip" / archive.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(archive, target)
    with target.open("r+b") as f:
        f.seek(int(archive.stat().st_size * at))
        byte = f.read(1)[0]
        f.seek(-1, 1)
        f.write(bytes([byte ^ 1]))
    return target


def without_member(archive: Path, name: str, *, out: Path | None = None) -> Path:
    """Leave one member out."""
    return rezip(archive, {name: None}, suffix=f"without-{name}", out=out)


def with_extra_member(
    archive: Path, name: str, content: bytes = b"stranger\n", *, out: Path | None = None
) -> Path:
    """Add one member that does not belong there."""
    return rezip(archive, {name: content}, suffix="with-extra", out=out)


def with_changed_file(
    archive: Path, member: str, change: Callable[[bytes], bytes], *, out: Path | None = None
) -> Path:
    """Change one member and put its new sha256 into the manifest: a self-consistent hostile release."""
    with zipfile.ZipFile(archive) as z:
        content = change(z.read(member))
        manifest = json.loads(z.read("manifest.json"))
    if member in manifest["checksums"]:
        manifest["checksums"][member] = "sha256:" + hashlib.sha256(content).hexdigest()
    changes = {member: content, "manifest.json": json.dumps(manifest, indent=2).encode()}
    return rezip(archive, changes, suffix=f"changed-{member}", out=out)


def with_changed_json(
    archive: Path, member: str, change: Callable[[Any], Any], *, out: Path | None = None
) -> Path:
    """Change the parsed content of a JSON member; the manifest's sha256 follows where it lists the file."""

    def edit(content: bytes) -> bytes:
        return json.dumps(change(json.loads(content))).encode()

    if member == "manifest.json":
        with zipfile.ZipFile(archive) as z:
            content = edit(z.read(member))
        return rezip(archive, {member: content}, suffix="changed-manifest", out=out)
    return with_changed_file(archive, member, edit, out=out)
