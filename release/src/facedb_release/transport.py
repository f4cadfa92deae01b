"""HTTP with patience: requests that are tried again, and errors of our own with what to do in them.

The only module that builds an httpx client. A stable URL's redirect is followed, remembered, and followed
anew when the place that it led to refuses: signed URLs live for minutes.
"""

from __future__ import annotations

import logging
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from facedb_release.answers import (
    Refused,
    check_status,
    read_answer,
    shown,
    token,
    unavailable,
    unreachable,
)
from facedb_release.errors import Reason, SourceTrouble
from facedb_release.network import (
    Client,
    Key,
    Network,
    Session,
    checked_headers,
    headers_from_environment,
    same_place,
    session_of,
    without_secrets,
)
from facedb_release.wire import Wire

__all__ = [
    "Client",
    "Patience",
    "Refused",
    "check_status",
    "open_client",
    "patiently",
    "read_answer",
    "request",
    "shown",
    "token",
    "unavailable",
]
MAX_REDIRECTS = 5
_MAX_REDIRECT_BODY = 64 << 10


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

    def next_attempt(self, failures: int, refused: Refused) -> None:
        """Wait before the next attempt, after this many failures in a row.

        Raises:
            SourceTrouble: the last one, when patience has ended or waiting cannot help this run.
        """
        if failures >= self.attempts or not self._may_pass_soon(refused):
            raise refused.trouble from refused
        self.pause(failures, refused.retry_after)

    def _may_pass_soon(self, refused: Refused) -> bool:
        """A limit that resets in seconds is waited for; one of minutes, or a missing token, ends this run."""
        if refused.trouble.reason is not Reason.SOURCE_FORBIDDEN:
            return True
        return refused.retry_after is not None and refused.retry_after <= self.max_wait_seconds


