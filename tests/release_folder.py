"""A folder that two releases share one after the other, and a process that dies before a chosen step in it.

Called by the tests of fetching in place.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders import archive_name, make_release, rezip
from facedb_release.errors import ReleaseError
from facedb_release.receipt import read_receipt

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_MOVING = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link"})


def two_releases(folder: Path, old: str, new: str) -> tuple[Path, Path]:
    """Make two archives; in the new one the database, performers.json and the manifest differ.

    The old one has a signature, too, which the new one lacks.
    """
    first = make_release(folder / "old", old, performers=30)
    second = folder / "new" / archive_name(new)
    with zipfile.ZipFile(first) as z:
        manifest = json.loads(z.read("manifest.json"))
        people = json.dumps(json.loads(z.read("performers.json")), indent=3).encode()
        database = bytearray(z.read("performers.db"))
    # user_version, in SQLite's header: nobody reads it here.
    database[60:64] = (7).to_bytes(4, "big")
    manifest["version"] = new
    manifest["checksums"]["performers.db"] = "sha256:" + hashlib.sha256(database).hexdigest()
    changes = {
        "performers.db": bytes(database),
        "performers.json": people,
        "manifest.json": json.dumps(manifest).encode(),
    }
    rezip(first, changes, suffix="new", out=second)
    signed = rezip(first, {"manifest.json.minisig": b"not looked at\n"}, suffix="signed")
    return signed, second


def files_of(archive: Path) -> dict[str, bytes]:
    """Return the files of an archive."""
    with zipfile.ZipFile(archive) as z:
        return {name: z.read(name) for name in z.namelist()}


def held_in(folder: Path) -> str | None:
    """Return the version that the folder claims to hold; its files must then be what the receipt says."""
    try:
        found = read_receipt(folder)
    except ReleaseError:
        return None
    for record in found.files:
        assert hashlib.sha256((folder / record.name).read_bytes()).hexdigest() == record.sha256, record.name
    assert json.loads((folder / "manifest.json").read_bytes())["version"] == found.version
    return found.version


class Killed(BaseException):
    """The process is gone."""


@dataclass
class _Death:
    folder: str = ""
    left: int = 0
    armed: bool = False
    steps: int = 0


_death = _Death()
_hooked: list[bool] = []


@contextmanager
def dying_before(step: int, folder: Path) -> Iterator[_Death]:
    """Let everything that changes names in the folder fail from this step on, as after a kill.

    Args:
        step: 0 dies before the first change; a large one never does, and counts.
        folder: whose changes count.
    """
    if not _hooked:
        sys.addaudithook(_watch)
        _hooked.append(True)
    _death.folder, _death.left, _death.steps, _death.armed = str(folder), step, 0, True
    try:
        yield _death
    finally:
        _death.armed = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _death.armed or not _changes(event, arguments):
        return
    if _death.steps >= _death.left:
        raise Killed
    _death.steps += 1


def _changes(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether this is a change of the folder; names without one come from removing a whole tree."""
    if event == "open":
        path, _, flags = arguments
        if not (isinstance(flags, int) and flags & _WRITING):
            return False
    elif event in _MOVING:
        path = arguments[0]
        if isinstance(path, str) and not os.path.isabs(path):
            return True
    else:
        return False
    return isinstance(path, str | Path) and str(path).startswith(_death.folder)
