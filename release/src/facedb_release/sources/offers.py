"""Any source → where a version's archive is, what lies beside it, and which versions there are.

The functions that everybody calls; what a protocol is like, only the source's own module knows.
"""

from __future__ import annotations

from typing import assert_never

import httpx

from facedb_release.sources import folder, github, mirrors, oci, s3
from facedb_release.sources.asset import PATTERN, Asset, Available
from facedb_release.sources.checkcache import Answer, CheckCache, Page
from facedb_release.sources.folder import Folder
from facedb_release.sources.github import GitHub
from facedb_release.sources.mirrors import Mirrors
from facedb_release.sources.reference import Oci
from facedb_release.sources.s3 import S3
from facedb_release.transport import Patience, shown
from facedb_release.version import Version

Source = GitHub | Mirrors | S3 | Oci | Folder

__all__ = [
    "PATTERN",
    "S3",
    "Asset",
    "Available",
    "CheckCache",
    "Folder",
    "GitHub",
    "Mirrors",
    "Oci",
    "Source",
    "available",
    "described",
    "named",
    "resolve",
    "sibling",
]


def resolve(source: Source, version: Version, client: httpx.Client, patience: Patience) -> tuple[Asset, ...]:
    """Return the addresses of the version's archive, in the order to try; at least one.

    Raises:
        SourceTrouble: VersionNotFound, AssetNotFound, SourceForbidden or SourceUnavailable.
    """
    match source:
        case GitHub():
            return github.resolve(source, version, client, patience)
        case Mirrors():
            return mirrors.resolve(source, version)
        case S3():
            return s3.resolve(source, version, client, patience)
        case Oci():
            return oci.resolve(source, version, client, patience)
        case Folder():
            return folder.resolve(source, version)
        case _:
            assert_never(source)


def sibling(
    source: Source, version: Version, name: str, client: httpx.Client, patience: Patience
) -> tuple[Asset, ...]:
    """Return the addresses of another file that was published beside the version's archive.

    Empty when the source knows that there is none; others say so with 404 when they are opened.

    Raises:
        SourceTrouble: as resolve.
        ValueError: if the name is a path.
    """
    match source:
        case GitHub():
            return github.sibling(source, version, name, client, patience)
        case Mirrors():
            return mirrors.sibling(source, version, name)
        case S3():
            return s3.sibling(source, version, name, client, patience)
        case Oci():
            return oci.sibling(source, version, name, client, patience)
        case Folder():
            return folder.sibling(source, name)
        case _:
            assert_never(source)


def named(
    source: Source, tag: str, names: tuple[str, ...], client: httpx.Client, patience: Patience
) -> dict[str, tuple[Asset, ...]]:
    """Return the addresses of files by their names, as models are published.

    Args:
        source: a mirror's URL, or a bucket's key pattern, may hold `{file}`.
        tag: of a GitHub release or an OCI artifact; others need none.
        names: of the files.
        client: of open_client.
        patience: with the source.

    Raises:
        SourceTrouble: VersionNotFound, AssetNotFound, SourceForbidden or SourceUnavailable.
    """
    match source:
        case GitHub():
            return github.named(source, tag, names, client, patience)
        case Mirrors():
            return {name: mirrors.named(source, name) for name in names}
        case S3():
            return {name: s3.named(source, name, client, patience) for name in names}
        case Oci():
            return oci.named(source, tag, names, client, patience)
        case Folder():
            return {name: folder.named(source, name) for name in names}
        case _:
            assert_never(source)


def available(
    source: Source, client: httpx.Client, patience: Patience, cache: CheckCache | None
) -> tuple[Available, ...]:
    """Return all versions that a source offers, newest first.

    Args:
        source: to ask.
        client: of open_client.
        patience: with the source.
        cache: of earlier answers, so that nobody is asked too often; None asks now.

    Raises:
        SourceTrouble: VersionNotFound when there is nothing that could list them, SourceForbidden,
            SourceUnavailable; also the remembered one while the next question has to wait.
    """
    if isinstance(source, Folder):
        return folder.available(source)

    def ask(known: tuple[Page, ...]) -> Answer:
        match source:
            case GitHub():
                return github.available(source, client, patience, known)
            case Mirrors():
                return Answer(mirrors.available(source, client, patience))
            case S3():
                return Answer(s3.available(source, client, patience))
            case Oci():
                return Answer(oci.available(source, client, patience))
            case _:
                assert_never(source)

    return ask(()).found if cache is None else cache.through(described(source), ask)


def described(source: Source) -> str:
    """Return the source's name without secrets: two sources with one name answer the same."""
    match source:
        case GitHub():
            return f"GitHub {source.repository} at {shown(source.api_url)} ({source.asset_pattern})"
        case Mirrors():
            return f"mirrors {' '.join(shown(url) for url in source.urls)}"
        case S3():
            place = f" at {shown(source.endpoint)}" if source.endpoint else ""
            return f"s3://{source.bucket}/{source.prefix.strip('/')}{place} ({source.key_pattern})"
        case Oci():
            return f"OCI {source.reference} ({source.asset_pattern})"
        case Folder():
            return f"folder {source.path} ({source.asset_pattern})"
        case _:
            assert_never(source)