def open_client(
    patience: Patience,
    *,
    ca_bundle: Path | None = None,
    proxy: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Client:
    """Return a client.

    Args:
        patience: its timeouts.
        ca_bundle: PEM file of own certificate authorities.
        proxy: URL; without one HTTPS_PROXY and its kin decide.
        headers: to send to the source; without them FACEDB_HEADERS decides (one `Name: value` a line).

    Raises:
        SourceTrouble: SourceUnavailable, if the CA bundle, the proxy's URL or a header cannot be used.
    """
    try:
        extra = headers_from_environment() if headers is None else checked_headers(headers)
        own = ssl.create_default_context(cafile=str(ca_bundle)) if ca_bundle else None
        _check_proxy(proxy)
        _keep_addresses_out_of_logs()
        return Client(
            Session(Network(ca_bundle, proxy, extra)),
            transport=Wire(lambda: own or _default_context(), proxy=proxy),
            timeout=httpx.Timeout(patience.stall_seconds, connect=patience.connect_seconds),
            headers={"User-Agent": "facedb", "Accept-Encoding": "identity"},
        )
    except OSError as e:
        raise unavailable(str(ca_bundle), f"as a bundle of certificate authorities: {e}") from e
    except (ValueError, httpx.InvalidURL) as e:
        raise SourceTrouble(
            Reason.SOURCE_UNAVAILABLE, f"The network settings cannot be used: {e}. Correct them."
        ) from e


def _check_proxy(proxy: str | None) -> None:
    if proxy is not None and (
        urlsplit(proxy).scheme not in ("http", "https") or not urlsplit(proxy).hostname
    ):
        raise ValueError("the proxy's URL is not of the form http://HOST:PORT")


@lru_cache(maxsize=1)
def _default_context() -> ssl.SSLContext:
    """Read the default authorities once: it takes 40 ms."""
    return httpx.create_ssl_context()


def _keep_addresses_out_of_logs() -> None:
    """Both libraries log each URL with its query: a signed one is a secret while it lives."""
    levels = {
        "httpx": logging.WARNING,
        "urllib3.connectionpool": logging.WARNING,
        "urllib3.connection": logging.ERROR,
    }
    for name, level in levels.items():
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(level)


@contextmanager
def request(
    client: httpx.Client, url: str, headers: Mapping[str, str], *, bare: bool = False
) -> Iterator[httpx.Response]:
    """Make one GET whose body is read by the caller; raises Refused for what may pass.

    Args:
        client: of open_client.
        url: stable; what it redirects to may be short-lived.
        headers: to send to its host.
        bare: without the source's key and extra headers.
    """
    session = session_of(client)
    key = None if bare else session.key_for(url)
    try:
        sent = dict(headers) if bare else {**session.network.headers, **headers}
        response = _answer(client, session, key, url, sent)
        try:
            _check_storage(response, url)
            check_status(response, url, hint=key.hint if key else None)
            yield response
        finally:
            response.close()
    except (httpx.TransportError, httpx.InvalidURL) as e:
        session.places.pop(url, None)
        raise Refused(unreachable(url, str(e) or type(e).__name__)) from e


def _answer(
    client: httpx.Client, session: Session, key: Key | None, url: str, headers: dict[str, str]
) -> httpx.Response:
    """Ask where the URL led last; when that refuses, from the start; when that does, with a renewed key."""
    # Other threads forget places, too.
    place = session.places.get(url)
    if place is not None:
        response = _follow(client, url, place, without_secrets(httpx.Headers(headers)))
        if response.status_code < 400:
            return response
        response.close()
        session.places.pop(url, None)
    response = _ask(client, session, key, url, headers)
    if response.status_code in (401, 403) and _can_help(client, key, response, url):
        response.close()
        response = _ask(client, session, key, url, headers)
    return response


def _can_help(client: httpx.Client, key: Key | None, response: httpx.Response, url: str) -> bool:
    """Whether asking again has a chance: the storage may have got an old signature, or the key be renewed."""
    if not same_place(httpx.URL(url), response.url):
        return True
    return key is not None and key.renew(client, response)


def _ask(
    client: httpx.Client, session: Session, key: Key | None, url: str, headers: dict[str, str]
) -> httpx.Response:
    address, sent = key.prepare(url, headers) if key else (url, headers)
    response = _follow(client, url, address, sent)
    if response.status_code == 206 and not same_place(httpx.URL(address), response.url):
        session.places[url] = str(response.url)
    return response


def _follow(client: httpx.Client, url: str, address: str, headers: dict[str, str]) -> httpx.Response:
    """Send and follow redirects; to another host only what is no secret."""
    asking = client.build_request("GET", address, headers=headers)
    home = asking.url
    for _ in range(MAX_REDIRECTS + 1):
        response = client.send(asking, stream=True, follow_redirects=False)
        following = response.next_request
        if following is None:
            return response
        _drain(response)
        _stay_encrypted(response, following)
        kept = following.headers if same_place(home, following.url) else without_secrets(following.headers)
        asking = client.build_request("GET", following.url, headers=kept)
        home = home if same_place(home, following.url) else following.url
    raise Refused(unavailable(url, "it redirects in circles"))


def _drain(response: httpx.Response) -> None:
    """Read a redirect's few words, so that the connection can be used again; hang up on many."""
    got = 0
    try:
        for chunk in response.iter_raw():
            got += len(chunk)
            if got > _MAX_REDIRECT_BODY:
                break
    finally:
        response.close()


def _stay_encrypted(response: httpx.Response, following: httpx.Request) -> None:
    """Refuse a redirect that leaves TLS."""
    if response.url.scheme == "https" and following.url.scheme != "https":
        raise httpx.UnsupportedProtocol("it redirects from https to http", request=response.request)


def _check_storage(response: httpx.Response, url: str) -> None:
    """A refusal of the host that a redirect led to says nothing of our token: the signature was bad."""
    if response.status_code in (401, 403) and not same_place(httpx.URL(url), response.url):
        raise Refused(unavailable(url, f"the storage that it leads to refuses ({response.status_code})"))


def patiently(patience: Patience, attempt: Callable[[], bytes]) -> bytes:
    """Try until it works or patience ends; the last trouble is raised."""
    for failures in range(1, patience.attempts + 1):
        try:
            return attempt()
        except Refused as e:
            patience.next_attempt(failures, e)
    raise AssertionError("attempts is at least 1")
