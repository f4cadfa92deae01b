"""A release, zip or folder → in a data folder in place of the one before, all of it or nothing.

Only names that a release has are ever moved: `stash_sense.db`, `models/` and whatever else lies there stay.
The files before are kept as one backup, which `roll_back` exchanges with those in place. Called by
`facedb import`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from facedb_release import manifest as manifests
from facedb_release import receipt as receipts
from facedb_release import volume
from facedb_release.copying import clone, hash_file
from facedb_release.errors import Reason, ReleaseError, SourceTrouble, WrongRelease
from facedb_release.manifest import parse_manifest
from facedb_release.profiles import PROFILE, Profile
from facedb_release.progress import Phase, Progress, no_progress
from facedb_release.publish import database, in_use
from facedb_release.publish.opening import Opened, open_release
from facedb_release.publish.places import DATABASE_LOGS, Places, ours, places
from facedb_release.publish.swap import (
    BACKUP,
    NEW,
    OLD,
    Recovered,
    Step,
    Swap,
    abandon,
    begin,
    no_step,
    recover,
    swap,
)
from facedb_release.receipt import (
    FileRecord,
    Receipt,
    read_receipt,
    write_receipt,
    write_whole,
)
from facedb_release.verify.limits import Limits
from facedb_release.verify.signature import Policy

NOTE = "backup.json"
OTHERS_OPEN = ("stash_sense.db", "stash_sense.db-wal", "stash_sense.db-shm")


@dataclass(frozen=True)
class ImportRequest:
    """What to put where.

    Attributes:
        release: zip or folder.
        data: the data folder.
        profile: the kind of release.
        limits: of the checks.
        policy: whose signature is wanted.
    """

    release: Path
    data: Path
    profile: Profile = PROFILE
    limits: Limits | None = None
    policy: Policy | None = None


@dataclass(frozen=True)
class Imported:
    """What is in place now.

    Attributes:
        version: of the release in place; None where no manifest could be read.
        before: the version that the backup holds, if any.
        receipt: of the release in place; None after a return to files that had none.
        kept: local files that belong to no release and stayed.
        backed_up: names in the backup.
        recovered: what became of an import that was broken off, if there was one.
        warnings: what is odd.
        unchanged: whether the very same files were in place; then the backup is left as it was.
    """

    version: str | None
    before: str | None
    receipt: Receipt | None
    kept: tuple[str, ...] = ()
    backed_up: tuple[str, ...] = ()
    recovered: Recovered | None = None
    warnings: tuple[str, ...] = ()
    unchanged: bool = False


def import_release(
    wanted: ImportRequest, *, progress: Progress = no_progress, step: Step = no_step
) -> Imported:
    """Verify a release, copy it beside the data folder's files, check the copies, and swap.

    Raises:
        ReleaseError: see errors; the data folder then holds what it held before.
    """
    data = wanted.data
    _require_apart(wanted.release, data)
    with in_use.alone(data, [*ours(wanted.profile), *OTHERS_OPEN]):
        recovered = recover(data, step)
        try:
            begin(data, step)
            opened = _staged(wanted, progress, step)
            _check_copies(data / NEW, opened, progress)
            chosen = places(_names(data), [f.name for f in opened.good.files], wanted.profile)
            made = _receipt(data, opened, chosen.kept)
            if _is_in_place(data, made):
                return Imported(made.version, None, made, chosen.kept, recovered=recovered, unchanged=True)
            write_receipt(data / NEW, made)
            before = _version(data)
            _write_note(data, before, chosen)
            step("wrote the notes")
            moves = Swap(
                chosen.out, _sizes(data / NEW, [*(f.name for f in opened.good.files), receipts.NAME])
            )
            swap(data, moves, confirm=read_receipt, step=step)
        finally:
            abandon(data)
    return Imported(
        version=made.version,
        before=before,
        receipt=made,
        kept=chosen.kept,
        backed_up=chosen.out,
        recovered=recovered,
        warnings=(*opened.good.warnings, *_oddities(opened, chosen, made, before)),
    )


def roll_back(data: Path, profile: Profile = PROFILE, *, step: Step = no_step) -> Imported:
    """Exchange the files in place with the backup; twice is a return to where it began.

    Raises:
        WrongRelease: NoBackup; WrongChecksum, when the backup's files are not as they were.
        SourceTrouble: InUse, VolumeUnavailable.
    """
    if not data.is_dir():
        raise _no_backup(data, "there is no such folder")
    with in_use.alone(data, [*ours(profile), *OTHERS_OPEN]):
        recovered = recover(data, step)
        note = _read_note(data)
        back = _sizes(data / BACKUP, note.out)
        _check_backup(data, note)
        present = set(_names(data)).intersection(ours(profile)) - set(note.kept)
        leaving = Places(tuple(sorted(present, key=lambda n: (n != receipts.NAME, n))), note.kept)
        before = _version(data)
        try:
            begin(data, step)
            _write_note(data, before, leaving)
            step("wrote the notes")
            swap(data, Swap(leaving.out, back, BACKUP), step=step)
        finally:
            abandon(data)
    there = read_receipt(data) if receipts.NAME in back else None
    return Imported(_version(data), before, there, note.kept, leaving.out, recovered)


def finish_broken_import(data: Path, profile: Profile = PROFILE, *, step: Step = no_step) -> Recovered | None:
    """Bring an import that was killed to its end, or undo it; None when there was none.

    For whoever starts to use the folder: cheap where nothing is to be done.

    Raises:
        SourceTrouble: InUse, VolumeUnavailable.
    """
    with in_use.alone(data, ours(profile)):
        return recover(data, step)


def _require_apart(release: Path, data: Path) -> None:
    """Refuse to import a folder into itself, and a folder that is a slip of the pen."""
    if release.is_dir() and release.resolve() == data.resolve():
        raise WrongRelease(Reason.ANOTHER_RELEASE, f"{release} and the data folder are the same.")
    if not data.is_dir() and not data.parent.is_dir():
        raise SourceTrouble(
            Reason.VOLUME_UNAVAILABLE, f"{data.parent} does not exist. Correct the path of the data folder."
        )


def _names(data: Path) -> list[str]:
    return [p.name for p in data.iterdir()]


def _staged(wanted: ImportRequest, progress: Progress, step: Step) -> Opened:
    """Bring the release's files, verified, into the workplace."""
    new = wanted.data / NEW
    new.rmdir()
    opened = open_release(
        wanted.release, new, wanted.profile, progress, limits=wanted.limits, policy=wanted.policy
    )
    step("verified the release")
    if opened.unpacked:
        return opened
    new.mkdir()
    total, done = sum(f.size for f in opened.good.files), 0
    volume.require_space(wanted.data, total)
    for file in opened.good.files:
        progress(Phase.COPYING, done, total, file.name)
        clone(opened.folder / file.name, new / file.name)
        done += file.size
        step(f"copied {file.name}")
    return opened


