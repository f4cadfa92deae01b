"""What sources answer with: where a file is, and which versions there are. Values only."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from facedb_release.errors import Reason, ReleaseError, SourceTrouble
from facedb_release.version import Version, parse_version

PATTERN = "stash-sense-data-v{version}.zip"


@dataclass(frozen=True)
class Asset:
    """One address of one file.

    Attributes:
        url: stable; may redirect, may need the key that its source gave the client's session.
        name: of the file.
        size: in bytes, where the source says so.
        digest: `sha256:<hex>`, where the source says so.
        headers: to send along.
        missing: the error when the address answers 404.
        path: of a file, or of an unpacked release's folder, here; the url is then for messages only.
    """

    url: str
    name: str
    size: int | None
    digest: str | None
    headers: tuple[tuple[str, str], ...]
    missing: ReleaseError
    path: Path | None = None


@dataclass(frozen=True)
class Available:
    """A version that a source offers.

    Attributes:
        version: read from a tag, a key, a file's name.
        published_at: with its time zone, where the source says so.
        name: of the archive.
        size: in bytes, where the source says so.
        digest: `sha256:<hex>`, where the source says so.
        url: of the archive, without secrets.
        title: of the release, where the source gives it one.
    """

    version: Version
    published_at: datetime | None
    name: str
    size: int | None
    digest: str | None
    url: str
    title: str | None = None


def newest_first(found: list[Available]) -> tuple[Available, ...]:
    """Sort by version; of equal versions the one that the source named first stays."""
    once: dict[Version, Available] = {}
    for one in found:
        once.setdefault(one.version, one)
    return tuple(sorted(once.values(), key=lambda one: one.version, reverse=True))


def filled(pattern: str, version: Version) -> str:
    """Put the version into a pattern."""
    return pattern.replace("{version}", version.text)


def version_in(text: str, pattern: str) -> Version | None:
    """Read the version out of a text that a pattern with `{version}` and the globs * and ? describes."""
    parts = re.split(r"(\{version\}|\*|\?)", pattern)
    glob = {"{version}": r"([0-9][0-9.\-]*)", "*": r"[^/]*?", "?": r"[^/]"}
    form = re.fullmatch("".join(glob.get(part, re.escape(part)) for part in parts), text)
    if form is None or not form.groups() or len(set(form.groups())) != 1:
        return None
    try:
        return parse_version(form[1])
    except ValueError:
        return None


def plain_name(name: str) -> str:
    """Return the name if it is one, not a path.

    Raises:
        ValueError: if it leads elsewhere.
    """
    if PurePosixPath(name).name != name or name in ("", ".", ".."):
        raise ValueError(f"not the name of a file: {name!r}")
    return name


def sha256_or_none(digest: object) -> str | None:
    """Return the digest if it is a sha256 in the usual form."""
    return digest if isinstance(digest, str) and re.fullmatch(r"sha256:[0-9a-f]{64}", digest) else None


def no_version(version: Version, where: str) -> SourceTrouble:
    """Return the error for a version that a source does not have."""
    return SourceTrouble(
        Reason.VERSION_NOT_FOUND,
        f"{where} has no release {version}. It may be published later; check the version and the source.",
        expected=version,
        found="404",
    )


def no_file(name: str, where: str) -> SourceTrouble:
    """Return the error for a file that is not there."""
    return SourceTrouble(
        Reason.ASSET_NOT_FOUND,
        f"{where} does not hold {name}. Check the name and the source.",
        file=name,
        expected=name,
    )
