"""A folder that holds another verified release → the workplace of a new one, which takes what is the same.

The old receipt goes aside before anything else moves, so the folder never claims to be what it no longer is.
There it says what the old files were, until the new receipt is written: a run that was killed anywhere goes
on from it, whichever release it is asked for then. What lies under an old name is believed only by its hash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from facedb_release import volume
from facedb_release.archive.directory import Member
from facedb_release.fetching.journal import Begun, Journal, noted
from facedb_release.fetching.reuse import same_files, take
from facedb_release.fetching.wanted import FetchRequest
from facedb_release.manifest import Manifest
from facedb_release.profiles import Profile
from facedb_release.publish.in_use import unused
from facedb_release.receipt import NAME, FileRecord, Receipt, parse_receipt, sync_folder
from facedb_release.version import parse_version


def old_release(wanted: FetchRequest) -> Receipt | None:
    """Return the receipt of another release that the folder holds, or held before a run began to change it.

    None also for the wanted release, damaged at rest: that one stays until the new files were verified.
    """
    there = _read(wanted.into / NAME)
    if there is None:
        return _read(wanted.into / volume.ASIDE)
    return None if is_wanted(there, wanted) else there


def is_wanted(there: Receipt, wanted: FetchRequest) -> bool:
    """Whether this is the version, and the digest, that is asked for."""
    return parse_version(there.version) == wanted.version and wanted.digest in (None, there.digest)


def is_whole(folder: Path, old: Receipt) -> bool:
    """Whether all files of the old release are there, as far as their sizes tell."""
    return all(_has_size(folder / f.name, f.size) for f in old.files)


def gather(folder: Path, identity: str) -> None:
    """Bring back into the workplace what a killed run had moved out of it already, to publish it."""
    if (folder / NAME).exists():
        return
    for record in noted(folder / volume.JOURNAL, identity):
        inside, outside = folder / volume.PARTIAL / record.name, folder / record.name
        if not inside.exists() and _has_size(outside, record.size):
            outside.replace(inside)


def put_back(folder: Path, old: Receipt | None, keep: Collection[str] = ()) -> None:
    """Give files in the workplace their old names back, where these are free; their hashes tell later.

    Args:
        folder: of the release.
        old: what was there.
        keep: files of the workplace that belong to the new release.
    """
    for record in old.files if old else ():
        inside, outside = folder / volume.PARTIAL / record.name, folder / record.name
        if record.name not in keep and not outside.exists() and _has_size(inside, record.size):
            inside.replace(outside)


def take_over(
    members: Iterable[Member],
    manifest: Manifest,
    begun: Begun,
    old: Receipt,
    wanted: FetchRequest,
    journal: Journal,
) -> dict[str, FileRecord]:
    """Move unchanged files into the workplace, check them, and remove the others; no copy is made.

    Args:
        members: of the new archive, judged.
        manifest: of the new release, checked.
        begun: what an earlier run left.
        old: what is there.
        wanted: under a pinned digest every byte has to come anew, so nothing is taken.
        journal: gets what is taken.

    Raises:
        NoSpace: before anything is changed.
        SourceTrouble: InUse, before anything is changed.
    """
    folder, partial = wanted.into, wanted.into / volume.PARTIAL
    missing = [m for m in members if m.name not in begun.done]
    untouched = [m for m in missing if m.name not in begun.half]
    like = () if wanted.digest else same_files(untouched, manifest, old, folder)
    same = [record for record in like if _has_size(folder / record.name, record.size)]
    taken = {record.name for record in same}
    needed = sum(m.size for m in missing if m.name not in taken) - sum(h.plain for h in begun.half.values())
    volume.require_space(folder, needed - _bytes_to_free(folder, wanted.profile, taken))
    set_aside(folder, wanted.profile)
    found: dict[str, FileRecord] = {}
    for record in same:
        if take(record, folder / record.name, partial / record.name, bring=Path.replace):
            found[record.name] = record
            journal.note_done(record)
    _remove(folder, wanted.profile)
    return found


def give_up_old(folder: Path, profile: Profile, needed: int) -> None:
    """Remove the old release, for a source that does not say what is the same before it is read.

    Raises:
        NoSpace, SourceTrouble: as take_over.
    """
    volume.require_space(folder, needed - _bytes_to_free(folder, profile, ()))
    set_aside(folder, profile)
    _remove(folder, profile)


def set_aside(folder: Path, profile: Profile) -> None:
    """Let the folder no longer claim to hold a release; from here on its files may change.

    Raises:
        SourceTrouble: InUse, while a sidecar reads it.
    """
    if (folder / NAME).exists():
        with unused(folder, profile.known):
            (folder / NAME).replace(folder / volume.ASIDE)
            sync_folder(folder)


def _remove(folder: Path, profile: Profile) -> None:
    for name in profile.known:
        (folder / name).unlink(missing_ok=True)


def _bytes_to_free(folder: Path, profile: Profile, kept: Collection[str]) -> int:
    paths = [folder / name for name in profile.known if name not in kept]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _read(path: Path) -> Receipt | None:
    try:
        return parse_receipt(path.read_bytes())
    except (OSError, ValueError, TypeError, KeyError):
        return None
