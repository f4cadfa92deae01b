"""What serving pods say of themselves at ``/ready``: asked while it matters, and rarely at rest.

An answer holds for one start of one pod's container: after a restart it is asked anew.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus

import aiohttp

from facedb_operator import names
from facedb_operator.facts import Answer, Pod
from facedb_operator.observe.store import Entry

ANSWER_TIMEOUT = aiohttp.ClientTimeout(total=3)
# While a rollout moves, and until a pod is in traffic.
FRESH_S = 0.8
# At rest: the pod's own readiness probe watches it meanwhile.
REST_S = 120.0

Start = tuple[str, datetime | None]
# The URL → the status and the body; None where nobody answers.
Fetch = Callable[[str], Awaitable[tuple[int, bytes] | None]]


def over(http: aiohttp.ClientSession) -> Fetch:
    """Ask over the network."""
    return partial(_get, http)


async def _get(http: aiohttp.ClientSession, url: str) -> tuple[int, bytes] | None:
    try:
        async with http.get(url, timeout=ANSWER_TIMEOUT) as reply:
            return reply.status, await reply.read()
    except (aiohttp.ClientError, TimeoutError):
        return None


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Answer | None
    asked_at: float


class Answers:
    """The answers of all pods."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._kept: dict[str, dict[Start, _Kept]] = {}

    async def ask(self, database: str, pods: Iterable[Entry], *, moving: bool) -> None:
        """Ask those pods of a database whose answer is too old.

        Args:
            database: stands for it.
            pods: its serving pods.
            moving: a rollout is under way.
        """
        old = self._kept.get(database, {})
        # Only what still runs is remembered.
        kept = {_start(p): old[_start(p)] for p in pods if _start(p) in old}
        due = [p for p in pods if self._is_due(p, kept.get(_start(p)), moving=moving)]
        if kept or due:
            self._kept[database] = kept
        else:
            self._kept.pop(database, None)
        answers = await asyncio.gather(*(self._ask(p.fact.ip) for p in due))
        now = time.monotonic()
        for pod, answer in zip(due, answers, strict=True):
            kept[_start(pod)] = _Kept(answer, now)

    def of(self, database: str, pod: Entry) -> Answer | None:
        """The last answer of this pod since its container started."""
        kept = self._kept.get(database, {}).get(_start(pod))
        return kept.answer if kept else None

    def forget(self, database: str) -> None:
        """The database is gone."""
        self._kept.pop(database, None)

    def _is_due(self, entry: Entry, kept: _Kept | None, *, moving: bool) -> bool:
        pod: Pod = entry.fact
        if pod.ip is None or pod.deleting:
            return False
        if kept is None:
            return True
        settled = pod.ready and kept.answer is not None and kept.answer.ready
        age = time.monotonic() - kept.asked_at
        return age >= (FRESH_S if moving or not settled else REST_S)

    async def _ask(self, ip: str) -> Answer | None:
        """What the pod says of itself; None while it does not answer."""
        host = f"[{ip}]" if ":" in ip else ip
        reply = await self._fetch(f"http://{host}:{names.SIDECAR_PORT}/ready")
        if reply is None:
            return None
        try:
            return read_answer(json.loads(reply[1]), ok=reply[0] == HTTPStatus.OK)
        except ValueError:
            return None


def read_answer(said: object, *, ok: bool) -> Answer | None:
    """``/ready``'s body as a fact; None for one that is no object. ``ok``: the status was 200."""
    if not isinstance(said, dict):
        return None
    return Answer(
        ready=ok and bool(said.get("ready")),
        version=said.get("version"),
        digest=said.get("digest"),
        failed=said.get("state") == "failed",
        reason=str(said.get("reason") or ""),
        message=str(said.get("message") or ""),
        recall=_number(said.get("recall")),
        query_ms=_number(said.get("query_ms")),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _start(pod: Entry) -> Start:
    return pod.uid, pod.fact.started_at
