"""One question to a server → whether it holds: an HTTP status, or the numbers of a Prometheus query.

For checks of a rollout: one answer is one verdict, so nothing is tried again; it stays on the server that was
named; and whatever that server does, the answer comes in time and its size is bounded.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.network import same_place, session_of
from facedb_release.transport import MAX_REDIRECTS, Patience, open_client, shown

# Of a body that only explains a failure, and of Prometheus' answer.
_MAX_WORDS = 1024
_MAX_ANSWER = 4 << 20


@dataclass(frozen=True)
class Way:
    """How to reach the server.

    Attributes:
        seconds: for everything together.
        ca_bundle: PEM file of own certificate authorities.
        proxy: URL; without one the environment decides.
    """

    seconds: float
    ca_bundle: Path | None = None
    proxy: str | None = None


@dataclass(frozen=True)
class Bounds:
    """Between which numbers a value must lie, both included; None is without end."""

    low: float | None = None
    high: float | None = None

    def hold(self, value: float) -> bool:
        """Whether the value lies there; what is no number never does."""
        if math.isnan(value):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        """Say it in words."""
        low = None if self.low is None else f"at least {self.low:g}"
        high = None if self.high is None else f"at most {self.high:g}"
        return " and ".join(part for part in (low, high) if part) or "a number"


@dataclass(frozen=True)
class Held:
    """What a check found: a sentence, and what the server warned of."""

    message: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Reply:
    status: int
    body: bytes


def check_http(url: str, status: int, way: Way) -> Held:
    """Check that a GET of the URL is answered with this status.

    Redirects are followed on the same server only: one that leads elsewhere is the answer.

    Raises:
        SourceTrouble: CheckFailed, with what was found instead.
    """

    def ask() -> _Reply:
        return _asked(url, way, status, 0, _MAX_WORDS)

    reply = _in_time(url, way, ask, str(status))
    if reply.status == status:
        return Held(f"{shown(url)} answers {status}.")
    words = " ".join(reply.body.decode("utf-8", "replace").split())[:200]
    said = "".join(c if c.isprintable() else "�" for c in words)
    found = f"{reply.status}: {said}" if said else str(reply.status)
    raise _failed(f"{shown(url)} answers {reply.status}, and {status} is wanted.", status, found)


def check_prometheus(url: str, query: str, bounds: Bounds, way: Way) -> Held:
    """Check that every sample of an instant query lies within the bounds; there must be one.

    Args:
        url: of the server, without `/api/v1/query`.
        query: PromQL whose answer is a scalar or a vector.
        bounds: of every sample.
        way: to the server.

    Raises:
        SourceTrouble: CheckFailed, with what was found instead.
    """
    address = httpx.URL(f"{url.rstrip('/')}/api/v1/query", params={"query": query})

    def ask() -> _Reply:
        return _asked(str(address), way, None, _MAX_ANSWER, _MAX_ANSWER)

    reply = _in_time(url, way, ask, str(bounds))
    data, warnings = _data(reply, url, query, bounds)
    try:
        samples = _samples(data)
    except (ValueError, KeyError, TypeError, IndexError) as e:
        raise _strange(url, bounds, f"an answer of another form ({e})") from e
    bad = [(labels, value) for labels, value in samples if not bounds.hold(value)]
    if not samples:
        raise _failed(f"The query {_short(query)} has no sample; {bounds} is wanted.", bounds, "no sample")
    if bad:
        labels, value = bad[0]
        more = f", and {len(bad) - 1} more of {len(samples)} samples" if len(bad) > 1 else ""
        found = f"{value:g}{f' for {labels}' if labels else ''}{more}"
        raise _failed(f"The query {_short(query)} answers {found}; {bounds} is wanted.", bounds, found)
    values = ", ".join(f"{value:g}" for _, value in samples[:5]) + (", …" if len(samples) > 5 else "")
    return Held(f"The query {_short(query)} answers {values}; {bounds} is wanted.", warnings)


def _in_time(url: str, way: Way, ask: Callable[[], _Reply], wanted: str) -> _Reply:
    """Wait for the reply, not longer than it may take: a server that drips cannot hold this back."""
    reply: Future[_Reply] = Future()

    def work() -> None:
        try:
            reply.set_result(ask())
        except BaseException as e:  # noqa: BLE001 - the edge of a thread: raised again below
            reply.set_exception(e)

    # A daemon: the process ends although it may still wait.
    threading.Thread(target=work, name="facedb-check", daemon=True).start()
    try:
        return reply.result(timeout=way.seconds)
    except TimeoutError as e:
        why = f"no answer within {way.seconds:g} s"
        raise _failed(f"{shown(url)}: {why}.", wanted, why) from e
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        why = str(e) or type(e).__name__
        raise _failed(f"{shown(url)} does not answer: {why}.", wanted, why[:300]) from e


def _asked(url: str, way: Way, wanted: int | None, most_good: int, most_bad: int) -> _Reply:
    """Ask once; stop at the wanted status, else follow redirects that stay on the server."""
    patience = Patience(connect_seconds=way.seconds, stall_seconds=way.seconds, attempts=1)
    with open_client(patience, ca_bundle=way.ca_bundle, proxy=way.proxy) as client:
        asking = client.build_request("GET", url, headers=session_of(client).network.headers)
        for _ in range(MAX_REDIRECTS + 1):
            response = client.send(asking, stream=True, follow_redirects=False)
            following = response.next_request
            here = following is not None and same_place(httpx.URL(url), following.url)
            if response.status_code == wanted or following is None or not here:
                good = response.status_code == wanted
                return _Reply(response.status_code, _body(response, most_good if good else most_bad))
            response.close()
            asking = following
    raise httpx.TooManyRedirects("it redirects in circles", request=asking)


def _body(response: httpx.Response, most: int) -> bytes:
    """Return the body's beginning, one byte more than allowed at most, and hang up."""
    body = b""
    try:
        if most:
            for piece in response.iter_raw():
                body += piece[: most + 1 - len(body)]
                if len(body) > most:
                    break
    finally:
        response.close()
    return body


