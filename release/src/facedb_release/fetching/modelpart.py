"""A model file on its way: the half of it that is there, the rest of it from the source.

A half-done file's name carries the hash that is wanted, so that another wish never goes on with it.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from facedb_release.archive.contents import Archive
from facedb_release.errors import Reason, WrongRelease
from facedb_release.fetching.modelfiles import ModelFile
from facedb_release.fetching.remote import RemoteFile
from facedb_release.progress import Phase, Progress

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCK = 1 << 20
# A pack of models has some 15 to 350 MB.
MOST_ZIP_BYTES = 1 << 30


def part_of(folder: Path, file: ModelFile) -> Path:
    """Return where the file lies until it is whole."""
    return folder / f".{file.name}.{(file.sha256 or 'unknown')[:12]}.part"


def write_part(remote: Archive, file: ModelFile, part: Path, progress: Progress) -> str:
    """Bring what is missing of a file; return the sha256 of all of it as hex."""
    sha = hashlib.sha256()
    done = _hash_start(part, file, sha) if _can_go_on(remote, file) else 0
    with part.open("r+b" if done else "wb") as f:
        f.truncate(done)
        f.seek(done)
        for chunk in _rest(remote, done):
            sha.update(chunk)
            f.write(chunk)
            done += len(chunk)
            progress(Phase.DOWNLOADING, done, file.size, file.name)
        f.flush()
        os.fsync(f.fileno())
    return sha.hexdigest()


def take_member(remote: Archive, file: ModelFile, part: Path, progress: Progress) -> str:
    """Bring a zip and take the file out of it; return its sha256 as hex.

    Raises:
        WrongRelease: WrongArchive, when it is no such zip.
    """
    if remote.size > MOST_ZIP_BYTES:
        raise _bad_zip(file, f"it has {remote.size} bytes")
    pack = part.with_suffix(".zip.part")
    try:
        with pack.open("wb") as f:
            done = 0
            for chunk in remote.stream():
                f.write(chunk)
                done += len(chunk)
                # In the file's own bytes: nobody who waits for it knows of a zip.
                progress(Phase.DOWNLOADING, file.size * done // remote.size, file.size, file.name)
        return _inflate(pack, file, part)
    finally:
        pack.unlink(missing_ok=True)


def _inflate(pack: Path, file: ModelFile, part: Path) -> str:
    sha = hashlib.sha256()
    try:
        with zipfile.ZipFile(pack) as zipped, zipped.open(str(file.member)) as member, part.open("wb") as f:
            # One byte more than is wanted shows a file that is too long, whatever the directory says.
            left = file.size + 1
            while left > 0 and (chunk := member.read(min(BLOCK, left))):
                sha.update(chunk)
                f.write(chunk)
                left -= len(chunk)
            f.flush()
            os.fsync(f.fileno())
    except (KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as e:
        raise _bad_zip(file, str(e)) from e
    if left != 1:
        raise _bad_zip(file, f"{file.member} does not have {file.size} bytes")
    return sha.hexdigest()


def _bad_zip(file: ModelFile, why: str) -> WrongRelease:
    return WrongRelease(
        Reason.WRONG_ARCHIVE,
        f"The zip that should hold the model {file.name} is not usable: {why}.",
        file=file.name,
        expected=file.member,
    )


def _can_go_on(remote: Archive, file: ModelFile) -> bool:
    """Only a hash shows whether two halves belong together; a file on this machine is copied anew."""
    return file.sha256 is not None and isinstance(remote, RemoteFile) and remote.ranges


def _hash_start(part: Path, file: ModelFile, sha: _Hash) -> int:
    """Hash what is there; return how many bytes that is, 0 when it is too much."""
    if not part.exists() or part.stat().st_size > file.size:
        return 0
    done = 0
    with part.open("rb") as f:
        while chunk := f.read(BLOCK):
            sha.update(chunk)
            done += len(chunk)
    return done


def _rest(remote: Archive, start: int) -> Iterator[bytes]:
    return remote.stream(start) if start and isinstance(remote, RemoteFile) else remote.stream()
