"""The folder a release is written into: its lock, its free space, the rests of a broken attempt.

While `.facedb-partial` is there, everything else in the folder that has a release's name is ours to remove;
it goes last, after the receipt. Half-done files lie in it, and a journal beside it says how far they are. A
folder with files of other origin is never touched.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from facedb_release import receipt
from facedb_release.errors import NoSpace, Reason, SourceTrouble, WrongRelease
from facedb_release.profiles import MIB, Profile

PARTIAL = ".facedb-partial"
JOURNAL = ".facedb-journal.json"
# The receipt of the release that the folder held before, while it is changed into another one.
ASIDE = ".facedb-aside.json"
IGNORED = frozenset({"lost+found"})
# Receipts, journals, locks, backups: what this program keeps beside a release's files.
OWN_PREFIX = ".facedb-"
MARGIN_BYTES = 16 * MIB
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Make the folder, hold its lock, and translate what the file system says.

    Raises:
        NoSpace: if it is full.
        SourceTrouble: VolumeUnavailable, if it cannot be written or somebody else writes it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            yield
    except OSError as e:
        name = Path(e.filename).name if isinstance(e.filename, str) else None
        if is_full(e):
            raise NoSpace(
                f"The volume of {folder} is full. Make it larger, or remove old releases.", file=name
            ) from e
        raise SourceTrouble(
            Reason.VOLUME_UNAVAILABLE,
            f"{folder} cannot be written: {e.strerror or e}. Check the volume, its mode and its owner.",
            file=name,
            found=e.strerror,
        ) from e


def is_full(error: OSError) -> bool:
    """Whether this is what a volume without room says."""
    return error.errno in _FULL


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as e:
        raise SourceTrouble(
            Reason.VOLUME_UNAVAILABLE, f"Another process is writing into {folder}; this one leaves it alone."
        ) from e
    finally:
        # Closing is not enough: a child that was just forked holds the same lock until it has begun.
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def claim(folder: Path, profile: Profile) -> Path:
    """Return the folder to write into; it may hold the rests of an earlier attempt.

    Raises:
        WrongRelease: AnotherRelease, if the folder holds files that are not ours.
    """
    partial = folder / PARTIAL
    ours = any(path.exists() for path in (partial, folder / receipt.NAME, folder / ASIDE))
    known = {*profile.required, *profile.optional} if ours else set()
    strangers = sorted(p.name for p in folder.iterdir() if p.name not in known and not is_ours(p.name))
    if strangers:
        raise WrongRelease(
            Reason.ANOTHER_RELEASE,
            f"{folder} holds files that this program did not put there; it leaves them alone. "
            "Use an empty folder.",
            file=strangers[0],
            expected="an empty folder",
            found=", ".join(strangers)[:200],
        )
    if not partial.exists():
        partial.mkdir()
        receipt.sync_folder(folder)
    return partial


def is_ours(name: str) -> bool:
    """Whether a name beside a release's files is no stranger: this program's, or the file system's."""
    return name in IGNORED or name.startswith(OWN_PREFIX)


def clear(folder: Path, keep: Collection[str] = ()) -> None:
    """Remove the rests of an earlier attempt but those to keep; without any, its journal too."""
    if not keep:
        (folder / JOURNAL).unlink(missing_ok=True)
    partial = folder / PARTIAL
    for path in partial.iterdir() if partial.exists() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.name not in keep:
            path.unlink()


def require_space(folder: Path, needed: int) -> None:
    """Check that the volume has room for this many bytes and a margin.

    Raises:
        NoSpace: with both numbers.
    """
    facts = os.statvfs(folder)
    free = facts.f_bavail * facts.f_frsize
    if free < needed + MARGIN_BYTES:
        raise NoSpace(
            f"The volume of {folder} has too little room for this release; nothing was written. "
            "Make it larger, or remove old releases.",
            expected=f"{needed + MARGIN_BYTES} bytes free",
            found=f"{free} bytes free",
        )


def publish(folder: Path, names: Collection[str], made: receipt.Receipt, profile: Profile) -> None:
    """Move the verified files to their places, write the receipt, and remove the workplace, in this order."""
    partial = folder / PARTIAL
    (folder / receipt.NAME).unlink(missing_ok=True)
    for stale in {*profile.required, *profile.optional}.difference(names):
        (folder / stale).unlink(missing_ok=True)
    for name in names:
        (partial / name).replace(folder / name)
    receipt.sync_folder(folder)
    receipt.write_receipt(folder, made)
    tidy(folder)
    receipt.sync_folder(folder)


def tidy(folder: Path) -> None:
    """Remove a workplace that outlived its receipt; on a volume that is read-only there is none."""
    for rest in (folder / JOURNAL, folder / (JOURNAL + ".new"), folder / ASIDE):
        if rest.exists():
            rest.unlink()
    if (folder / PARTIAL).exists():
        shutil.rmtree(folder / PARTIAL)
