"""Releases of a GitHub repository, or of what speaks its API → assets, and the versions there are.

Anonymous questions are limited to 60 an hour: lists are asked for with the ETag of the last answer, and a 304
does not count.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote

import httpx

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.network import same_place
from facedb_release.sources.asset import (
    PATTERN,
    Asset,
    Available,
    filled,
    newest_first,
    no_file,
    no_version,
    plain_name,
    sha256_or_none,
)
from facedb_release.sources.checkcache import Answer, Page
from facedb_release.transport import Patience, patiently, read_answer, request, shown, token, unavailable
from facedb_release.version import Version, parse_version

API = "https://api.github.com"
MAX_PAGES = 20
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


def resolve(source: GitHub, version: Version, client: httpx.Client, patience: Patience) -> tuple[Asset, ...]:
    """Return the address of the version's archive.

    Raises:
        SourceTrouble: VersionNotFound, AssetNotFound, SourceForbidden or SourceUnavailable.
    """
    assets = _assets_of(source, version, client, patience)
    pattern = filled(source.asset_pattern, version)
    found = [a for a in assets if fnmatchcase(a.name, pattern)]
    if len(found) != 1:
        names = ", ".join(a.name for a in assets)[:300] or "no asset at all"
        raise SourceTrouble(
            Reason.ASSET_NOT_FOUND,
            f"Release v{version} of {source.repository} has {len(found) or 'no'} assets that match "
            f"{pattern!r}. It may still be uploading; otherwise set the asset pattern.",
            expected=pattern,
            found=names,
        )
    return tuple(found)


def sibling(
    source: GitHub, version: Version, name: str, client: httpx.Client, patience: Patience
) -> tuple[Asset, ...]:
    """Return the asset of this name in the version's release, if there is one.

    Raises:
        SourceTrouble: as resolve.
    """
    wanted = plain_name(name)
    return tuple(a for a in _assets_of(source, version, client, patience) if a.name == wanted)


def named(
    source: GitHub, tag: str, names: tuple[str, ...], client: httpx.Client, patience: Patience
) -> dict[str, tuple[Asset, ...]]:
    """Return the assets of these names in the release with this tag.

    Raises:
        SourceTrouble: VersionNotFound, AssetNotFound, SourceForbidden or SourceUnavailable.
    """
    gone = SourceTrouble(Reason.VERSION_NOT_FOUND, f"{source.repository} has no release with the tag {tag}.")
    assets = {a.name: a for a in release_assets(source, tag, client, patience, missing=gone)}
    for name in names:
        if name not in assets:
            raise no_file(name, f"Release {tag} of {source.repository}")
    return {name: (assets[name],) for name in names}


def available(
    source: GitHub, client: httpx.Client, patience: Patience, known: tuple[Page, ...] = ()
) -> Answer:
    """Return all versions, page after page; those whose archive is not complete yet are left out.

    Args:
        source: of the releases.
        client: of open_client.
        patience: with the API.
        known: pages of the last answer, for questions that cost nothing when nothing changed.

    Raises:
        SourceTrouble: VersionNotFound for an unknown repository, SourceForbidden, SourceUnavailable.
    """
    url: str | None = f"{_repository(source)}/releases?per_page=100"
    pages: list[Page] = []
    wait: float | None = None
    while url is not None and len(pages) < MAX_PAGES:
        page, left = _page(source, url, client, patience, {p.url: p for p in known}.get(url))
        pages.append(page)
        wait = left if left is not None else wait
        url = page.following
    found = newest_first([one for page in pages for one in page.found])
    return Answer(found, tuple(pages), wait)


def release_assets(
    source: GitHub, tag: str, client: httpx.Client, patience: Patience, *, missing: SourceTrouble
) -> tuple[Asset, ...]:
    """Return the assets of the release with this tag.

    Raises:
        SourceTrouble: `missing` when there is no such release; others as in resolve.
    """
    url = f"{_repository(source)}/releases/tags/{quote(tag)}"

    def ask() -> bytes:
        with request(client, url, _headers()) as response:
            if response.status_code != 200:
                raise missing
            return read_answer(response, url, max_bytes=_MAX_ANSWER)

    try:
        release = json.loads(patiently(patience, ask))
        return tuple(_asset(raw, source) for raw in release["assets"])
    except (ValueError, KeyError, TypeError, RecursionError) as e:
        raise unavailable(url, f"it does not speak GitHub's releases API ({e})") from e


def _assets_of(
    source: GitHub, version: Version, client: httpx.Client, patience: Patience
) -> tuple[Asset, ...]:
    """Return the assets under the tag `v2026.02.18`, else under the bare one."""
    missing = no_version(version, source.repository)
    try:
        return release_assets(source, f"v{version}", client, patience, missing=missing)
    except SourceTrouble as e:
        if e is not missing:
            raise
    return release_assets(source, version.text, client, patience, missing=missing)


def _page(
    source: GitHub, url: str, client: httpx.Client, patience: Patience, known: Page | None
) -> tuple[Page, float | None]:
    """Return one page, the known one if unchanged; and for how many seconds the limit is used up."""
    headers = {**_headers(), **({"If-None-Match": known.etag} if known and known.etag else {})}
    answered: list[httpx.Response] = []
    missing = SourceTrouble(
        Reason.VERSION_NOT_FOUND,
        f"{shown(source.api_url)} knows no repository {source.repository}, or shows it only with a token.",
        expected=source.repository,
        found="404",
    )

    def ask() -> bytes:
        with request(client, url, headers) as response:
            if response.status_code not in (200, 304):
                raise missing
            answered.append(response)
            return read_answer(response, url, max_bytes=_MAX_ANSWER)

    body = patiently(patience, ask)
    response = answered[-1]
    left = _seconds_left(response)
    if response.status_code == 304 and known:
        return known, left
    try:
        found = tuple(one for raw in json.loads(body) for one in _offered(raw, source))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise unavailable(url, f"it does not speak GitHub's releases API ({e})") from e
    return Page(url, response.headers.get("ETag"), _following(response, url), found), left


def _following(response: httpx.Response, url: str) -> str | None:
    """Return the next page's address: only of the same server, since it gets the token."""
    link = response.links.get("next", {}).get("url")
    if link is None:
        return None
    following = httpx.URL(url).join(link)
    if not same_place(httpx.URL(url), following):
        raise unavailable(url, f"its next page is elsewhere, at {following.host}")
    return str(following)


