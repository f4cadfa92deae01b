"""A release, as a folder or as an archive → its files' facts and bytes, without unpacking what is large.

Used by diff and inspect. Nothing is verified here, but the archive's directory is judged as always.
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from facedb_release.archive.contents import Archive, LocalArchive, read_contents
from facedb_release.archive.directory import DEFLATED, LOCAL, Member
from facedb_release.archive.records import judge_local
from facedb_release.errors import NoSpace, Reason, SourceTrouble, WrongRelease
from facedb_release.profiles import Profile

BLOCK = 1 << 20
_METHODS = {DEFLATED: "deflated"}


@dataclass(frozen=True)
class FileFacts:
    """One file: size in bytes; in an archive also how it is kept, and the bytes that it takes there."""

    size: int
    method: str | None = None
    packed: int | None = None


class Readable(Protocol):
    """A release whose files can be read."""

    files: Mapping[str, FileFacts]

    def blocks(self, name: str, size: int = BLOCK) -> Iterator[bytes]:
        """Yield a file's bytes, in blocks of about this size."""


class Folder:
    """An unpacked release; files that no release holds are left out."""

    def __init__(self, path: Path, profile: Profile) -> None:
        self.path = path
        known = {*profile.required, *profile.optional}
        there = sorted(p for p in path.iterdir() if p.name in known and p.is_file())
        self.files: Mapping[str, FileFacts] = {p.name: FileFacts(p.stat().st_size) for p in there}

    def blocks(self, name: str, size: int = BLOCK) -> Iterator[bytes]:
        """Yield a file's bytes."""
        with (self.path / name).open("rb", buffering=0) as f:
            while block := f.read(size):
                yield block


class Packed:
    """A release in an archive, wherever that is."""

    def __init__(self, archive: Archive, profile: Profile) -> None:
        self._archive = archive
        self._members = {m.name: m for m in read_contents(archive, profile).members}
        self.files: Mapping[str, FileFacts] = {
            m.name: FileFacts(m.size, _METHODS.get(m.method, "stored"), m.packed)
            for m in sorted(self._members.values(), key=lambda m: m.name)
        }

    def blocks(self, name: str, size: int = BLOCK) -> Iterator[bytes]:
        """Yield a member's bytes; the caller need not take them all."""
        member = self._members[name]
        packed = self._packed(member, size)
        return _inflated(packed, member, size) if member.method == DEFLATED else packed

    def _packed(self, member: Member, size: int) -> Iterator[bytes]:
        fixed = self._archive.read(member.offset, member.offset + LOCAL.size)
        start = member.offset + LOCAL.size + judge_local(member, fixed)
        for at in range(start, start + member.packed, size):
            yield self._archive.read(at, min(at + size, start + member.packed))


def open_readable(path: Path, profile: Profile) -> Folder | Packed:
    """Open a folder or a zip.

    Raises:
        ReleaseError: when it is neither, or no release's zip.
    """
    if path.is_dir():
        return Folder(path, profile)
    if not path.is_file():
        raise SourceTrouble(
            Reason.SOURCE_UNAVAILABLE, f"{path} is neither a zip nor a folder.", file=path.name
        )
    return Packed(LocalArchive(path), profile)


def read_whole(release: Readable, name: str, profile: Profile) -> bytes:
    """Return a file's bytes, as far as the format allows so many.

    Raises:
        WrongRelease: MissingFile or UnsafeArchive.
    """
    if name not in release.files:
        raise WrongRelease(Reason.MISSING_FILE, f"{name} is missing.", file=name, expected=name)
    if release.files[name].size > profile.max_bytes[name]:
        raise WrongRelease(
            Reason.UNSAFE_ARCHIVE,
            f"{name} is too large to be read.",
            file=name,
            expected=f"at most {profile.max_bytes[name]}",
            found=release.files[name].size,
        )
    return b"".join(release.blocks(name))


def read_head(release: Readable, name: str, size: int) -> bytes:
    """Return a file's first bytes, at most this many."""
    head = b""
    for block in release.blocks(name, max(size, 512)):
        head += block
        if len(head) >= size:
            break
    return head[:size]


@contextmanager
def as_file(release: Folder | Packed, name: str) -> Iterator[Path]:
    """Give a file a path: its own, or that of a copy that is removed at the end."""
    if isinstance(release, Folder):
        yield release.path / name
        return
    with tempfile.TemporaryDirectory(prefix="facedb-") as folder:
        if shutil.disk_usage(folder).free < release.files[name].size:
            raise NoSpace(f"{folder} has no room for a copy of {name}; point TMPDIR elsewhere.", file=name)
        with (Path(folder) / name).open("wb") as f:
            f.writelines(release.blocks(name))
        yield Path(folder) / name


def _inflated(packed: Iterator[bytes], member: Member, size: int) -> Iterator[bytes]:
    """Inflate, never more than a block at a time and never more than was promised."""
    inflate, left = zlib.decompressobj(-zlib.MAX_WBITS), member.size
    try:
        for piece in packed:
            data = piece
            while data and left > 0 and not inflate.eof:
                block = inflate.decompress(data, min(size, left))
                left -= len(block)
                data = inflate.unconsumed_tail
                yield block
    except zlib.error as e:
        raise WrongRelease(
            Reason.WRONG_ARCHIVE,
            f"The archive is damaged ({member.name}): its data cannot be inflated ({e}).",
            file=member.name,
        ) from e
