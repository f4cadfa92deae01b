"""Plain HTTP servers: addresses made from a pattern, and the versions that an index.json beside them lists.

The index: `{"versions": ["2026.02.18", {"version": "2026.03.01", "size": 1, "digest": "sha256:…",
"published_at": "2026-03-01T12:00:00Z"}]}`, in the folder above the first `{version}` of the URL.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import httpx

from facedb_release.errors import Reason, ReleaseError, SourceTrouble
from facedb_release.sources.asset import (
    Asset,
    Available,
    newest_first,
    no_file,
    no_version,
    plain_name,
    sha256_or_none,
)
from facedb_release.strictjson import parse_json
from facedb_release.transport import Patience, patiently, read_answer, request, shown, token, unavailable
from facedb_release.version import Version, parse_version

INDEX = "index.json"
_MAX_INDEX = 8 << 20


@dataclass(frozen=True)
class Mirrors:
    """Plain HTTP servers, tried in order; `{version}` (or `{file}`) in a URL is filled in."""

    urls: tuple[str, ...]


def resolve(source: Mirrors, version: Version) -> tuple[Asset, ...]:
    """Return the version's addresses."""
    return tuple(plain(_filled(url, version), missing=no_version(version, shown(url))) for url in source.urls)


def sibling(source: Mirrors, version: Version, name: str) -> tuple[Asset, ...]:
    """Return the addresses of a file in the folders of the archive."""
    beside = [_beside(_filled(url, version), plain_name(name)) for url in source.urls]
    return tuple(plain(url, missing=no_file(name, shown(url))) for url in beside)


def named(source: Mirrors, name: str) -> tuple[Asset, ...]:
    """Return the addresses of a file whose name stands for `{file}`."""
    urls = [url.replace("{file}", quote(name)) for url in source.urls]
    return tuple(plain(url, missing=no_file(name, shown(url))) for url in urls)


def available(source: Mirrors, client: httpx.Client, patience: Patience) -> tuple[Available, ...]:
    """Return what the first mirror with an index lists.

    Raises:
        SourceTrouble: VersionNotFound when no mirror has one; others as transport says.
    """
    failures: list[ReleaseError] = []
    for url in source.urls:
        index = index_of(url)
        try:
            return newest_first(_read_index(_ask(index, client, patience), index, url))
        except SourceTrouble as e:
            failures.append(e)
    raise next((f for f in failures if f.reason is not Reason.VERSION_NOT_FOUND), failures[0])


def index_of(url: str) -> str:
    """Return where the list of a mirror's versions would be."""
    parts = urlsplit(url)
    before = parts.path.split("{version}")[0]
    return urlunsplit(parts._replace(path=before.rpartition("/")[0] + "/" + INDEX))


def plain(url: str, *, missing: ReleaseError) -> Asset:
    """Return the asset behind a plain URL."""
    key = token()
    headers = (("Authorization", f"Bearer {key}"),) if key else ()
    return Asset(url, unquote(urlsplit(url).path.rpartition("/")[2]), None, None, headers, missing)


def _ask(index: str, client: httpx.Client, patience: Patience) -> bytes:
    none = SourceTrouble(
        Reason.VERSION_NOT_FOUND,
        f"A plain web server cannot list its versions, and there is no {shown(index)}. Publish one, or name "
        "an exact version.",
        expected=INDEX,
        found="404",
    )

    def attempt() -> bytes:
        with request(client, index, dict(plain(index, missing=none).headers)) as response:
            if response.status_code != 200:
                raise none
            return read_answer(response, index, max_bytes=_MAX_INDEX)

    return patiently(patience, attempt)


def _read_index(data: bytes, index: str, url: str) -> list[Available]:
    try:
        return [_entry(raw, url) for raw in parse_json(data, max_bytes=_MAX_INDEX)["versions"]]
    except (ValueError, KeyError, TypeError) as e:
        raise unavailable(index, f"it is no list of versions ({e})") from e


def _entry(raw: Any, url: str) -> Available:
    facts = {"version": raw} if isinstance(raw, str) else dict(raw)
    version = parse_version(facts["version"])
    asset = plain(_filled(url, version), missing=no_version(version, shown(url)))
    size, when = facts.get("size"), facts.get("published_at")
    return Available(
        version=version,
        published_at=datetime.fromisoformat(when) if when else None,
        name=asset.name,
        size=size if isinstance(size, int) and size >= 0 else None,
        digest=sha256_or_none(facts.get("digest")),
        url=shown(asset.url),
    )


def _filled(url: str, version: Version) -> str:
    return url.replace("{version}", quote(version.text))


def _beside(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rpartition('/')[0]}/{quote(name)}"))
