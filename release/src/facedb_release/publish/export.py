"""A data folder as a trainer leaves it → a published release: zip, and a patch from the one before it.

Everything happens on copies beside the archive-to-be; the data folder is only read. What is published was
verified first, by the same checks as every receiver's. Called by `facedb export`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from facedb_release import manifest as manifests
from facedb_release import volume
from facedb_release.archive.contents import LocalArchive, read_contents
from facedb_release.copying import clone, hash_file, require_still, stamps
from facedb_release.errors import Reason, SourceTrouble, WrongRelease
from facedb_release.manifest import Manifest
from facedb_release.profiles import PROFILE, Profile
from facedb_release.progress import Phase, Progress, no_progress
from facedb_release.publish import database, describe, packing
from facedb_release.publish.database import DATABASE
from facedb_release.publish.opening import open_release
from facedb_release.receipt import FileRecord, write_whole
from facedb_release.verify.limits import Limits
from facedb_release.verify.release import Verified, verify_release
from facedb_release.version import Version

WORKPLACE = ".facedb-export"


PASSWORD = "FACEDB_SIGN_PASSWORD"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class ExportRequest:
    """What to publish, from where, to where.

    Attributes:
        data: the trainer's folder; only read.
        out: gets the archive.
        version: in place of the one that the folder's manifest names.
        models: file with the manifest's `models` block, in place of the folder's.
        sign_key: file of a minisign secret key.
        sign_password: of that key, if it has one.
        patch_from: the release before, zip or folder, to make a patch from.
        stored: whether to deflate nothing.
        profile: the kind of release.
        limits: of the checks.
    """

    data: Path
    out: Path
    version: Version | None = None
    models: Path | None = None
    sign_key: Path | None = None
    sign_password: str | None = None
    patch_from: Path | None = None
    stored: bool = False
    profile: Profile = PROFILE
    limits: Limits | None = None


@dataclass(frozen=True)
class Exported:
    """What was published.

    Attributes:
        archive: path of the zip.
        published: its name, size and sha256.
        patch: path of the patch, if one was asked for.
        patched: its name, size and sha256.
        already_there: whether the same archive was there before.
        manifest: of the release.
        files: of the release.
        left_out: what lies in the data folder and is no part of a release.
        warnings: what is odd.
    """

    archive: Path
    published: FileRecord
    patch: Path | None
    patched: FileRecord | None
    already_there: bool
    manifest: Manifest
    files: tuple[FileRecord, ...]
    left_out: tuple[str, ...]
    warnings: tuple[str, ...]


def export(wanted: ExportRequest, *, progress: Progress = no_progress) -> Exported:
    """Publish the data folder.

    Raises:
        ReleaseError: see errors; then nothing was published.
    """
    names, left_out = _sorted_out(wanted)
    with volume.writing(wanted.out), _workplace(wanted.out) as work:
        size = sum((wanted.data / n).stat().st_size for n in names)
        volume.require_space(wanted.out, 2 * size)
        staged = work / "release"
        staged.mkdir()
        newest = _staged(wanted.data, names, staged, progress)
        files, wrong = _described(wanted, names, staged, newest)
        good = verify_release(
            staged, hashed=files, profile=wanted.profile, limits=wanted.limits, progress=progress
        )
        packed = _packed(wanted, work, good, progress)
        patch = _patch(wanted, work, good, progress)
        published, there = packing.put_in_place(packed, wanted.out / packed.name)
        patched = packing.put_in_place(patch, wanted.out / patch.name)[0] if patch else None
    return Exported(
        archive=wanted.out / published.name,
        published=published,
        patch=wanted.out / patched.name if patched else None,
        patched=patched,
        already_there=there,
        manifest=good.manifest,
        files=good.files,
        left_out=left_out,
        warnings=(*wrong, *good.warnings),
    )


def archive_name(version: Version) -> str:
    """Return the published name of a version's archive."""
    return f"stash-sense-data-v{version.text}.zip"


def patch_name(version: Version, old: Version) -> str:
    """Return the published name of the patch from one version to another."""
    return f"stash-sense-data-v{version.text}.from-v{old.text}.zip"


