"""Raw Kubernetes objects → facts. Pure: every dict of the API ends here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from facedb_operator import names
from facedb_operator.facts import (
    Answer,
    CheckRun,
    Claim,
    FetchJob,
    JobState,
    Pod,
    Progress,
    Snapshot,
    Verified,
    Workload,
)
from facedb_operator.names import Component
from facedb_operator.observe.deaths import death, lost_pod, taken, why_ended
from facedb_operator.record import parse_time
from facedb_release.outcome import Outcome

Body = Mapping[str, Any]

JOB_NAME_LABEL = "batch.kubernetes.io/job-name"
_DEFAULT_CLASS = "is-default-class"


@dataclass(frozen=True)
class Worker:
    """A Job's pod. ``running``: its container runs, so that it has a log."""

    name: str
    job: str
    created_at: datetime
    running: bool
    ended: bool
    outcome: Outcome | None
    said: str
    blocked: str | None
    died: str
    taken: bool


@dataclass(frozen=True)
class Counted:
    """A Deployment, and how many pods its controller counts: the pods' own watch may be behind."""

    work: Workload
    pods: int


@dataclass(frozen=True)
class VolumeKind:
    """A StorageClass or a VolumeSnapshotClass: who makes its volumes or snapshots, and when; made when."""

    name: str
    driver: str
    default: bool
    waits_for_consumer: bool = False
    created: str = ""


def read_claim(raw: Body) -> Claim:
    """A PersistentVolumeClaim with the verdict that it carries."""
    meta = raw["metadata"]
    receipt = (meta.get("annotations") or {}).get(names.RECEIPT_ANNOTATION)
    return Claim(
        name=meta["name"],
        component=Component(meta["labels"][names.COMPONENT_LABEL]),
        key=meta["labels"].get(names.KEY_LABEL, ""),
        version=meta["labels"].get(names.VERSION_LABEL),
        created_at=_created(raw),
        verified=Verified.from_json(receipt) if receipt else None,
        size=(meta.get("annotations") or {}).get(names.SIZE_ANNOTATION, ""),
        owned=bool(meta.get("ownerReferences")),
        deleting=_deleting(raw),
        restored_from=(meta.get("annotations") or {}).get(names.SNAPSHOT_ANNOTATION),
        bound=(raw.get("status") or {}).get("phase") == "Bound",
        asked_class=(meta.get("annotations") or {}).get(names.CLASS_ANNOTATION),
    )


def read_snapshot(raw: Body) -> Snapshot:
    """A VolumeSnapshot with the verdict that it carries."""
    meta, status = raw["metadata"], raw.get("status") or {}
    return Snapshot(
        name=meta["name"],
        release_key=meta["labels"].get(names.KEY_LABEL, ""),
        version=meta["labels"].get(names.VERSION_LABEL, ""),
        verified=Verified.from_json(meta["annotations"][names.RECEIPT_ANNOTATION]),
        created_at=_created(raw),
        ready=bool(status.get("readyToUse")),
        error=(status.get("error") or {}).get("message"),
        restore_size=status.get("restoreSize"),
        owned=bool(meta.get("ownerReferences")),
        deleting=_deleting(raw),
    )


def read_workload(raw: Body) -> Workload:
    """A Deployment of ours."""
    meta = raw["metadata"]
    labels, notes = meta["labels"], meta.get("annotations") or {}
    template = raw["spec"]["template"]["spec"]
    told = (c for c in (raw.get("status") or {}).get("conditions") or () if c["type"] == "ReplicaFailure")
    return Workload(
        name=meta["name"],
        revision_key=labels.get(names.KEY_LABEL, ""),
        release_key=labels.get(names.RELEASE_LABEL, ""),
        version=labels.get(names.VERSION_LABEL, ""),
        digest=notes.get(names.DIGEST_ANNOTATION),
        claim=notes.get(names.CLAIM_ANNOTATION, ""),
        models_claim=notes.get(names.MODELS_CLAIM_ANNOTATION, ""),
        replicas=int(raw["spec"].get("replicas", 1)),
        created_at=_created(raw),
        deleting=_deleting(raw),
        snapshot=notes.get(names.SNAPSHOT_ANNOTATION, ""),
        gated=bool(template.get("readinessGates")),
        holds=_holds(template),
        trouble=next((c.get("message") for c in told if _is_true(c)), None),
        image=next((c.get("image") for c in template.get("containers") or ()), None),
    )


