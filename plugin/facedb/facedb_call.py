"""One request → the sidecar's answer, or why there is none, within the mode's time. Called by facedb_backend.

A sidecar that says 503 is asked again: after its Retry-After, or after a short, growing pause where a proxy
said it without one. What the sidecar itself says without a Retry-After is final: it promises nothing.
A question put off until too little time was left for it was not slow: that the sidecar was busy is said.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import facedb_wire as wire
from facedb_log import DEBUG, log
from facedb_modes import Mode, Request

BUSY = 503
# Seconds; the last one again and again.
PAUSES = (0.25, 0.5, 1.0, 2.0, 4.0)
REFUSED = "Connection refused - is Stash Sense running?"
MOST_WORDS = 2000


def failure(error: str, status: int | None = None, retry_after: float | None = None) -> dict[str, Any]:
    """What a page gets instead of an answer: a text, the HTTP status if there was one, seconds to wait."""
    return {"error": error, "status": status, "retry_after": retry_after}


def call(site: wire.Site, request: Request) -> Any:
    """Ask, within the mode's time limit; a busy sidecar more than once.

    Returns:
        What the sidecar says, or a ``failure``.
    """
    mode = request.mode
    deadline = time.monotonic() + mode.limit_s
    try:
        return _output(_patiently(site, request, deadline), mode)
    except wire.TimeIsOver:
        return failure(mode.slow)
    except wire.NotConnected:
        return failure(REFUSED)
    except wire.Redirected as error:
        return failure(str(error), error.status)
    except wire.NotSent as error:
        return failure(f"Request failed: {error}")


def _patiently(site: wire.Site, request: Request, deadline: float) -> wire.Answer:
    """The first answer that is not busy, or the last one.

    Raises:
        WireError: there is none.
    """
    began = time.monotonic()
    answer = wire.send(site, request, deadline)
    for pause in _pauses():
        if answer.status != BUSY or request.mode.answers_503 or _is_final(answer):
            break
        wait = max(pause if answer.retry_after is None else answer.retry_after, PAUSES[0])
        # Asked after the time is over, it could only be too late.
        if wait >= deadline - time.monotonic():
            break
        log(DEBUG, f"{request.name}: the sidecar is busy; asked again in {wait:g} s")
        time.sleep(wait)
        asked = time.monotonic()
        try:
            answer = wire.send(site, request, deadline)
        except wire.TimeIsOver:
            if was_put_off(began, asked, deadline):
                break
            raise
    return answer


def was_put_off(began: float, asked: float, deadline: float) -> bool:
    """Whether the waits before a question took at least half of the time; instants of one clock, seconds."""
    return asked - began >= deadline - asked


def _pauses() -> Iterator[float]:
    return itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))


def _is_final(answer: wire.Answer) -> bool:
    said = answer.json()
    return answer.retry_after is None and isinstance(said, dict) and "detail" in said


def _output(answer: wire.Answer, mode: Mode) -> Any:
    said = answer.json()
    if answer.status == BUSY and mode.answers_503 and isinstance(said, dict) and "detail" not in said:
        return {**said, "status": BUSY}
    if answer.status >= 400:
        words = f"HTTP {answer.status}" if mode.only_status else _words(answer, said)
        return failure(f"{mode.prefix}{words}", answer.status, answer.retry_after)
    if said is wire.NO_JSON:
        return failure("Request failed: the answer is not JSON", answer.status)
    return said


def _words(answer: wire.Answer, said: Any) -> str:
    """Why the sidecar refuses, in its words; a proxy's page as it is."""
    detail = said.get("detail") if isinstance(said, dict) else None
    words = detail if isinstance(detail, str) else _of_list(detail) if isinstance(detail, list) else ""
    return (words or answer.text() or f"HTTP {answer.status}")[:MOST_WORDS]


def _of_list(detail: list[Any]) -> str:
    """FastAPI's list of fields that break a bound → a sentence for each."""
    wrong = [each for each in detail if isinstance(each, dict) and "msg" in each]
    return "; ".join(f"{'.'.join(map(str, each.get('loc', ())))}: {each['msg']}" for each in wrong)
