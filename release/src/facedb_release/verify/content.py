"""A folder's files and the manifest → is each file there, plain, as listed, of the right pipeline?

The cheap checks of release.py. Each yields every fault it finds, and as text what is merely odd.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from facedb_release import receipt, volume
from facedb_release.copying import hash_file
from facedb_release.errors import Reason, WrongRelease
from facedb_release.manifest import Manifest, pipeline_of
from facedb_release.profiles import Profile
from facedb_release.progress import Phase, Progress
from facedb_release.receipt import FileRecord
from facedb_release.version import Version


def file_set(folder: Path, profile: Profile) -> tuple[tuple[str, ...], tuple[WrongRelease, ...]]:
    """Return the release's usable files, and a fault for each that is missing, strange, or no plain file."""
    present = sorted(p.name for p in folder.iterdir() if not volume.is_ours(p.name))
    faults = [_missing(name) for name in profile.required if name not in present]
    usable = []
    for name in present:
        fault = _strange(folder / name, profile)
        if fault:
            faults.append(fault)
        else:
            usable.append(name)
    return tuple(usable), tuple(faults)


def _missing(name: str) -> WrongRelease:
    return WrongRelease(
        Reason.MISSING_FILE, f"{name} is missing; every release must hold it.", file=name, expected=name
    )


def _strange(path: Path, profile: Profile) -> WrongRelease | None:
    """Return what speaks against one file, by its name, its kind and its size."""
    facts = path.lstat()
    name = path.name[:80] if path.name.isprintable() else ascii(path.name)[:80]
    if path.name not in profile.known or not stat.S_ISREG(facts.st_mode):
        return WrongRelease(
            Reason.UNEXPECTED_FILE,
            f"{name} does not belong into a release (or is no plain file). Remove it.",
            file=name,
        )
    most = profile.max_bytes[path.name]
    if facts.st_size > most:
        return WrongRelease(
            Reason.UNEXPECTED_FILE,
            f"{path.name} is larger than any release's could be.",
            file=path.name,
            expected=f"at most {most} bytes",
            found=facts.st_size,
        )
    return None


def check_version(manifest: Manifest, expected: Version | None, file: str) -> Iterator[WrongRelease]:
    """Compare the manifest's version with the one asked for, if one was."""
    if expected is not None and manifest.version != expected:
        yield WrongRelease(
            Reason.WRONG_VERSION,
            "The archive holds another version than the one asked for. Its publisher mixed two up.",
            file=file,
            expected=expected,
            found=manifest.version,
        )


def hash_all(folder: Path, names: Iterable[str], progress: Progress) -> Iterator[FileRecord]:
    """Read and hash each file."""
    names = tuple(names)
    total, done = sum((folder / n).stat().st_size for n in names), 0

    def told(name: str, count: int) -> None:
        nonlocal done
        done += count
        progress(Phase.VERIFYING, done, total, name)

    for name in names:
        yield hash_file(folder / name, partial(told, name))


def check_hashes(
    manifest: Manifest, files: Iterable[FileRecord], profile: Profile
) -> Iterator[WrongRelease | str]:
    """Compare every listed sha256; an optional file that is listed and absent is a warning.

    Real manifests list neither faces.json nor performers.json: that a file is not listed says nothing.
    """
    there = {f.name: f.sha256 for f in files}
    for name, expected in manifest.checksums.items():
        if name in there and there[name] != expected:
            yield WrongRelease(
                Reason.WRONG_CHECKSUM,
                f"{name} is not the file that the manifest lists: its sha256 differs. Use another source.",
                file=name,
                expected=f"sha256:{expected}",
                found=f"sha256:{there[name]}",
            )
        if name not in there and name not in profile.required:
            kind = "optional" if name in profile.optional else "unknown"
            yield f"the manifest lists the {kind} file {name}, which the release does not hold"


def check_receipt(folder: Path, files: Iterable[FileRecord]) -> Iterator[WrongRelease]:
    """Compare with what was there when the release was fetched, also the files that no manifest lists."""
    if not (folder / receipt.NAME).exists():
        return
    then = {f.name: f for f in receipt.read_receipt(folder).files}
    for file in files:
        if then.get(file.name) != file:
            yield WrongRelease(
                Reason.WRONG_CHECKSUM,
                f"{file.name} is not the file that was fetched: it changed at rest. Fetch the release again.",
                file=file.name,
                expected=f"sha256:{then[file.name].sha256}" if file.name in then else "no such file",
                found=f"sha256:{file.sha256}",
            )


def check_pipeline(manifest: Manifest, names: Iterable[str], profile: Profile) -> Iterator[WrongRelease]:
    """Refuse faces that were made by another pipeline: they load, and match the wrong people.

    What describes an index counts only where it is there and searched; an optional one need not be described.
    """
    silent = {i.declared_as for name, i in profile.indices.items() if not i.queried or name not in names}
    lenient = {i.declared_as for name, i in profile.indices.items() if name in profile.optional}
    for key, expected in pipeline_of(profile).items():
        found = manifest.models.get(key)
        if found == expected or key in silent or (found is None and key in lenient):
            continue
        yield WrongRelease(
            Reason.INCOMPATIBLE_PIPELINE,
            f"The faces were made with another pipeline (models.{key}); this sidecar would match "
            "them wrongly. Use a release made for it.",
            file=profile.manifest.name,
            expected=f"{key}={expected}",
            found=f"{key}={found}",
        )
