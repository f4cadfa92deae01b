"""The files of an unpacked release → "this is a good one", or the first reason why not, cheapest first.

The only definition of a valid release: the fetch Job, `facedb verify` and the sidecar all come through here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facedb_release import manifest as manifests
from facedb_release import receipt, volume
from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import Manifest, parse_manifest
from facedb_release.profiles import PROFILE, Profile
from facedb_release.progress import Phase, Progress, no_progress
from facedb_release.receipt import FileRecord
from facedb_release.verify.counts import Maps, check_counts, read_maps
from facedb_release.verify.database import check_database
from facedb_release.verify.index import check_opens, read_header
from facedb_release.version import Version

BLOCK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What the checks of hostile content may cost.

    Attributes:
        database_seconds: for all of SQLite's checks.
        index_seconds: for opening and querying one index, in its own process.
        index_extra_bytes: address space of that process, beyond what the file takes.
        sample: how many vectors must find themselves; 0 leaves the indices closed, which is a warning.
    """

    database_seconds: float = 120.0
    index_seconds: float = 120.0
    index_extra_bytes: int = 3 << 30
    sample: int = 100


@dataclass(frozen=True)
class Verified:
    """A good release: its manifest, every file's record, and what is odd."""

    manifest: Manifest
    files: tuple[FileRecord, ...]
    warnings: tuple[str, ...]


def verify_release(
    folder: Path,
    *,
    expected_version: Version | None = None,
    hashed: Iterable[FileRecord] | None = None,
    profile: Profile = PROFILE,
    limits: Limits | None = None,
    progress: Progress = no_progress,
) -> Verified:
    """Verify the release in a folder, in the order of the design.

    Args:
        folder: holds the files, flat.
        expected_version: the one asked for, if one was.
        hashed: records made while the files were written; without them the files are read and hashed here.
        profile: the kind of release.
        limits: of the costly checks.
        progress: is told the bytes hashed.

    Raises:
        WrongRelease: the first thing that is wrong.
    """
    limits = limits or Limits()
    names = _names(folder, profile)
    manifest = parse_manifest((folder / manifests.NAME).read_bytes())
    _check_version(manifest, expected_version)
    files = tuple(hashed) if hashed is not None else tuple(_hash_all(folder, names, progress))
    if hashed is None and (folder / receipt.NAME).exists():
        _check_receipt(folder, files)
    warnings = [*_check_hashes(manifest, files, profile)]
    _check_pipeline(manifest, profile)
    maps = read_maps(folder, profile)
    headers = {name: read_header(folder / name) for name in names if name.endswith(".voy")}
    warnings += check_counts(manifest, maps, headers, profile)
    warnings += check_database(folder / "performers.db", manifest, seconds=limits.database_seconds)
    for name in headers:
        progress(Phase.VERIFYING, 0, None, name)
        warnings += _check_index(folder / name, maps, limits)
    return Verified(manifest, files, tuple(dict.fromkeys(warnings)))


def _check_index(path: Path, maps: Maps, limits: Limits) -> Iterator[str]:
    """Open one index elsewhere and let it find its own."""
    return check_opens(
        path,
        labels=maps.labels(path.name),
        sample=limits.sample,
        seconds=limits.index_seconds,
        extra_bytes=limits.index_extra_bytes,
    )


def _names(folder: Path, profile: Profile) -> tuple[str, ...]:
    """Return the release's files; refuse a missing one, a stranger, and whatever is no plain file."""
    present = sorted(p.name for p in folder.iterdir() if p.name not in _OWN)
    for name in profile.required:
        if name not in present:
            raise WrongRelease(
                Reason.MISSING_FILE,
                f"{name} is missing; every release must hold it.",
                file=name,
                expected=name,
            )
    for name in present:
        path = folder / name
        if name not in profile.required + profile.optional or path.is_symlink() or not path.is_file():
            raise WrongRelease(
                Reason.UNEXPECTED_FILE,
                f"{name} does not belong into a release (or is no plain file).",
                file=name,
            )
    return tuple(present)


_OWN = frozenset({receipt.NAME, volume.PARTIAL, *volume.IGNORED})


def _check_version(manifest: Manifest, expected: Version | None) -> None:
    if expected is not None and manifest.version != expected:
        raise WrongRelease(
            Reason.WRONG_VERSION,
            "The archive holds another version than the one asked for. Its publisher mixed two up.",
            file=manifests.NAME,
            expected=expected,
            found=manifest.version,
        )


def _hash_all(folder: Path, names: Iterable[str], progress: Progress) -> Iterator[FileRecord]:
    """Read and hash each file."""
    names = tuple(names)
    total, done = sum((folder / n).stat().st_size for n in names), 0
    for name in names:
        sha, size = hashlib.sha256(), 0
        with (folder / name).open("rb") as f:
            while block := f.read(BLOCK):
                sha.update(block)
                size += len(block)
                done += len(block)
                progress(Phase.VERIFYING, done, total, name)
        yield FileRecord(name, size, sha.hexdigest())


def _check_hashes(manifest: Manifest, files: Iterable[FileRecord], profile: Profile) -> Iterator[str]:
    """Compare every listed sha256; yield a warning for each optional file that is listed and absent."""
    there = {f.name: f.sha256 for f in files}
    for name, expected in manifest.checksums.items():
        if name in there and there[name] != expected:
            raise WrongRelease(
                Reason.WRONG_CHECKSUM,
                f"{name} is not the file that the manifest lists: its sha256 differs. Use another source.",
                file=name,
                expected=f"sha256:{expected}",
                found=f"sha256:{there[name]}",
            )
        if name not in there:
            kind = "optional" if name in profile.optional else "unknown"
            yield f"the manifest lists the {kind} file {name[:80]}, which the release does not hold"


def _check_receipt(folder: Path, files: Iterable[FileRecord]) -> None:
    """Compare with what was there when the release was fetched, also the files that no manifest lists."""
    then = {f.name: f for f in receipt.read_receipt(folder).files}
    for file in files:
        if then.get(file.name) != file:
            raise WrongRelease(
                Reason.WRONG_CHECKSUM,
                f"{file.name} is not the file that was fetched: it changed at rest. Fetch the release again.",
                file=file.name,
                expected=f"sha256:{then[file.name].sha256}" if file.name in then else "no such file",
                found=f"sha256:{file.sha256}",
            )


def _check_pipeline(manifest: Manifest, profile: Profile) -> None:
    """Refuse faces that were made by another pipeline: they load, and match the wrong people."""
    models = manifest.models
    pairs = (
        ("detector", profile.detector, models.detector),
        ("alignment", profile.alignment, models.alignment),
        ("flip_averaging", profile.flip_averaging, models.flip_averaging),
        ("facenet_dim", profile.dimensions, models.facenet_dim),
        ("arcface_dim", profile.dimensions, models.arcface_dim),
    )
    for key, expected, found in pairs:
        if found != expected:
            raise WrongRelease(
                Reason.INCOMPATIBLE_PIPELINE,
                f"The faces were made with another pipeline (models.{key}); this sidecar would match "
                "them wrongly. Use a release made for it.",
                file=manifests.NAME,
                expected=f"{key}={expected}",
                found=f"{key}={found}",
            )