def read_counted(raw: Body) -> Counted:
    """A Deployment of ours with its controller's count."""
    return Counted(read_workload(raw), int((raw.get("status") or {}).get("replicas", 0)))


def read_job(raw: Body) -> FetchJob | CheckRun:
    """A Job, without what only its pod can tell."""
    meta = raw["metadata"]
    component = Component(meta["labels"][names.COMPONENT_LABEL])
    return read_check(raw) if component is Component.CHECK else read_fetch(raw, component)


def read_fetch(raw: Body, component: Component) -> FetchJob:
    """A Job that fetches, or that looks up what there is."""
    meta = raw["metadata"]
    notes = meta.get("annotations") or {}
    ended = _ended(raw)
    return FetchJob(
        name=meta["name"],
        key=meta["labels"].get(names.KEY_LABEL, ""),
        component=component,
        claim=notes.get(names.CLAIM_ANNOTATION, ""),
        attempt=int(notes.get(names.ATTEMPT_ANNOTATION, "1")),
        state=ended[0] if ended else JobState.RUNNING,
        started_at=_created(raw),
        finished_at=ended[1] if ended else None,
        outcome=None,
        progress=None,
        blocked=None,
        deleting=_deleting(raw),
    )


def read_check(raw: Body) -> CheckRun:
    """A Job of ``rollout.checks``; until its pod speaks, the words are the Job's own."""
    meta, ended = raw["metadata"], _ended(raw)
    notes = meta.get("annotations") or {}
    return CheckRun(
        name=meta["name"],
        check=notes.get(names.CHECK_ANNOTATION, ""),
        key=meta["labels"].get(names.KEY_LABEL, ""),
        state=ended[0] if ended else JobState.RUNNING,
        started_at=_created(raw),
        message=why_ended(raw),
        deleting=_deleting(raw),
        attempt=int(notes.get(names.ATTEMPT_ANNOTATION, "1")),
        finished_at=ended[1] if ended else None,
        died=lost_pod(raw),
    )


def read_worker(raw: Body) -> Worker:
    """A Job's pod and what it left behind."""
    meta, status = raw["metadata"], raw.get("status") or {}
    return Worker(
        name=meta["name"],
        job=meta["labels"][JOB_NAME_LABEL],
        created_at=_created(raw),
        running=status.get("phase") == "Running",
        ended=status.get("phase") in ("Succeeded", "Failed"),
        outcome=_outcome(raw),
        said=_said(raw),
        blocked=_blocked(raw),
        died=death(raw),
        taken=taken(raw),
    )


def with_worker(job: FetchJob, worker: Worker | None, progress: Progress | None) -> FetchJob:
    """A fetch Job and what its newest pod tells."""
    if worker is None:
        return job
    return replace(job, outcome=worker.outcome, blocked=worker.blocked, progress=progress, died=worker.died)


def read_key(raw: Body) -> str:
    """Which edition of a Service, a budget, a policy or the access this is."""
    return str((raw["metadata"].get("labels") or {}).get(names.KEY_LABEL, ""))


def read_storage_class(raw: Body) -> VolumeKind:
    """A StorageClass."""
    waits = raw.get("volumeBindingMode") == "WaitForFirstConsumer"
    made = raw["metadata"].get("creationTimestamp", "")
    return VolumeKind(raw["metadata"]["name"], raw["provisioner"], _is_default(raw), waits, made)


def read_snapshot_class(raw: Body) -> VolumeKind:
    """A VolumeSnapshotClass."""
    return VolumeKind(raw["metadata"]["name"], raw["driver"], _is_default(raw))


