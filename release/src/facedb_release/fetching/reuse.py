"""Files of the release before → files of the new one, where they are the same: updates move what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from facedb_release import volume
from facedb_release.archive.directory import Member
from facedb_release.copying import clone, hash_file
from facedb_release.errors import ReleaseError
from facedb_release.manifest import Manifest
from facedb_release.receipt import FileRecord, Receipt, crc32_of, read_receipt


def read_previous(folder: Path | None) -> Receipt | None:
    """Return the receipt of the release before; None when there is no usable one."""
    if folder is None:
        return None
    try:
        return read_receipt(folder)
    except ReleaseError:
        return None


def same_files(
    members: Iterable[Member], manifest: Manifest, previous: Receipt, folder: Path
) -> tuple[FileRecord, ...]:
    """Return the previous release's files that the new one holds unchanged.

    A file that the manifest lists is the same by its sha256. One that it does not list has no other identity
    than its size and CRC-32 in the archive: a fresh download of it would be held against nothing else.
    """
    old = {f.name: f for f in previous.files}
    return tuple(
        old[m.name] for m in members if m.name in old and _is_same(m, old[m.name], manifest, folder / m.name)
    )


def _is_same(member: Member, old: FileRecord, manifest: Manifest, path: Path) -> bool:
    if member.size != old.size:
        return False
    listed = manifest.checksums.get(member.name)
    if listed is not None:
        return listed == old.sha256
    try:
        return crc32_of(path) == member.crc32
    except OSError:
        return False


def take(
    record: FileRecord, source: Path, target: Path, bring: Callable[[Path, Path], object] = clone
) -> bool:
    """Bring a file to its place; false, and nothing is there, when it is no longer what it was.

    Args:
        record: what it was.
        source: where it is.
        target: its place.
        bring: a copy, by shared blocks where the file system can; or a move.

    Raises:
        OSError: if the volume is full.
    """
    target.unlink(missing_ok=True)
    try:
        bring(source, target)
        if hash_file(target).sha256 == record.sha256:
            return True
    except OSError as e:
        if volume.is_full(e):
            raise
    target.unlink(missing_ok=True)
    return False
