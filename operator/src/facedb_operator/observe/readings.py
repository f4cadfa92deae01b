"""Raw Kubernetes objects → facts. Pure: every dict of the API ends here."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from facedb_operator import names
from facedb_operator.facts import (
    Answer,
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
from facedb_operator.record import parse_time
from facedb_release.outcome import Outcome

Body = Mapping[str, Any]


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
    )


def read_job(raw: Body, pod: Body | None, progress: Progress | None) -> FetchJob:
    """A fetch Job and what its newest pod tells.

    Args:
        raw: the Job.
        pod: its newest pod, if it has one yet.
        progress: the last progress line of that pod's log.
    """
    meta = raw["metadata"]
    ended = _ended(raw)
    return FetchJob(
        name=meta["name"],
        key=meta["labels"].get(names.KEY_LABEL, ""),
        component=Component(meta["labels"][names.COMPONENT_LABEL]),
        claim=(meta.get("annotations") or {}).get(names.CLAIM_ANNOTATION, ""),
        attempt=int((meta.get("annotations") or {}).get(names.ATTEMPT_ANNOTATION, "1")),
        state=ended[0] if ended else JobState.RUNNING,
        started_at=_created(raw),
        finished_at=ended[1] if ended else None,
        outcome=_outcome(pod) if pod else None,
        progress=progress,
        blocked=_blocked(pod) if pod else None,
        deleting=_deleting(raw),
    )


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
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        text = ((container.get("state") or {}).get("terminated") or {}).get("message")
        if text:
            try:
                return Outcome.from_json(text)
            except ValueError:
                return None
    return None


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