def _check_copies(new: Path, opened: Opened, progress: Progress) -> None:
    """Read every copy again, and let SQLite read all that a sidecar reads."""
    total, done = sum(f.size for f in opened.good.files), 0
    for file in opened.good.files:
        progress(Phase.VERIFYING, done, total, file.name)
        _require_same(
            file, hash_file(new / file.name), "was copied wrongly; look at the disk, then try again"
        )
        done += file.size
    database.check_copy(new / database.DATABASE)


def _receipt(data: Path, opened: Opened, kept: Collection[str]) -> Receipt:
    """Return the receipt of what the data folder will hold; the kept files have their own sums in it."""
    made = opened.good.receipt(opened.digest)
    return replace(made, files=(*made.files, *(hash_file(data / name) for name in kept)))


def _is_in_place(data: Path, made: Receipt) -> bool:
    """Whether the folder holds these very files: a swap would only replace the backup by copies of them."""
    try:
        there = read_receipt(data)
    except WrongRelease:
        return False
    same = {f.name: f for f in there.files} == {f.name: f for f in made.files}
    return same and all(hash_file(data / f.name) == f for f in made.files)


def _sizes(folder: Path, names: Collection[str]) -> Mapping[str, int]:
    """Return name → size in bytes, the receipt last: while it is there, all others are.

    Raises:
        WrongRelease: NoBackup, when a file is gone from the backup.
    """
    try:
        return {n: (folder / n).stat().st_size for n in sorted(names, key=lambda n: (n == receipts.NAME, n))}
    except FileNotFoundError as e:
        raise _no_backup(folder.parent, f"{Path(e.filename).name} is gone from {folder}") from e


def _write_note(data: Path, version: str | None, chosen: Places) -> None:
    note = {"version": version, "files": chosen.out, "kept": chosen.kept}
    write_whole(data / OLD / NOTE, json.dumps(note).encode())


def _read_note(data: Path) -> Places:
    try:
        raw = json.loads((data / BACKUP / NOTE).read_bytes())
        return Places(tuple(raw["files"]), tuple(raw["kept"]))
    except (OSError, ValueError, KeyError) as e:
        raise _no_backup(data, "no import left its files there") from e


def _check_backup(data: Path, note: Places) -> None:
    """Compare the backup's files with their receipt, where there is one."""
    if receipts.NAME not in note.out:
        return
    listed = json.loads((data / BACKUP / receipts.NAME).read_bytes())["files"]
    for file in (FileRecord(**f) for f in listed if f["name"] in note.out):
        _require_same(file, hash_file(data / BACKUP / file.name), "changed in the backup; import a release")


def _require_same(expected: FileRecord, found: FileRecord, what: str) -> None:
    if expected != found:
        raise WrongRelease(
            Reason.WRONG_CHECKSUM,
            f"{expected.name} {what}. The data folder holds what it held before.",
            file=expected.name,
            expected=f"sha256:{expected.sha256}",
            found=f"sha256:{found.sha256}",
        )


def _oddities(opened: Opened, chosen: Places, made: Receipt, before: str | None) -> list[str]:
    """Say what became of local files that the release does not bring."""
    brought = {f.name for f in opened.good.files} | {receipts.NAME, *DATABASE_LOGS}
    said = [
        f"{name} belongs to {before or 'the release before'} and was moved into the backup"
        for name in chosen.out
        if name not in brought
    ]
    listed = opened.good.manifest.checksums
    return said + [
        f"the release lists another {f.name} than the local one, which was kept"
        for f in made.files
        if f.name in chosen.kept and listed.get(f.name, f.sha256) != f.sha256
    ]


def _version(data: Path) -> str | None:
    """Return the version in a folder, as far as its manifest can be read."""
    try:
        return parse_manifest((data / manifests.NAME).read_bytes()).version.text
    except (OSError, ReleaseError):
        return None


def _no_backup(data: Path, why: str) -> WrongRelease:
    return WrongRelease(
        Reason.NO_BACKUP,
        f"There is nothing to go back to in {data}: {why}. Import the release that you want.",
        expected=str(data / BACKUP / NOTE),
    )
