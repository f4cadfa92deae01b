"""HTTP by ``requests``: one question and its whole answer before a deadline; errors that a page can show.

    WireError
    ├── TimeIsOver    the deadline passed, in whatever part of the call
    ├── NotConnected  nobody answers at the address
    ├── Redirected    an answer that would turn the question into another one
    └── NotSent       anything else; the message says what

No message holds the key, or a password out of the address.
"""

from __future__ import annotations

import json
import re
import threading
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import requests

from facedb_modes import Request

T = TypeVar("T")
NO_JSON = object()
MOST_BYTES = 64 * 1024 * 1024
_CHUNK = 64 * 1024
_KEY = re.compile(r"[\x21-\x7e]*")


class WireError(Exception):
    """There is no answer."""


class TimeIsOver(WireError):
    """The deadline passed."""


class NotConnected(WireError):
    """Nobody answers at the address."""


class NotSent(WireError):
    """Something else; the message says what."""


class Redirected(WireError):
    """The answer names another address, and a client that follows would ask something else there.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, location: str) -> None:
        where = _safe(location)[:200]
        super().__init__(
            f"The sidecar's address leads elsewhere (HTTP {status}): set it to that one, {where}"
        )
        self.status = status


@dataclass(frozen=True)
class Site:
    """Where the sidecar is.

    Attributes:
        url: without a slash at its end.
        key: for a sidecar with FACEDB_API_KEY; empty: none.
        cookies: names and values; the sidecar gets none.
        is_own_machine: it is the loopback: no certificate is needed there, and no proxy or redirect followed.
    """

    url: str
    key: str = ""
    cookies: tuple[tuple[str, str], ...] = ()
    is_own_machine: bool = False

    def __repr__(self) -> str:
        return "Site()"


@dataclass(frozen=True)
class Answer:
    """A whole answer.

    Attributes:
        status: of HTTP.
        body: at most MOST_BYTES.
        retry_after: seconds, if the server says.
    """

    status: int
    body: bytes
    retry_after: float | None = None

    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace").strip()

    def json(self) -> Any:
        """What the body says, or ``NO_JSON``."""
        try:
            return json.loads(self.body, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return NO_JSON


class _Session(requests.Session):
    """Follows a redirect only where the question stays the same."""

    def rebuild_method(self, prepared_request: Any, response: Any) -> None:
        before = prepared_request.method
        super().rebuild_method(prepared_request, response)
        if prepared_request.method != before:
            raise Redirected(response.status_code, response.headers.get("Location", ""))


class _Bearer(requests.auth.AuthBase):
    """The key, in place of what a .netrc may say."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, r: Any) -> Any:
        r.headers["Authorization"] = f"Bearer {self._key}"
        return r


def site_of(url: str, key: str) -> Site:
    """The user's settings → where to ask.

    Raises:
        NotSent: they cannot be right.
    """
    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        fits = False
    if not fits or re.search(r"[\x00-\x20?#\\]", text):
        raise NotSent("the sidecar's address must be like http://localhost:5000")
    if not _KEY.fullmatch(key.strip()):
        raise NotSent("the API key holds characters that no key has")
    return Site(text, key.strip())


def send(site: Site, request: Request, deadline: float) -> Answer:
    """Ask once.

    Args:
        site: where.
        request: what.
        deadline: of time.monotonic.

    Raises:
        WireError: there is no whole answer.
    """
    try:
        return within(lambda: _exchange(site, request, deadline), deadline)
    except WireError:
        raise
    except (requests.RequestException, OSError, ValueError) as error:
        _explain(error, site, deadline)


def within(work: Callable[[], T], deadline: float) -> T:
    """Do the work, or leave it behind: also a name server, or a byte now and then, may not hold the page up.

    Raises:
        TimeIsOver: the work was not done at the deadline.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001 (the edge of a thread: raised again below)
            failed.append(error)

    # A daemon: the process ends without waiting for it.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0))
    if failed:
        raise failed[0]
    if not done:
        raise TimeIsOver
    return done[0]


def _exchange(site: Site, request: Request, deadline: float) -> Answer:
    body = json.dumps(request.body, allow_nan=False).encode() if request.has_body else None
    with (
        _session(site) as session,
        session.request(
            request.mode.method,
            f"{site.url}{request.path}",
            data=body,
            headers={"Content-Type": "application/json"} if request.has_body else {},
            auth=_Bearer(site.key) if site.key else None,
            cookies=dict(site.cookies),
            timeout=max(deadline - time.monotonic(), 0.001),
            allow_redirects=not site.is_own_machine,
            stream=True,
        ) as response,
    ):
        retry_after = _seconds(response.headers.get("Retry-After"), response.headers.get("Date"))
        return Answer(response.status_code, _whole_body(response, deadline), retry_after)


def _session(site: Site) -> _Session:
    session = _Session()
    if site.is_own_machine:
        # To a proxy, the loopback is its own one; and a machine needs no certificate to know itself by.
        session.verify = session.trust_env = False
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    return session


def _whole_body(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    for chunk in response.iter_content(_CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            raise NotSent(f"the answer is larger than {MOST_BYTES // 1024 // 1024} MiB")
        if time.monotonic() >= deadline:
            raise TimeIsOver
    return bytes(body)


def _explain(error: Exception, site: Site, deadline: float) -> NoReturn:
    """Say what it was, in the order of what helps."""
    if isinstance(error, requests.Timeout) or time.monotonic() >= deadline:
        raise TimeIsOver from error
    misleading = (requests.exceptions.SSLError, requests.exceptions.ProxyError)
    if isinstance(error, requests.ConnectionError) and not isinstance(error, misleading):
        raise NotConnected from error
    words = str(error).replace(site.key, "***") if site.key else str(error)
    raise NotSent(_safe(words)[:500]) from error


def _safe(text: str) -> str:
    """Without the user and password of an address."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def _seconds(retry_after: str | None, date: str | None) -> float | None:
    """``Retry-After``: seconds, or a date by the server's own clock. What is neither is nothing."""
    said = (retry_after or "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", said):
        return float(said)
    until, now = _instant(said), _instant(date or "")
    if until is None:
        return None
    return max(until - (time.time() if now is None else now), 0.0)


def _instant(said: str) -> float | None:
    try:
        found = parsedate_to_datetime(said)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
    except (OverflowError, ValueError):
        return None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")
