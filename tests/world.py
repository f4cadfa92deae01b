"""A small cluster in memory that obeys steps as Kubernetes would, and refuses impossible states.

The operator's true ``plan`` and ``status_of`` run against it: facts out of it, steps into it, the status
through JSON and back, so that what is not in the status is really forgotten. Time is virtual.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import world_pods
from facedb_operator.facts import (
    Answer,
    CheckRun,
    Claim,
    Cluster,
    FetchJob,
    Fleet,
    JobState,
    Observed,
    Pod,
    Snapshot,
    Workload,
)
from facedb_operator.names import Component
from facedb_operator.plan import plan
from facedb_operator.spec import FaceDatabase, parse_spec
from facedb_operator.status import status_of
from facedb_operator.steps import Plan
from facedb_release.outcome import Outcome
from world_acting import carry_out
from world_objects import found_lookup, good_answer, good_fetch, new_pod
from world_storage import Impossible, advance, check_last_good

FETCH_S = 3
# Longer than the progress deadline of the tests (2 min) and the retries in them.
QUIET_S = 150
EPOCH = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


class Killed(Exception):
    """The operator process ended at this point."""


@dataclass
class World:
    """The cluster and the one database in it.

    Attributes:
        spec: of the FaceDatabase; change it with ``apply``.
        gpus: how many pods fit; None for any number.
        fetches: version → what its fetch Job says, None for a Job that dies without a word.
        models: hash of the first model file → what the Job of these models says, as above.
        answers: Deployment → what its pods say once they have loaded; None for never.
        lookups: what was wanted → what the lookup Job says, None for a Job that dies without a word.
        checked: a check's Job → whether it ends well; None for one that never ends, words for one whose
            pod is taken away.
        snaps: a snapshot → whether it becomes ready, or the driver's error.
        binds: a claim that is made from a snapshot → whether it can be.
        cluster: what the cluster can do.
        fleet: whether other databases let this one begin.
        crashes: whether a pod's container ends in this second, and is started anew.
        moods: a pod → what it says from now on, whatever ``answers`` has for its Deployment.
        quota: why no more pods may be made, in the cluster's words; None where they may.
        crash_after: the operator is killed after so many more steps; None for never.
    """

    spec: dict[str, Any]
    gpus: int | None = None
    fetches: Callable[[str], Outcome | None] = good_fetch
    models: Callable[[str], Outcome | None] = good_fetch
    answers: Callable[[Workload], Answer | None] = good_answer
    lookups: Callable[[str], Outcome | None] = found_lookup
    checked: Callable[[CheckRun], bool | str | None] = lambda _: True
    snaps: Callable[[Snapshot], bool | str] = lambda _: True
    binds: Callable[[Claim], bool] = lambda _: True
    cluster: Cluster = field(default_factory=Cluster)
    fleet: Fleet = field(default_factory=Fleet)
    crashes: Callable[[Pod, Workload], bool] = lambda _pod, _work: False
    moods: dict[str, Answer] = field(default_factory=dict)
    quota: str | None = None
    crash_after: int | None = None
    annotations: dict[str, str] = field(default_factory=dict)
    generation: int = 1
    status: dict[str, Any] = field(default_factory=dict)
    now: datetime = EPOCH
    claims: dict[str, Claim] = field(default_factory=dict)
    snapshots: dict[str, Snapshot] = field(default_factory=dict)
    checks: dict[str, CheckRun] = field(default_factory=dict)
    jobs: dict[str, FetchJob] = field(default_factory=dict)
    workloads: dict[str, Workload] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    service_key: str | None = None
    access_key: str | None = None
    budget_key: str | None = None
    policies_key: str | None = None
    policies: tuple[str, ...] = ()
    wants_policies: bool = False
    state: Claim | None = None
    # Claims and snapshots that others than the operator took away.
    lost: set[str] = field(default_factory=set)
    # Name and birth of those whose bytes are no longer what was verified.
    changed: set[tuple[str, datetime]] = field(default_factory=set)
    fetched: list[str] = field(default_factory=list)
    # A claim of models → the hash of their first file.
    model_files: dict[str, str] = field(default_factory=dict)
    # Those that a Job has refused for good.
    refused: list[str] = field(default_factory=list)
    steps_done: int = 0
    kills: int = 0
    served_once: bool = False
    born: int = 0
    left_at: dict[str, datetime] = field(default_factory=dict)
    watch: Callable[[World], None] = lambda _: None

    def apply(self, **spec: Any) -> None:
        """A user's change of the spec."""
        self.spec = {**self.spec, **spec}
        self.generation += 1

    def database(self) -> FaceDatabase:
        """The resource as the operator parses it."""
        body = {
            "metadata": {
                "name": "stash",
                "namespace": "default",
                "uid": "u-1",
                "generation": self.generation,
                "annotations": self.annotations,
            },
            "spec": self.spec,
            "status": self.status,
        }
        return parse_spec(json.loads(json.dumps(body)), default_image="sidecar:1")

    def observe(self) -> Observed:
        """The facts."""
        return Observed(
            now=self.now,
            claims=tuple(self.claims.values()),
            snapshots=tuple(self.snapshots.values()),
            checks=tuple(self.checks.values()),
            jobs=tuple(self.jobs.values()),
            workloads=tuple(self.workloads.values()),
            pods=tuple(self.pods.values()),
            service_key=self.service_key,
            access_key=self.access_key,
            budget_key=self.budget_key,
            policies_key=self.policies_key,
            policies=self.policies,
            wants_policies=self.wants_policies,
            cluster=self.cluster,
            fleet=self.fleet,
            state=self.state,
        )

    def one_pass(self) -> Plan:
        """The operator's pass; may be killed after any step, before the status is written."""
        db, seen = self.database(), self.observe()
        todo = plan(db, seen)
        for step in todo.steps:
            carry_out(self, db, step)
            self.steps_done += 1
            self.check()
            if self.crash_after is not None:
                self.crash_after -= 1
                if self.crash_after == 0:
                    raise Killed
        self.status = json.loads(json.dumps(status_of(db, seen, todo)))
        return todo

    def settle(self, *, limit_s: int = 900) -> Plan:
        """Passes and seconds in turn until nothing new has come for longer than any deadline."""
        quiet = 0
        todo: Plan | None = None
        for _ in range(limit_s):
            before = (self.status, self.observe())
            try:
                todo = self.one_pass()
            except Killed:
                self.crash_after = None
                self.kills += 1
                continue
            # Where nothing moves, time may leap: only deadlines and retries are left to come.
            leap = 30 if quiet >= 10 else 1
            self.tick(leap)
            same = (self.status, replace(self.observe(), now=before[1].now)) == before
            quiet = quiet + leap if same and not todo.steps else 0
            if quiet > QUIET_S and todo is not None:
                return todo
        raise Impossible(f"not steady after {limit_s} s: {todo}")

    def tick(self, seconds: int = 1) -> None:
        """Time passes."""
        self.now += timedelta(seconds=seconds)
        for job in list(self.jobs.values()):
            self._advance_job(job)
        for run in list(self.checks.values()):
            self._advance_check(run)
        for work in list(self.workloads.values()):
            self._advance_workload(work)
        for pod in list(self.pods.values()):
            world_pods.advance(self, pod)
        advance(self)
        self.check()
        self.watch(self)

    def delete_pod(self, name: str) -> None:
        """Somebody deletes a pod: it leaves gently, and its Deployment makes another."""
        self.pods[name] = world_pods.judged(self, replace(self.pods[name], deleting=True))

    def delete_workload(self, name: str) -> None:
        """Somebody deletes a Deployment."""
        self.workloads[name] = replace(self.workloads[name], replicas=0, deleting=True)

    def serving(self) -> list[str]:
        """Versions in the Service's endpoints, one for each pod."""
        works = {w.revision_key: w.version for w in self.workloads.values()}
        return [works.get(p.revision_key, "?") for p in self.pods.values() if p.ready and not p.deleting]

    def check(self) -> None:
        """Refuse what must never be."""
        holders = [p for p in self.pods.values() if p.unschedulable is None]
        if self.gpus is not None and len(holders) > self.gpus:
            raise Impossible(f"{len(holders)} pods hold {self.gpus} GPUs")
        fetching = (Component.RELEASE, Component.MODELS)
        running = [j for j in self.jobs.values() if j.state is JobState.RUNNING]
        writers = [j.claim for j in running if j.component in fetching]
        if len(writers) != len(set(writers)):
            raise Impossible("two Jobs write one claim")
        check_last_good(self)

    def condition(self, kind: str) -> tuple[str, str]:
        """Status and reason of a condition."""
        found = next(c for c in self.status["conditions"] if c["type"] == kind)
        return found["status"], found["reason"]

    def _advance_job(self, job: FetchJob) -> None:
        if job.state is not JobState.RUNNING or self.now - job.started_at < timedelta(seconds=FETCH_S):
            return
        if job.component is Component.LOOKUP:
            said = self.lookups(job.claim)
        elif job.blocked is not None:
            return
        else:
            version = self.claims[job.claim].version
            said = self.models(self.model_files[job.claim]) if version is None else self.fetches(version)
            if version is not None and said is not None and not said.ok and said.permanent:
                self.refused.append(version)
        state = JobState.SUCCEEDED if said is not None and said.ok else JobState.FAILED
        self.jobs[job.name] = replace(job, state=state, finished_at=self.now, outcome=said)

    def _advance_check(self, run: CheckRun) -> None:
        well = self.checked(run)
        late = self.now - run.started_at >= timedelta(seconds=FETCH_S)
        if run.state is JobState.RUNNING and late and well is not None:
            state = JobState.SUCCEEDED if well is True else JobState.FAILED
            died = well if isinstance(well, str) else ""
            self.checks[run.name] = replace(
                run, state=state, message="as it was told", finished_at=self.now, died=died
            )

    def _advance_workload(self, work: Workload) -> None:
        mine = [p for p in self.pods.values() if p.revision_key == work.revision_key]
        live = sorted((p for p in mine if not p.deleting), key=lambda p: p.ready)
        for pod in live[: max(0, len(live) - work.replicas)]:
            self.pods[pod.name] = world_pods.judged(self, replace(pod, deleting=True))
            self.left_at[pod.name] = self.now
        missing = max(0, work.replicas - len(live))
        self.workloads[work.name] = work = replace(work, trouble=self.quota if missing else None)
        for _ in range(0 if self.quota else missing):
            self.born += 1
            pod = new_pod(f"pod-{self.born}", work, self.now)
            self.pods[pod.name] = pod
        if work.deleting and not mine:
            del self.workloads[work.name]
