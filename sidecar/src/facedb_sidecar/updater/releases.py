"""DATA_DIR and the releases in it: which there are, which one serves, and what may go.

    DATA_DIR/versions/2026.02.18/   a release with its receipt, never changed once that is written
    DATA_DIR/current                → the one to serve: replaced by one rename, once an engine has checked it
    DATA_DIR/.facedb-update.lock    held by the one process that changes any of this

Whatever ends the process, `current` names a whole release or does not exist. What else lies in DATA_DIR is
the user's, and stays.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facedb_release import receipt
from facedb_release.errors import ReleaseError
from facedb_release.profiles import PROFILE
from facedb_release.publish.in_use import alone
from facedb_release.receipt import read_receipt, sync_folder, write_whole
from facedb_release.version import Version, parse_version

VERSIONS = "versions"
POINTER = "current"
LOCK = ".facedb-update.lock"
_NEXT = ".facedb-current"

log = logging.getLogger(__name__)


class Taken(Exception):
    """Another process changes the releases in this DATA_DIR; the message says so."""


class Releases:
    """The releases of one DATA_DIR.

    Args:
        data: the folder.
    """

    def __init__(self, data: Path) -> None:
        self.data = data

    def folder(self, version: str) -> Path:
        """Where a version lies, or would."""
        return self.data / VERSIONS / parse_version(version).text

    def current(self) -> Path | None:
        """The release to serve; None when the pointer is missing, or what it names is not whole."""
        pointer = self.data / POINTER
        try:
            target = os.readlink(pointer) if pointer.is_symlink() else pointer.read_text("utf-8").strip()
        except (OSError, ValueError):
            return None
        folder = self.data / VERSIONS / Path(target).name
        return folder if version_of(folder) is not None else None

    def whole(self) -> tuple[Path, ...]:
        """Every release with a good receipt, the newest first."""
        found = {folder: version_of(folder) for folder in self._folders()}
        known = [(version, folder) for folder, version in found.items() if version is not None]
        return tuple(folder for _, folder in sorted(known, reverse=True))

    def point(self, folder: Path) -> None:
        """Let the pointer name another release; a reader sees the old one or the new one.

        Raises:
            OSError: nothing has changed.
        """
        target, temp = f"{VERSIONS}/{folder.name}", self.data / _NEXT
        temp.unlink(missing_ok=True)
        try:
            temp.symlink_to(target)
        except OSError:
            # Shares of other systems know no symbolic links; a file that names the folder does as well.
            write_whole(self.data / POINTER, target.encode())
            return
        temp.replace(self.data / POINTER)
        sync_folder(self.data)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the only process that changes the releases.

        Raises:
            Taken: another one does.
            OSError: DATA_DIR cannot be written.
        """
        (self.data / VERSIONS).mkdir(parents=True, exist_ok=True)
        handle = os.open(self.data / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Taken(
                    f"Another sidecar is updating the releases in {self.data}; wait for it."
                ) from error
            yield
        finally:
            os.close(handle)

    def tidy(self, *, keep: int, needed: Collection[Path], wanted: str | None, bad: Collection[str]) -> None:
        """Remove releases beyond those to keep, and halves of others than the one that is wanted.

        Args:
            keep: releases, those needed included.
            needed: folders that stay in any case: what serves, and what the pointer names.
            wanted: version whose half is to be gone on with.
            bad: versions that were refused; they go before all others.
        """
        (self.data / _NEXT).unlink(missing_ok=True)
        whole = self.whole()
        spare = [f for f in whole if f not in needed and f.name not in bad]
        kept = {*needed, *spare[: max(0, keep - len(needed))]}
        if wanted is not None:
            kept.add(self.folder(wanted))
        for folder in self._folders():
            if folder not in kept:
                _remove(folder)

    def _folders(self) -> tuple[Path, ...]:
        """Folders under `versions` that are named like a version."""
        try:
            entries = sorted((self.data / VERSIONS).iterdir())
        except OSError:
            return ()
        return tuple(e for e in entries if _is_version(e.name) and e.is_dir() and not e.is_symlink())


def version_of(folder: Path) -> Version | None:
    """The version of a whole release; None when the folder holds none."""
    try:
        return parse_version(read_receipt(folder).version)
    except (ReleaseError, ValueError):
        return None


def _is_version(name: str) -> bool:
    with suppress(ValueError):
        return parse_version(name).text == name
    return False


def _remove(folder: Path) -> None:
    """Remove a release that nobody reads, its receipt first: half of it must never look whole."""
    try:
        with alone(folder, (*PROFILE.required, *PROFILE.optional)):
            (folder / receipt.NAME).unlink(missing_ok=True)
            sync_folder(folder)
            shutil.rmtree(folder)
    except (ReleaseError, OSError) as error:
        log.info("%s stays for now: %s", folder, error)
    else:
        log.info("Removed %s", folder)
