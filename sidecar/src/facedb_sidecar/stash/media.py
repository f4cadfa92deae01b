"""Where Stash's own pictures and videos are, and their bytes. The key goes to STASH_URL and nowhere else.

Stash answers with absolute URLs. Behind a proxy, or with an external host in its settings, those name a host
that this sidecar cannot reach, or that must not get the key: then the same thing is asked for at STASH_URL.
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit

import httpx

from facedb_sidecar.stash.errors import StashUnreachable
from facedb_sidecar.stash.transport import Away, Door, check_status, read_at_most, reason

DEFAULT_PORTS = {"http": 80, "https": 443}
MOST_REDIRECTS = 5


def media_url(base: str, said: str | None, kind: str, object_id: str, what: str) -> str:
    """The URL to fetch something from. Pure.

    Args:
        base: STASH_URL.
        said: the URL that Stash answered with, or a path.
        kind: ``scene`` or ``image``.
        object_id: of it.
        what: the last part of Stash's own path, such as ``stream`` or ``screenshot``.
    """
    if said is not None and _origin(said) == _origin(base):
        return said
    return f"{base}/{kind}/{quote(object_id, safe='')}/{what}"


def for_browsers(base: str, said: str | None) -> str | None:
    """A URL of Stash's answer as a page of Stash can show it. Pure.

    Stash's answer names STASH_URL, which may be a name inside the cluster; a path is right for a page that
    Stash itself serves, whatever name the browser knows it by.
    """
    if said is None or _origin(said) != _origin(base):
        return said
    parts = urlsplit(said)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


async def fetch(http: httpx.AsyncClient, door: Door, url: str, most_bytes: int) -> bytes:
    """Load a picture.

    Raises:
        StashError: no bytes, or too many.
    """
    try:
        async with (
            asyncio.timeout(door.timeout_s),
            http.stream("GET", url, headers=door.headers) as reply,
        ):
            check_status(reply, door.who)
            return await read_at_most(reply, most_bytes, door.who)
    except (TimeoutError, httpx.TimeoutException) as error:
        message = f"{door.who} did not answer within {door.timeout_s:g} s"
        raise StashUnreachable(message, late=True) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StashUnreachable(f"{door.who} cannot be reached: {reason(error)}", late=False) from error
    except Away as error:
        raise StashUnreachable(error.message, late=False) from error


async def follow(http: httpx.AsyncClient, door: Door, base: str, url: str) -> tuple[str, dict[str, str]]:
    """Where a video really is, and the headers that may be sent there.

    ffmpeg follows redirects with every header it was given; so they are followed here first, and the key is
    left out where one leads away from Stash. What goes wrong on the way, ffmpeg will meet and tell.

    Args:
        http: connections; follows no redirects.
        door: of Stash.
        base: STASH_URL.
        url: of the video, at Stash.
    """
    for _ in range(MOST_REDIRECTS):
        headers = door.headers if _origin(url) == _origin(base) else {}
        try:
            async with (
                asyncio.timeout(door.timeout_s),
                http.stream("GET", url, headers={**headers, "Range": "bytes=0-0"}) as reply,
            ):
                if reply.next_request is None:
                    break
                url = str(reply.next_request.url)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL):
            break
    return url, door.headers if _origin(url) == _origin(base) else {}


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what is no absolute http URL."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            return None
        return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None
