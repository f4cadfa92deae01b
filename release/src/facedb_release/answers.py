"""An HTTP answer → go on, or an error that says what was wrong and what to do. Pure but for the clock.

Used by transport and by whoever reads bodies.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from facedb_release.errors import Reason, SourceTrouble

TOKEN_VARIABLE = "FACEDB_TOKEN"  # noqa: S105 - the variable's name, not a token


class Refused(Exception):
    """An answer that may be another later.

    Attributes:
        trouble: the error to end with.
        retry_after: seconds that the server asks to wait.
        crowded: whether the server wants fewer questions at a time.
    """

    def __init__(
        self, trouble: SourceTrouble, retry_after: float | None = None, *, crowded: bool = False
    ) -> None:
        super().__init__(str(trouble))
        self.trouble = trouble
        self.retry_after = retry_after
        self.crowded = crowded


def check_status(response: httpx.Response, url: str, *, hint: str | None = None) -> None:
    """Raise for answers other than 200, 206, 404, 416, and 304 where it was asked for."""
    code = response.status_code
    retry_after = _seconds(response.headers)
    crowded = code in (429, 503)
    if code in (401, 403, 407, 429):
        raise Refused(_forbidden(response, url, hint), retry_after, crowded=crowded)
    unchanged = code == 304 and "If-None-Match" in response.request.headers
    if code not in (200, 206, 404, 416) and not unchanged:
        raise Refused(unavailable(url, f"it answered {code}"), retry_after, crowded=crowded)
    if code in (200, 206) and response.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(unavailable(url, "it compresses the answer although asked not to"))


def read_answer(response: httpx.Response, url: str, *, max_bytes: int) -> bytes:
    """Return a short answer's body.

    Raises:
        Refused: if it is longer than max_bytes.
    """
    data = b""
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > max_bytes:
            raise Refused(unavailable(url, f"its answer is larger than {max_bytes} bytes"))
    return data


def unavailable(url: str, what: str) -> SourceTrouble:
    """Return the error for a source that does not answer as it should."""
    return SourceTrouble(
        Reason.SOURCE_UNAVAILABLE,
        f"{shown(url)} could not be read: {what}. It is tried again later; check the address, the proxy and "
        "the network policy if it stays so.",
        found=what[:200],
    )


def unreachable(url: str, why: str) -> SourceTrouble:
    """Return the error for a connection that did not come about, or broke off."""
    if "CERTIFICATE_VERIFY_FAILED" not in why:
        return unavailable(url, why)
    return SourceTrouble(
        Reason.SOURCE_UNAVAILABLE,
        f"{shown(url)} could not be read: its certificate is not trusted ({_plain(why)}). If an authority of "
        "your own signed it, name that authority's certificate (--ca-bundle; in a FaceDatabase caBundleRef).",
        found=why[:200],
    )


def _plain(why: str) -> str:
    """What OpenSSL says, without the names of its errors and files: they are in `found`."""
    said = re.search(r"certificate verify failed: ([^(]+)", why)
    return said[1].strip() if said else why[:200]


def shown(url: str) -> str:
    """Return the URL without its query, which may hold a signature, and without credentials."""
    try:
        plain = str(httpx.URL(url).copy_with(query=None, userinfo=b""))
        return plain.replace("%7B", "{").replace("%7D", "}")
    except httpx.InvalidURL:
        return url[:200]


def _forbidden(response: httpx.Response, url: str, hint: str | None) -> SourceTrouble:
    headers = response.headers
    if response.status_code == 429 or headers.get("X-RateLimit-Remaining") == "0":
        seconds = _seconds(headers)
        until = datetime.now(UTC).timestamp() + seconds if seconds is not None else None
        when = f" until {datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC" if until else ""
        what = f"limits how often it is asked{when}. A token ({TOKEN_VARIABLE}) raises the limit."
    elif hint:
        what = f"refuses. {hint}"
    elif token():
        what = f"refuses the token in {TOKEN_VARIABLE}. Check that it is valid and may read the repository."
    else:
        what = f"wants a token. Set {TOKEN_VARIABLE}, or point to a public source."
    return SourceTrouble(
        Reason.SOURCE_FORBIDDEN, f"{shown(url)} {what}", expected="200", found=response.status_code
    )


def _seconds(headers: httpx.Headers) -> float | None:
    """Return how long the server asks to wait: Retry-After, in seconds or as a date, or GitHub's reset."""
    text, reset = headers.get("Retry-After", ""), headers.get("X-RateLimit-Reset", "")
    now = datetime.now(UTC).timestamp()
    if text.isdecimal():
        return float(text[:9])
    if text:
        try:
            return max(0.0, parsedate_to_datetime(text).timestamp() - now)
        except ValueError:
            return None
    if headers.get("X-RateLimit-Remaining") == "0" and reset.isdecimal():
        return min(86_400.0, max(0.0, float(reset[:12]) - now))
    return None


def token() -> str | None:
    """Return the bearer token from the environment, if there is one."""
    return os.environ.get(TOKEN_VARIABLE) or None