def _seconds_left(response: httpx.Response) -> float | None:
    headers = response.headers
    reset = headers.get("X-RateLimit-Reset", "")
    if headers.get("X-RateLimit-Remaining") != "0" or not reset.isdecimal():
        return None
    return max(0.0, float(reset[:12]) - datetime.now().astimezone().timestamp())


def _offered(raw: dict[str, Any], source: GitHub) -> Iterator[Available]:
    """Yield the version of one release, unless it is none, not meant for everybody, or not complete."""
    if raw.get("draft") or raw.get("prerelease"):
        return
    try:
        version = parse_version(str(raw["tag_name"]))
    except ValueError:
        return
    pattern = filled(source.asset_pattern, version)
    fitting = [a for a in raw["assets"] if fnmatchcase(str(a["name"]), pattern) and _uploaded(a)]
    if len(fitting) != 1:
        return
    asset, when = fitting[0], raw.get("published_at")
    yield Available(
        version=version,
        published_at=datetime.fromisoformat(when) if when else None,
        name=str(asset["name"]),
        size=int(asset["size"]),
        digest=sha256_or_none(asset.get("digest")),
        url=shown(str(asset["browser_download_url"])),
        title=str(raw["name"])[:200] if raw.get("name") else None,
    )


def _uploaded(raw: dict[str, Any]) -> bool:
    return bool(raw.get("state", "uploaded") == "uploaded")


def _asset(raw: dict[str, Any], source: GitHub) -> Asset:
    """Read one asset of the API's answer; a private one is only to be had through the API."""
    through_api = token() is not None and same_place(httpx.URL(source.api_url), httpx.URL(str(raw["url"])))
    return Asset(
        url=str(raw["url"] if through_api else raw["browser_download_url"]),
        name=str(raw["name"]),
        size=int(raw["size"]),
        digest=sha256_or_none(raw.get("digest")),
        headers=(*(_authorization() if through_api else ()), ("Accept", "application/octet-stream")),
        missing=SourceTrouble(
            Reason.ASSET_NOT_FOUND, f"The asset {raw['name']} is gone although its release lists it."
        ),
    )


def _repository(source: GitHub) -> str:
    return f"{source.api_url.rstrip('/')}/repos/{source.repository}"


def _headers() -> dict[str, str]:
    return {"Accept": "application/vnd.github+json", **dict(_authorization())}


def _authorization() -> tuple[tuple[str, str], ...]:
    key = token()
    return (("Authorization", f"Bearer {key}"),) if key else ()