def _data(reply: _Reply, url: str, query: str, bounds: Bounds) -> tuple[Any, tuple[str, ...]]:
    """Return what Prometheus answers, and its warnings."""
    if len(reply.body) > _MAX_ANSWER:
        raise _strange(url, bounds, f"an answer larger than {_MAX_ANSWER} bytes")
    try:
        raw = json.loads(reply.body)
        status, data = raw["status"], raw.get("data")
        warnings = tuple(str(w)[:300] for w in raw.get("warnings") or ())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise _strange(url, bounds, f"{reply.status} and nothing of Prometheus' API") from e
    if status == "success":
        return data, warnings
    error = f"{raw.get('errorType', 'error')}: {raw.get('error', reply.status)}"[:300]
    raise _failed(f"{shown(url)} refuses the query {_short(query)}: {error}", bounds, error)


def _samples(data: Any) -> Sequence[tuple[str, float]]:
    """Return each sample's labels and value.

    Raises:
        ValueError, KeyError, TypeError, IndexError: if it is neither a scalar nor a vector of numbers.
    """
    kind = data["resultType"]
    if kind == "scalar":
        return [("", _number(data["result"]))]
    if kind != "vector":
        raise ValueError(f"a {str(kind)[:20]}, neither a scalar nor a vector")
    return [(_labels(one["metric"]), _number(one["value"])) for one in data["result"]]


def _number(pair: Any) -> float:
    _, text = pair
    if not isinstance(text, str):
        raise TypeError("a value that is no text")
    return float(text)


def _labels(metric: Any) -> str:
    text = ", ".join(f'{key}="{value}"' for key, value in sorted(metric.items()))
    return f"{{{text}}}"[:200] if text else ""


def _short(query: str) -> str:
    text = " ".join(query.split())
    return text if len(text) <= 200 else text[:199] + "…"


def _strange(url: str, bounds: Bounds, what: str) -> SourceTrouble:
    return _failed(f"{shown(url)} gives {what}; {bounds} is wanted.", bounds, what)


def _failed(message: str, expected: object, found: str) -> SourceTrouble:
    return SourceTrouble(Reason.CHECK_FAILED, message, expected=expected, found=found)
