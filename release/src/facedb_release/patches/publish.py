"""Two verified, unpacked releases → the patch archive from one to the other. Called by export.

The same two releases give the same bytes. Every patch is applied once before it is published.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import parse_manifest
from facedb_release.patches.apply import rebuild
from facedb_release.patches.listing import (
    NAME,
    SUFFIX,
    Kind,
    PatchedFile,
    PatchList,
    always_whole,
    parse_patch_list,
    patch_list_bytes,
)
from facedb_release.patches.make import make_patch, record_of
from facedb_release.profiles import MIB, PROFILE, Profile
from facedb_release.receipt import FileRecord, sync_folder
from facedb_release.version import Version

# A patch that saves little is not worth its risk: then the file travels whole.
WORTH = 0.6
# The earliest time a zip can tell: a later one would say when, and differ.
_TIME = (1980, 1, 1, 0, 0, 0)
_LEVEL = 6
_SAMPLE = 1 << 18
_SAMPLES = 64


@dataclass(frozen=True)
class PatchArchiveFacts:
    """What was published: the list inside, and the archive's own record."""

    patch: PatchList
    archive: FileRecord


def make_patch_archive(old: Path, new: Path, out: Path, *, profile: Profile = PROFILE) -> PatchArchiveFacts:
    """Write the patch archive, whole or not at all.

    Args:
        old: folder of the release that receivers hold.
        new: folder of the release that they are to get.
        out: the archive; replaced if it is there.
        profile: the kind of both.

    Raises:
        WrongRelease: MissingFile or InvalidManifest, when a folder holds no release; WrongVersion, when both
            hold the same; WrongChecksum, when a patch does not make the file.
    """
    versions = _version(old, profile), _version(new, profile)
    if versions[0] == versions[1]:
        raise WrongRelease(
            Reason.WRONG_VERSION,
            f"{old} and {new} hold the same version; a patch leads from one to another.",
            found=versions[0],
        )
    with tempfile.TemporaryDirectory(prefix=".patch-", dir=out.parent) as made:
        work = Path(made)
        names = [n for n in profile.known if (new / n).is_file()]
        files = tuple(_file(old / n, new / n, work, whole=n in always_whole(profile)) for n in names)
        patch = PatchList(*versions, files)
        parse_patch_list(patch_list_bytes(patch), profile)
        _write_zip(work / out.name, patch, new, work, profile)
        archive = record_of(work / out.name)
        (work / out.name).replace(out)
    sync_folder(out.parent)
    return PatchArchiveFacts(patch, archive)


def _version(folder: Path, profile: Profile) -> Version:
    name = profile.manifest.name
    try:
        data = (folder / name).read_bytes()
    except FileNotFoundError as e:
        raise WrongRelease(
            Reason.MISSING_FILE, f"{folder} holds no release: it has no {name}.", file=name, expected=name
        ) from e
    return parse_manifest(data, profile).version


def _file(old: Path, new: Path, work: Path, *, whole: bool) -> PatchedFile:
    """Decide how one file travels; its patch, if it gets one, then lies in `work`."""
    record = record_of(new)
    if whole or not old.is_file():
        return PatchedFile(record, Kind.WHOLE)
    if record_of(old).sha256 == record.sha256:
        return PatchedFile(record, Kind.SAME)
    path = work / (new.name + SUFFIX)
    facts = make_patch(old, new, path)
    if facts.patch.size >= WORTH * min(deflated_size(new), record.size):
        path.unlink()
        return PatchedFile(record, Kind.WHOLE)
    rebuild(_blocks(path), old, len, expected=record)
    return PatchedFile(record, Kind.PATCH, facts.old.sha256)


def deflated_size(path: Path) -> int:
    """Estimate the file's deflated size in bytes, from samples all over it; exact for 16 MiB and less."""
    size = path.stat().st_size
    step = max(_SAMPLE, size // _SAMPLES)
    read = packed = 0
    with path.open("rb", buffering=0) as f:
        for at in range(0, size, step):
            block = os.pread(f.fileno(), _SAMPLE, at)
            read += len(block)
            packed += len(zlib.compress(block, _LEVEL))
    return packed * size // max(read, 1)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as f:
        while block := f.read(MIB):
            yield block


def _write_zip(target: Path, patch: PatchList, new: Path, work: Path, profile: Profile) -> None:
    """Write the archive: first what a reader needs to judge the rest."""
    first = always_whole(profile)
    members = [f.member for f in patch.files if f.member]
    with target.open("xb") as raw:
        with zipfile.ZipFile(raw, "w") as z:
            for name in (n for n in first if n in members):
                _add(z, name, new / name)
            z.writestr(_info(NAME, zipfile.ZIP_DEFLATED), patch_list_bytes(patch))
            for name in (n for n in members if n not in first):
                _add(z, name, (work if name.endswith(SUFFIX) else new) / name)
        raw.flush()
        os.fsync(raw.fileno())


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    """Add one member, deflated where that helps."""
    size = path.stat().st_size
    helps = not name.endswith(SUFFIX) and deflated_size(path) < size
    info = _info(name, zipfile.ZIP_DEFLATED if helps else zipfile.ZIP_STORED)
    info.file_size = size
    with archive.open(info, "w") as packed:
        for block in _blocks(path):
            packed.write(block)


def _info(name: str, method: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _TIME)
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    info.compress_type = method
    # Python 3.13 made the level public; before, ZipInfo has it with an underscore and open() takes none.
    setattr(info, "compress_level" if hasattr(info, "compress_level") else "_compresslevel", _LEVEL)
    return info
