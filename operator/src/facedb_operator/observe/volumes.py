"""Why a volume does not come: what the cluster says in its Events of a claim that a Job waits for.

Asked only while somebody waits; at rest, and while all goes well, there is no such question.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiException

from facedb_operator.facts import Claim, FetchJob, JobState
from facedb_operator.kinds import EVENT
from facedb_operator.kube import Kube
from facedb_operator.observe.readings import Worker
from facedb_operator.observe.store import Key

# Making a volume takes a moment; only then is it worth a question.
PATIENCE = timedelta(seconds=5)
ASK_EVERY_S = 5.0


class Volumes:
    """The cluster's words about claims without a volume."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._said: dict[Key, dict[str, str]] = {}
        self._asked_at: dict[Key, float] = {}

    async def ask(self, key: Key, waiting: Iterable[Claim]) -> None:
        """Ask about the claims of a database that somebody waits for; forget all others."""
        found = list(waiting)
        if not found:
            self.forget(key)
            return
        if time.monotonic() - self._asked_at.get(key, -ASK_EVERY_S) < ASK_EVERY_S:
            return
        self._asked_at[key] = time.monotonic()
        said = {claim.name: await self._last_warning(key[0], claim.name) for claim in found}
        self._said[key] = {name: words for name, words in said.items() if words}

    def told(self, key: Key, job: FetchJob) -> FetchJob:
        """The Job with the cluster's words, where it waits for a volume."""
        said = self._said.get(key, {})
        if job.state is not JobState.RUNNING or not said:
            return job
        name = job.claim if job.claim in said else next(iter(said))
        return replace(job, blocked=f"volume {name} is not there: {said[name]}")

    def forget(self, key: Key) -> None:
        """Nobody waits, or the database is gone."""
        self._said.pop(key, None)
        self._asked_at.pop(key, None)

    async def _last_warning(self, namespace: str, claim: str) -> str:
        events: list[Mapping[str, Any]] = []
        kind = "involvedObject.kind=PersistentVolumeClaim"
        fields = f"{kind},involvedObject.name={claim},type=Warning"
        try:
            await self._kube.list(EVENT, namespace, events.append, fields=fields)
        except (ApiException, aiohttp.ClientError, TimeoutError):
            # Only words for people: the claim's state is known without them.
            return ""
        last = max(events, key=_when, default=None)
        return " ".join(str(last.get("message", "")).split()) if last is not None else ""


def waits(
    claims: Iterable[Claim], jobs: Iterable[FetchJob], workers: Mapping[str, Worker], now: datetime
) -> tuple[Claim, ...]:
    """Claims without a volume, while the pod of a running Job has not started."""
    pending = any(
        job.state is JobState.RUNNING and not workers[job.name].running for job in jobs if job.name in workers
    )
    late = (c for c in claims if not c.bound and not c.deleting and now - c.created_at > PATIENCE)
    return tuple(late) if pending else ()


def _when(event: Mapping[str, Any]) -> str:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    return next((str(at) for at in times if at), "")
