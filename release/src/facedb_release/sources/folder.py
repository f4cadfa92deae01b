"""A folder or file on this machine, as a mounted volume is → assets with a path. For air gaps.

Three shapes: a folder with archives, one archive, or the folder of an unpacked release.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from facedb_release.errors import Reason, SourceTrouble, WrongRelease
from facedb_release.manifest import parse_manifest
from facedb_release.sources.asset import (
    PATTERN,
    Asset,
    Available,
    filled,
    newest_first,
    no_file,
    no_version,
    plain_name,
    version_in,
)
from facedb_release.version import Version

_MANIFEST = "manifest.json"
_MAX_MANIFEST = 8 << 20


@dataclass(frozen=True)
class Folder:
    """Something mounted.

    Attributes:
        path: of a folder with archives, of one archive, or of an unpacked release.
        asset_pattern: glob of an archive's name; `{version}` stands for the version.
    """

    path: Path
    asset_pattern: str = PATTERN


def resolve(source: Folder, version: Version) -> tuple[Asset, ...]:
    """Return the version's archive, or the unpacked release.

    Raises:
        SourceTrouble: VersionNotFound, AssetNotFound, or SourceUnavailable when the path cannot be read.
    """
    try:
        if source.path.is_file() or _unpacked(source.path):
            # Which version it is, its manifest says: verification compares.
            return (_asset(source.path, no_version(version, str(source.path))),)
        pattern = filled(source.asset_pattern, version)
        found = [p for p in _files(source.path) if fnmatchcase(p.name, pattern)]
    except OSError as e:
        raise _unreadable(source.path, e) from e
    if not found:
        raise no_version(version, str(source.path))
    if len(found) > 1:
        raise SourceTrouble(
            Reason.ASSET_NOT_FOUND,
            f"{source.path} holds {len(found)} files that match {pattern!r}. Set a narrower asset pattern.",
            expected=pattern,
            found=", ".join(p.name for p in found)[:300],
        )
    return (_asset(found[0], no_version(version, str(source.path))),)


def sibling(source: Folder, name: str) -> tuple[Asset, ...]:
    """Return the file of this name beside the archive, if there is one."""
    folder = source.path if source.path.is_dir() else source.path.parent
    return _named(folder, name)


def named(source: Folder, name: str) -> tuple[Asset, ...]:
    """Return the file of this name.

    Raises:
        SourceTrouble: AssetNotFound, SourceUnavailable.
    """
    found = _named(source.path, name)
    if not found:
        raise no_file(name, str(source.path))
    return found


def available(source: Folder) -> tuple[Available, ...]:
    """Return the versions of the archives, or of the unpacked release.

    Raises:
        SourceTrouble: SourceUnavailable when the path cannot be read, VersionNotFound when one archive does
            not say its version in its name.
    """
    try:
        if _unpacked(source.path):
            return (_available(source.path, _version_inside(source.path)),)
        alone = source.path.is_file()
        paths = [source.path] if alone else _files(source.path)
        read = [(p, version_in(p.name, source.asset_pattern)) for p in paths]
        found = newest_first([_available(path, version) for path, version in read if version])
    except OSError as e:
        raise _unreadable(source.path, e) from e
    if alone and not found:
        raise SourceTrouble(
            Reason.VERSION_NOT_FOUND,
            f"The name of {source.path} does not say a version. Name the exact version, or set the asset "
            "pattern.",
            expected=source.asset_pattern,
            found=source.path.name,
        )
    return found


def _named(folder: Path, name: str) -> tuple[Asset, ...]:
    path = folder / plain_name(name)
    try:
        return (_asset(path, no_file(name, str(folder))),) if path.is_file() else ()
    except OSError as e:
        raise _unreadable(path, e) from e


def _unpacked(path: Path) -> bool:
    return (path / _MANIFEST).is_file()


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_file())


def _version_inside(folder: Path) -> Version:
    path = folder / _MANIFEST
    if path.stat().st_size > _MAX_MANIFEST:
        raise SourceTrouble(Reason.SOURCE_UNAVAILABLE, f"{path} is too large for a manifest.", file=_MANIFEST)
    try:
        return parse_manifest(path.read_bytes()).version
    except WrongRelease as e:
        raise SourceTrouble(
            Reason.SOURCE_UNAVAILABLE, f"{folder} holds no release: {e.message}", file=_MANIFEST
        ) from e


def _asset(path: Path, missing: SourceTrouble) -> Asset:
    whole = path.absolute()
    size = path.stat().st_size if path.is_file() else None
    return Asset(whole.as_uri(), path.name, size, None, (), missing, path=whole)


def _available(path: Path, version: Version) -> Available:
    facts = path.stat()
    return Available(
        version=version,
        published_at=datetime.fromtimestamp(facts.st_mtime, UTC),
        name=path.name,
        size=facts.st_size if path.is_file() else None,
        digest=None,
        url=path.absolute().as_uri(),
    )


def _unreadable(path: Path, error: OSError) -> SourceTrouble:
    return SourceTrouble(
        Reason.SOURCE_UNAVAILABLE,
        f"{path} cannot be read: {error.strerror or error}. Check that it is mounted and readable.",
        found=error.strerror,
    )
