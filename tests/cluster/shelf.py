"""Releases that tests make for themselves: each has a version of its own, which no volume holds before."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from builders import archive_name, make_release, write_zip
from facedb_release.verify.signature import sign_manifest
from release_server import ReleaseServer

REPOSITORY = "tests/shelf"
PERFORMERS = 60
FIRST_DAY = date(2027, 1, 1)

Damage = Callable[[Path], Path]


class Shelf:
    """Makes releases and publishes them under the root of the release servers.

    Args:
        root: of the servers.
        folder: where they are made.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self.root, self.folder = root, folder
        self._made = 0

    def source(self, server: ReleaseServer) -> dict[str, Any]:
        """``spec.source`` for these releases, by this server."""
        return {"github": {"repository": REPOSITORY, "apiURL": server.url}}

    def put(self, damage: Damage | None = None, **details: Any) -> str:
        """Make a release, good unless it is damaged, and publish it; its version.

        Args:
            damage: the good archive → another one.
            details: see builders.make_release.
        """
        version = f"{FIRST_DAY + timedelta(days=self._made):%Y.%m.%d}"
        self.replace(version, damage, **details)
        return version

    def replace(self, version: str, damage: Damage | None = None, **details: Any) -> None:
        """Put another archive, with other people in it, in the place of this version's."""
        self._made += 1
        made = make_release(self.folder, version, performers=PERFORMERS, seed=self._made, **details)
        archive = damage(made) if damage is not None else made
        target = self.archive(version)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Whoever reads the old one at this moment goes on reading it.
        beside = target.with_name("coming")
        shutil.copyfile(archive, beside)
        beside.replace(target)

    def archive(self, version: str) -> Path:
        """The published file."""
        return self.root / REPOSITORY / f"v{version}" / archive_name(version)


def signed_with(key: Path) -> Damage:
    """Sign the release's manifest with this minisign key; the release must list all its files."""

    def sign(archive: Path) -> Path:
        files = archive.parent / f"{archive.stem}-signed"
        with zipfile.ZipFile(archive) as z:
            z.extractall(files)
        sign_manifest(files, key)
        target = files.with_suffix(".zip")
        write_zip(target, files, compress=True)
        return target

    return sign
