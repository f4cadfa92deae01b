"""A DATA_DIR of the reference sidecar, with its files in the root → one of ours, its files untouched.

The release's files are linked into a folder of their own (copied where links cannot be made), verified as
every release is, and get a receipt.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from facedb_release import manifest as manifests
from facedb_release import volume
from facedb_release.copying import clone
from facedb_release.errors import ReleaseError, WrongRelease
from facedb_release.manifest import parse_manifest
from facedb_release.profiles import PROFILE
from facedb_release.receipt import NAME, read_receipt, sync_folder
from facedb_release.verify.release import verify_release
from facedb_sidecar.updater.releases import Releases

# SQLite writes in place: through a link, that would change the verified file.
COPIED = frozenset({"performers.db"})

log = logging.getLogger(__name__)


def flat_version(data: Path) -> str | None:
    """The version of the release whose files lie in the root; None when they are not all there."""
    if not all((data / name).is_file() for name in PROFILE.required):
        return None
    try:
        return parse_manifest((data / manifests.NAME).read_bytes()).version.text
    except (OSError, ReleaseError):
        return None


def adopt(releases: Releases, version: str) -> Path:
    """Make the flat release one of ours; at once when it is already.

    Raises:
        ReleaseError: it is not a good release, or there is no room for it.
    """
    folder = releases.folder(version)
    with volume.writing(folder):
        if (folder / NAME).exists():
            read_receipt(folder)
            return folder
        partial = volume.claim(folder, PROFILE)
        volume.clear(folder)
        try:
            _bring(releases.data, partial)
            made = verify_release(partial).receipt(None)
        except WrongRelease:
            volume.clear(folder)
            raise
        volume.publish(folder, [f.name for f in made.files], made, PROFILE)
    log.info("Adopted release %s from %s", version, releases.data)
    return folder


def _bring(data: Path, partial: Path) -> None:
    """Link or copy every file of a release.

    Raises:
        NoSpace: before anything is copied that finds no room.
    """
    files: Mapping[str, Path] = {n: data / n for n in PROFILE.known if (data / n).is_file()}
    for name, path in files.items():
        if name in COPIED or not _linked(path, partial / name):
            volume.require_space(partial, path.stat().st_size)
            clone(path, partial / name)
    sync_folder(partial)


def _linked(path: Path, target: Path) -> bool:
    try:
        os.link(path, target, follow_symlinks=True)
    except OSError:
        return False
    return True
