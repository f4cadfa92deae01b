"""The only reader: the store, and the pods' own answers → one frozen ``Observed``.

Called only by ``reconcile``. Facts, no judgement: what they mean is decided in ``plan``. A pass at rest makes
no request to the API server: what changes comes by the watches.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
from kubernetes.aio.client import ApiException

from facedb_operator import kinds
from facedb_operator.facts import CheckRun, Claim, FetchJob, JobState, Observed, Pod, Progress
from facedb_operator.kube import Kube
from facedb_operator.names import Component
from facedb_operator.observe.access import Access
from facedb_operator.observe.answers import Answers, Fetch
from facedb_operator.observe.attention import Attention, past_claims, past_jobs
from facedb_operator.observe.cluster import cluster_of
from facedb_operator.observe.findings import with_words
from facedb_operator.observe.freshness import Freshness
from facedb_operator.observe.readings import Worker, read_progress, with_worker
from facedb_operator.observe.store import Entry, Key, Store
from facedb_operator.observe.volumes import Volumes, waits
from facedb_operator.observe.watching import Watches
from facedb_operator.spec import FaceDatabase

LOG_LINES = 5
# How many NetworkPolicies a database has: objects.policies.
POLICIES = 2


class Observer:
    """Reads for all databases.

    Args:
        kube: the API server.
        fetch: asks the pods.
        store: what the watches tell.
        watches: what fills it.
        policies: whether the settings ask for NetworkPolicies.
    """

    def __init__(self, kube: Kube, fetch: Fetch, store: Store, watches: Watches, *, policies: bool) -> None:
        self._kube = kube
        self._store = store
        self._policies = policies
        self._answers = Answers(fetch)
        self._volumes = Volumes(kube)
        self._progress: dict[Key, dict[str, Progress | None]] = {}
        self._attention = Attention()
        self.access = Access(kube)
        self.fresh = Freshness(store, watches)

    async def ask(self, db: FaceDatabase) -> None:
        """Ask those who do not tell by themselves: pods, logs, access; and repair a store that is late.

        Raises:
            ApiException, aiohttp.ClientError, TimeoutError: the API server refused or failed.
        """
        key = (db.namespace, db.name)
        await self.fresh.whole(key)
        moving = db.record.target is not None
        await asyncio.gather(
            self.access.look(db),
            self._answers.ask(db.uid, self._serving(key), moving=moving),
            self._follow(key),
            self._volumes.ask(key, self._awaited(key)),
        )

    def observe(self, db: FaceDatabase, now: datetime) -> Observed:
        """Everything known of one database, but for what others do. No I/O."""
        key = (db.namespace, db.name)
        claims: list[Claim] = past_claims(_facts(self._store.of(kinds.CLAIM, key)), now)
        workers = self._workers(key)
        progress = self._progress.get(key, {})
        jobs = _facts(self._store.of(kinds.JOB, key))
        fetches = past_jobs((j for j in jobs if isinstance(j, FetchJob)), now)
        checks = past_jobs((j for j in jobs if isinstance(j, CheckRun)), now)
        return Observed(
            now=now,
            since=self._attention.since(key, now),
            claims=tuple(c for c in claims if c.component is not Component.STATE),
            snapshots=tuple(_facts(self._store.of(kinds.SNAPSHOT, key))),
            jobs=tuple(
                self._volumes.told(key, with_worker(j, workers.get(j.name), progress.get(j.name)))
                for j in fetches
            ),
            checks=tuple(with_words(c, workers.get(c.name)) for c in checks),
            workloads=tuple(d.work for d in _facts(self._store.of(kinds.DEPLOYMENT, key))),
            pods=tuple(self._pod(db, entry) for entry in self._serving(key)),
            service_key=next(iter(_facts(self._store.of(kinds.SERVICE, key))), None),
            access_key=self.access.of(key),
            budget_key=next(iter(_facts(self._store.of(kinds.BUDGET, key))), None),
            policies_key=_together(_facts(self._store.of(kinds.POLICY, key))),
            policies=tuple(sorted(e.name for e in self._store.of(kinds.POLICY, key))),
            wants_policies=self._policies,
            state=next((c for c in claims if c.name == db.state_claim_name), None),
            cluster=cluster_of(
                db.storage,
                self._classes(kinds.STORAGE_CLASS),
                self._classes(kinds.SNAPSHOT_CLASS),
                snapshots=self._store.lists(kinds.SNAPSHOT, db.namespace),
            ),
        )

    def forget(self, key: Key, uid: str) -> None:
        """The database is gone."""
        self._answers.forget(uid)
        self._progress.pop(key, None)
        self._attention.forget(key)
        self.access.forget(key)
        self.fresh.forget(key)
        self._volumes.forget(key)

    def _serving(self, key: Key) -> list[Entry]:
        return [e for e in self._store.of(kinds.POD, key) if isinstance(e.fact, Pod)]

    def _pod(self, db: FaceDatabase, entry: Entry) -> Pod:
        answer = self._answers.of(db.uid, entry)
        pod: Pod = entry.fact
        return pod if answer is None else replace(pod, answer=answer)

    def _workers(self, key: Key) -> dict[str, Worker]:
        """The newest pod of each Job."""
        found = [f for f in _facts(self._store.of(kinds.POD, key)) if isinstance(f, Worker)]
        return {w.job: w for w in sorted(found, key=lambda w: w.created_at)}

    def _awaited(self, key: Key) -> tuple[Claim, ...]:
        """Claims without a volume that a Job's pod waits for."""
        jobs = [j for j in _facts(self._store.of(kinds.JOB, key)) if isinstance(j, FetchJob)]
        claims = _facts(self._store.of(kinds.CLAIM, key))
        return waits(claims, jobs, self._workers(key), datetime.now(UTC))

    def _classes(self, kind: kinds.Kind) -> list[Any] | None:
        return _facts(self._store.of(kind, ("", ""))) if self._store.lists(kind) else None

    async def _follow(self, key: Key) -> None:
        """The last progress line of each running Job's pod."""
        workers = self._workers(key)
        running = [
            j.name
            for j in _facts(self._store.of(kinds.JOB, key))
            if isinstance(j, FetchJob) and j.component is not Component.LOOKUP and _is_running(j, workers)
        ]
        found = await asyncio.gather(*(self._log(key, workers[name].name) for name in running))
        self._progress[key] = dict(zip(running, found, strict=True))
        if not running:
            del self._progress[key]

    async def _log(self, key: Key, pod: str) -> Progress | None:
        try:
            return read_progress(await self._kube.log(key[0], pod, LOG_LINES))
        except (ApiException, aiohttp.ClientError, TimeoutError):
            # The log is a view for people; a container that is just starting has none.
            return None


def _is_running(job: FetchJob, workers: dict[str, Worker]) -> bool:
    return job.state is JobState.RUNNING and job.name in workers and workers[job.name].running


def _facts(entries: Iterable[Entry]) -> list[Any]:
    return [entry.fact for entry in entries]


def _together(editions: list[str]) -> str | None:
    """The edition of objects that are made together; empty when they differ or one is missing."""
    if not editions:
        return None
    return editions[0] if len(editions) == POLICIES and len(set(editions)) == 1 else ""
