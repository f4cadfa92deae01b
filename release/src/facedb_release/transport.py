"""HTTP with patience: requests that are tried again, and errors of our own with what to do in them.

The only module that builds an httpx client. Redirects are followed anew for each request, so a signed URL
that has run out is simply resolved again.
"""

from __future__ import annotations

import os
import random
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import httpx

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.wire import Wire

TOKEN_VARIABLE = "FACEDB_TOKEN"  # noqa: S105 - the variable's name, not a token


@dataclass(frozen=True)
class Patience:
    """How long to wait for a source.

    Attributes:
        connect_seconds: for a connection.
        stall_seconds: without min_bytes arriving, before a connection counts as stalled.
        min_bytes: that must arrive in stall_seconds.
        attempts: in a row without progress, before giving up.
        first_wait_seconds: before the second attempt; doubles from there.
        max_wait_seconds: the longest wait, also when the server asks for more.
        wait: sleeps; a test's clock takes its place.
    """

    connect_seconds: float = 20.0
    stall_seconds: float = 30.0
    min_bytes: int = 65_536
    attempts: int = 6
    first_wait_seconds: float = 0.5
    max_wait_seconds: float = 30.0
    wait: Callable[[float], None] = field(default=time.sleep, compare=False)

    def pause(self, failures: int, asked: float | None = None) -> None:
        """Wait before the next attempt, after this many failures in a row."""
        grown = self.first_wait_seconds * 2 ** (failures - 1) * random.uniform(0.75, 1.25)  # noqa: S311
        self.wait(min(self.max_wait_seconds, max(grown, asked or 0.0)))


class Refused(Exception):
    """An answer that may be another later: the error to end with, and how long the server asks to wait."""

    def __init__(self, trouble: SourceTrouble, retry_after: float | None = None) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble
        self.retry_after = retry_after


def open_client(patience: Patience, *, ca_bundle: Path | None = None) -> httpx.Client:
    """Return a client that honours proxies from the environment and an own CA.

    Raises:
        SourceTrouble: SourceUnavailable, if the CA bundle cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca_bundle)) if ca_bundle else _default_context()
    except OSError as e:
        raise unavailable(str(ca_bundle), f"as a bundle of certificate authorities: {e}") from e
    return httpx.Client(
        transport=Wire(context),
        timeout=httpx.Timeout(patience.stall_seconds, connect=patience.connect_seconds),
        follow_redirects=True,
        max_redirects=5,
        headers={"User-Agent": "facedb", "Accept-Encoding": "identity"},
        event_hooks={"response": [_stay_encrypted]},
    )


@lru_cache(maxsize=1)
def _default_context() -> ssl.SSLContext:
    """Read the default authorities once: it takes 40 ms."""
    return httpx.create_ssl_context()


def token() -> str | None:
    """Return the bearer token from the environment, if there is one."""
    return os.environ.get(TOKEN_VARIABLE) or None


@contextmanager
def request(client: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[httpx.Response]:
    """Make one GET whose body is read by the caller; raises Refused for what may pass."""
    try:
        with client.stream("GET", url, headers=headers) as response:
            check_status(response, url)
            yield response
    except httpx.TooManyRedirects as e:
        raise Refused(unavailable(url, "it redirects in circles")) from e
    except (httpx.TransportError, httpx.InvalidURL) as e:
        raise Refused(unavailable(url, str(e) or type(e).__name__)) from e


def check_status(response: httpx.Response, url: str) -> None:
    """Raise for answers other than 200, 206, 404 and 416."""
    code = response.status_code
    retry_after = _seconds(response.headers.get("Retry-After"))
    if code in (401, 403, 407, 429):
        raise Refused(_forbidden(response, url), retry_after)
    if code not in (200, 206, 404, 416):
        raise Refused(unavailable(url, f"it answered {code}"), retry_after)
    if code in (200, 206) and response.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(unavailable(url, "it compresses the answer although asked not to"))


def patiently(patience: Patience, attempt: Callable[[], bytes]) -> bytes:
    """Try until it works or patience ends; the last trouble is raised."""
    for failures in range(1, patience.attempts + 1):
        try:
            return attempt()
        except Refused as e:
            # A limit that resets in minutes, or a missing token, is the matter of the next run.
            if failures == patience.attempts or e.trouble.reason is Reason.SOURCE_FORBIDDEN:
                raise e.trouble from e
            patience.pause(failures, e.retry_after)
    raise AssertionError("attempts is at least 1")


def unavailable(url: str, what: str) -> SourceTrouble:
    """Return the error for a source that does not answer as it should."""
    return SourceTrouble(
        Reason.SOURCE_UNAVAILABLE,
        f"{shown(url)} could not be read: {what}. It is tried again later; check the address, the proxy and "
        "the network policy if it stays so.",
        found=what[:200],
    )


def shown(url: str) -> str:
    """Return the URL without its query, which may hold a signature, and without credentials."""
    try:
        return str(httpx.URL(url).copy_with(query=None, userinfo=b""))
    except httpx.InvalidURL:
        return url[:200]


def _forbidden(response: httpx.Response, url: str) -> SourceTrouble:
    headers = response.headers
    if response.status_code == 429 or headers.get("X-RateLimit-Remaining") == "0":
        reset = headers.get("X-RateLimit-Reset", "")
        when = (
            f" until {datetime.fromtimestamp(int(reset), UTC):%Y-%m-%d %H:%M:%S} UTC"
            if reset.isdigit()
            else ""
        )
        what = f"limits how often it is asked{when}. A token ({TOKEN_VARIABLE}) raises the limit."
    elif token():
        what = f"refuses the token in {TOKEN_VARIABLE}. Check that it is valid and may read the repository."
    else:
        what = f"wants a token. Set {TOKEN_VARIABLE}, or point to a public source."
    return SourceTrouble(
        Reason.SOURCE_FORBIDDEN, f"{shown(url)} {what}", expected="200", found=response.status_code
    )


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isdigit() else None


def _stay_encrypted(response: httpx.Response) -> None:
    """Refuse a redirect that leaves TLS."""
    target = response.next_request.url if response.next_request else None
    if target is not None and response.url.scheme == "https" and target.scheme != "https":
        raise httpx.UnsupportedProtocol("it redirects from https to http", request=response.request)
