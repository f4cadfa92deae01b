"""Where a release comes from → the addresses of its archive, in the order they are to be tried."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

import httpx

from facedb_release.errors import Reason, ReleaseError, SourceTrouble
from facedb_release.transport import Patience, Refused, patiently, request, shown, token, unavailable
from facedb_release.version import Version

API = "https://api.github.com"
PATTERN = "stash-sense-data-v{version}.zip"
_MAX_ANSWER = 8 << 20


@dataclass(frozen=True)
class GitHub:
    """A repository whose releases hold the archive (or the models) as assets.

    Attributes:
        repository: `owner/name`.
        api_url: of GitHub or of a GitHub Enterprise server.
        asset_pattern: glob of the asset's name; `{version}` stands for the version.
    """

    repository: str
    api_url: str = API
    asset_pattern: str = PATTERN


@dataclass(frozen=True)
class Mirrors:
    """Plain HTTP servers, tried in order; `{version}` (or `{file}`) in a URL is filled in."""

    urls: tuple[str, ...]


Source = GitHub | Mirrors


@dataclass(frozen=True)
class Asset:
    """One address of one file.

    Attributes:
        url: stable; may redirect.
        name: of the file.
        size: in bytes, where the source says so.
        digest: `sha256:<hex>`, where the source says so.
        headers: to send along.
        missing: the error when the address answers 404.
    """

    url: str
    name: str
    size: int | None
    digest: str | None
    headers: tuple[tuple[str, str], ...]
    missing: ReleaseError


def resolve(source: Source, version: Version, client: httpx.Client, patience: Patience) -> tuple[Asset, ...]:
    """Return the addresses of the version's archive.

    Raises:
        SourceTrouble: VersionNotFound, AssetNotFound, SourceForbidden or SourceUnavailable.
    """
    if isinstance(source, Mirrors):
        return tuple(
            plain(
                url.replace("{version}", quote(version.text)),
                missing=_no_version(version.text, shown(url)),
            )
            for url in source.urls
        )
    tag = f"v{version.text}"
    assets = release_assets(
        source, tag, client, patience, missing=_no_version(version.text, source.repository)
    )
    pattern = source.asset_pattern.replace("{version}", version.text)
    found = [a for a in assets if fnmatchcase(a.name, pattern)]
    if len(found) != 1:
        names = ", ".join(a.name for a in assets)[:300] or "no asset at all"
        raise SourceTrouble(
            Reason.ASSET_NOT_FOUND,
            f"Release {tag} of {source.repository} has {len(found) or 'no'} assets that match {pattern!r}. "
            "It may still be uploading; otherwise set the asset pattern.",
            expected=pattern,
            found=names,
        )
    return tuple(found)


def plain(url: str, *, missing: ReleaseError) -> Asset:
    """Return the asset behind a plain URL."""
    return Asset(url, url.rsplit("/", 1)[-1], None, None, _authorization(), missing)


def release_assets(
    source: GitHub, tag: str, client: httpx.Client, patience: Patience, *, missing: SourceTrouble
) -> tuple[Asset, ...]:
    """Return the assets of the release with this tag.

    Raises:
        SourceTrouble: `missing` when there is no such release; others as in resolve.
    """
    url = f"{source.api_url.rstrip('/')}/repos/{source.repository}/releases/tags/{quote(tag)}"
    headers = {"Accept": "application/vnd.github+json", **dict(_authorization())}

    def ask() -> bytes:
        with request(client, url, headers) as response:
            if response.status_code != 200:
                raise missing
            return _body(response, url)

    try:
        release = json.loads(patiently(patience, ask))
        return tuple(_asset(raw) for raw in release["assets"])
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise unavailable(url, f"it does not speak GitHub's releases API ({e})") from e


def _body(response: httpx.Response, url: str) -> bytes:
    data = b""
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > _MAX_ANSWER:
            raise Refused(unavailable(url, f"its answer is larger than {_MAX_ANSWER} bytes"))
    return data


def _asset(raw: dict[str, Any]) -> Asset:
    """Read one asset of the API's answer; a private one is only to be had through the API."""
    digest = raw.get("digest")
    headers = (*_authorization(), ("Accept", "application/octet-stream"))
    return Asset(
        url=str(raw["url"] if token() else raw["browser_download_url"]),
        name=str(raw["name"]),
        size=int(raw["size"]),
        digest=digest if isinstance(digest, str) and digest.startswith("sha256:") else None,
        headers=headers,
        missing=SourceTrouble(
            Reason.ASSET_NOT_FOUND, f"The asset {raw['name']} is gone although its release lists it."
        ),
    )


def _authorization() -> tuple[tuple[str, str], ...]:
    key = token()
    return (("Authorization", f"Bearer {key}"),) if key else ()


def _no_version(version: str, where: str) -> SourceTrouble:
    return SourceTrouble(
        Reason.VERSION_NOT_FOUND,
        f"{where} has no release {version}. It may be published later; check the version and the source.",
        expected=version,
        found="404",
    )