def read_pod(raw: Body, answer: Answer | None) -> Pod:
    """A sidecar pod and what it answered."""
    meta, status = raw["metadata"], raw.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    gate = conditions.get(names.SERVING_GATE)
    ready = conditions.get("Ready")
    containers = status.get("containerStatuses") or ()
    return Pod(
        name=meta["name"],
        revision_key=meta["labels"].get(names.KEY_LABEL, ""),
        ip=status.get("podIP"),
        created_at=_created(raw),
        containers_ready=_is_true(conditions.get("ContainersReady")),
        ready=_is_true(ready),
        ready_since=_since(ready),
        gate=_is_true(gate) if gate else None,
        gate_since=_since(gate),
        restarts=sum(int(c.get("restartCount", 0)) for c in containers),
        unschedulable=_unschedulable(conditions.get("PodScheduled")),
        waiting=_waiting(containers),
        last_exit=_last_exit(containers),
        answer=answer,
        started_at=_started(containers),
        deleting=_deleting(raw) or status.get("phase") in ("Succeeded", "Failed"),
    )


def read_progress(log: str) -> Progress | None:
    """The last progress line in the tail of a fetch Job's log; None when there is none."""
    for line in reversed(log.splitlines()):
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(event, dict) and event.get("event") == "progress":
            return Progress(
                phase=str(event.get("phase", "")),
                bytes_done=int(event.get("bytes_done") or 0),
                bytes_total=event.get("bytes_total"),
                file=event.get("file"),
            )
    return None


def _holds(pod: Body) -> frozenset[str]:
    asked = [c.get("resources") or {} for c in pod.get("containers") or ()]
    return frozenset(name for r in asked for part in ("requests", "limits") for name in r.get(part) or ())


def _created(raw: Body) -> datetime:
    return parse_time(raw["metadata"]["creationTimestamp"])


def _deleting(raw: Body) -> bool:
    return raw["metadata"].get("deletionTimestamp") is not None


def _is_true(condition: Body | None) -> bool:
    return condition is not None and condition.get("status") == "True"


def _since(condition: Body | None) -> datetime | None:
    text = (condition or {}).get("lastTransitionTime")
    return parse_time(text) if text else None


def _ended(job: Body) -> tuple[JobState, datetime] | None:
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition.get("status") == "True" and condition["type"] in ("Complete", "Failed"):
            state = JobState.SUCCEEDED if condition["type"] == "Complete" else JobState.FAILED
            return state, parse_time(condition["lastTransitionTime"])
    return None


def _outcome(pod: Body) -> Outcome | None:
    """The termination message of the fetch container, if it left a readable one."""
    try:
        return Outcome.from_json(_said(pod)) if _said(pod) else None
    except ValueError:
        return None


def _said(pod: Body) -> str:
    """What the first container that ended with words left as its termination message."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        text = ((container.get("state") or {}).get("terminated") or {}).get("message")
        if text:
            return str(text)
    return ""


def _is_default(raw: Body) -> bool:
    notes: Mapping[str, str] = raw["metadata"].get("annotations") or {}
    return any(k.endswith(_DEFAULT_CLASS) and v == "true" for k, v in notes.items())


def _blocked(pod: Body) -> str | None:
    """Why a pod cannot start: not schedulable, or its container waits for something but its start."""
    status = pod.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    return _unschedulable(conditions.get("PodScheduled")) or _waiting(status.get("containerStatuses") or ())


def _started(containers: Any) -> datetime | None:
    texts = [((c.get("state") or {}).get("running") or {}).get("startedAt") for c in containers]
    return max((parse_time(text) for text in texts if text), default=None)


def _unschedulable(condition: Body | None) -> str | None:
    if condition is None or condition.get("status") != "False":
        return None
    return f"{condition.get('reason', 'Unschedulable')}: {condition.get('message', '')}"


def _waiting(containers: Any) -> str | None:
    for container in containers:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return f"{waiting['reason']}: {waiting.get('message', '')}"
    return None


def _last_exit(containers: Any) -> str | None:
    for container in containers:
        ended = (container.get("lastState") or {}).get("terminated")
        if ended:
            return f"{ended.get('reason', 'Error')} (exit code {ended.get('exitCode')})"
    return None