def _sorted_out(wanted: ExportRequest) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the folder's files of a release, without its manifest; and the names that stay out."""
    data, out = wanted.data.resolve(), wanted.out.resolve()
    if not data.is_dir():
        raise SourceTrouble(Reason.VOLUME_UNAVAILABLE, f"{wanted.data} is no folder.", file=data.name)
    if out == data or data in out.parents:
        raise WrongRelease(
            Reason.ANOTHER_RELEASE,
            f"{wanted.out} lies in the data folder, and nothing is ever written there. Choose another place.",
        )
    made = {manifests.NAME, wanted.profile.manifest.signature}
    known = {*wanted.profile.required, *wanted.profile.optional} - made
    for name in sorted(known.intersection(wanted.profile.required)):
        if not (data / name).is_file():
            raise WrongRelease(
                Reason.MISSING_FILE,
                f"{name} is missing in {wanted.data}; every release must hold it.",
                file=name,
                expected=name,
            )
    names = tuple(sorted(n for n in known if (data / n).is_file()))
    logs = {DATABASE + end for end in (*database.LOGS, "-shm")}
    strangers = {p.name for p in data.iterdir()} - known - made - logs
    return names, tuple(sorted(n for n in strangers if not n.startswith(".facedb-")))


@contextmanager
def _workplace(out: Path) -> Iterator[Path]:
    """Make the folder to work in, and remove it at the end; one that a broken run left is removed first."""
    work = out / WORKPLACE
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _staged(data: Path, names: Sequence[str], staged: Path, progress: Progress) -> float:
    """Copy the files, and settle the database; return the time of the newest write, seconds since 1970."""
    logs = [data / (DATABASE + end) for end in database.LOGS]
    watched = [*(data / n for n in names), *logs]
    before = stamps(watched)
    total, done = sum(size for _, size, _ in before.values()), 0
    for path in watched:
        if path.name in before:
            progress(Phase.COPYING, done, total, path.name)
            clone(path, staged / path.name)
            done += before[path.name][1]
    require_still(before, stamps(watched), data)
    database.settle(staged / DATABASE)
    return max(written for _, _, written in before.values()) / 1e9


def _described(
    wanted: ExportRequest, names: Sequence[str], staged: Path, newest_write: float
) -> tuple[tuple[FileRecord, ...], tuple[str, ...]]:
    """Write the manifest, and sign it; return all files' records, and where the trainer's was wrong."""
    raw = describe.read_raw(wanted.data / manifests.NAME)
    version = describe.version_of(raw, wanted.version)
    files = [hash_file(staged / name) for name in names]
    counted = describe.count(staged, names, wanted.profile)
    made = describe.make_manifest(
        raw,
        counted,
        version=version,
        created=describe.created_at(raw, version, newest_write),
        models=describe.read_object(wanted.models, "Correct it.") if wanted.models else None,
        files=files,
        profile=wanted.profile,
    )
    write_whole(staged / manifests.NAME, made)
    files.append(hash_file(staged / manifests.NAME))
    if wanted.sign_key is not None:
        _sign(wanted, wanted.sign_key, staged)
        files.append(hash_file(staged / wanted.profile.manifest.signature))
    return tuple(files), describe.differences(raw, counted)


def _sign(wanted: ExportRequest, key: Path, staged: Path) -> None:
    from facedb_release.verify.signature import sign_manifest

    try:
        sign_manifest(staged, key, password=wanted.sign_password, profile=wanted.profile)
    except (ValueError, OSError) as e:
        raise WrongRelease(
            Reason.INVALID_SIGNATURE,
            f"The release cannot be signed: {e}. Look at the key file; {PASSWORD} has its password.",
            file=key.name,
        ) from e


def _packed(wanted: ExportRequest, work: Path, good: Verified, progress: Progress) -> Path:
    """Pack the archive under its name in the workplace, and judge it as a receiver will."""
    packed = work / archive_name(good.manifest.version)
    told = _telling(good.files, progress)
    packing.write_zip(work / "release", good.files, packed, stored=wanted.stored, told=told)
    read_contents(LocalArchive(packed), wanted.profile)
    return packed


def _telling(files: Sequence[FileRecord], progress: Progress) -> Callable[[int, str | None], None]:
    total = sum(f.size for f in files)
    return lambda done, file: progress(Phase.PACKING, done, total, file)


def _patch(wanted: ExportRequest, work: Path, good: Verified, progress: Progress) -> Path | None:
    """Make the patch from the release before, if one was asked for, under its name in the workplace."""
    if wanted.patch_from is None:
        return None
    from facedb_release.patches.publish import make_patch_archive

    old = open_release(wanted.patch_from, work / "old", wanted.profile, progress, limits=wanted.limits)
    before, now = old.good.manifest.version, good.manifest.version
    if before == now:
        raise WrongRelease(
            Reason.WRONG_VERSION,
            f"{wanted.patch_from} holds version {now} itself; a patch leads to it from another version.",
            found=before,
        )
    patch = work / patch_name(now, before)
    make_patch_archive(old.folder, work / "release", patch, profile=wanted.profile)
    return patch
