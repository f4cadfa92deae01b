"""What the small world is made of: facts as Kubernetes would show them of freshly made objects. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from facedb_operator import names, objects
from facedb_operator.facts import Answer, CheckRun, Claim, FetchJob, JobState, Pod, Snapshot, Workload
from facedb_operator.names import Component
from facedb_operator.objects import serving_pods
from facedb_operator.record import Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import CreateClaim, CreateSnapshot, CreateWorkload, StartCheck, StartLookup
from facedb_release.outcome import Outcome


def digest_of(version: str) -> str:
    """The digest that this world's archive of a version has."""
    return f"sha256:{names.short_hash(version) * 8}"


def good_fetch(version: str) -> Outcome:
    """A fetch that verified."""
    return outcome(version, ok=True)


def outcome(version: str, *, ok: bool, reason: str = "Fetched", permanent: bool = False) -> Outcome:
    """A fetch Job's termination message."""
    return Outcome(
        ok=ok,
        reason=reason,
        message=f"{version}: {reason}",
        permanent=permanent,
        version=version,
        digest=digest_of(version),
        bytes_downloaded=1000,
        bytes_total=1000,
        seconds=1.0,
        performer_count=10,
        face_count=20,
        warnings=(),
        file=None,
        expected=None,
        found=None,
    )


def good_answer(work: Workload) -> Answer:
    """A pod that serves what its Deployment names."""
    return Answer(True, work.version, work.digest, failed=False, reason="", message="")


def new_claim(db: FaceDatabase, step: CreateClaim, now: datetime) -> Claim:
    """A claim as the operator's own builder writes it."""
    meta = objects.claim(db, step)["metadata"]
    return Claim(
        name=meta["name"],
        component=step.component,
        key=meta["labels"].get(names.KEY_LABEL, ""),
        version=meta["labels"].get(names.VERSION_LABEL),
        created_at=now,
        verified=None,
        size=meta["annotations"][names.SIZE_ANNOTATION],
        owned="ownerReferences" in meta,
        restored_from=meta["annotations"].get(names.SNAPSHOT_ANNOTATION),
        bound=step.snapshot is None,
        asked_class=meta["annotations"][names.CLASS_ANNOTATION],
    )


def new_job(
    db: FaceDatabase, component: Component, attempt: int, now: datetime, again: Good | None = None
) -> FetchJob:
    """A Job that has just been created."""
    meta = objects.fetch_job(db, component, attempt, again)["metadata"]
    return FetchJob(
        name=meta["name"],
        key=meta["labels"][names.KEY_LABEL],
        component=component,
        claim=meta["annotations"][names.CLAIM_ANNOTATION],
        attempt=attempt,
        state=JobState.RUNNING,
        started_at=now,
        finished_at=None,
        outcome=None,
        progress=None,
        blocked=None,
    )


def found_lookup(wanted: str) -> Outcome:
    """A lookup that found what was wanted; ``latest`` and ranges find 2026.02.18."""
    return outcome(wanted if wanted[:1].isdigit() else "2026.02.18", ok=True, reason="Found")


def new_lookup(db: FaceDatabase, step: StartLookup, now: datetime) -> FetchJob:
    """A lookup Job that has just been created; ``claim`` holds what was wanted."""
    meta = objects.lookup_job(db, step)["metadata"]
    return FetchJob(
        name=meta["name"],
        key=meta["labels"][names.KEY_LABEL],
        component=Component.LOOKUP,
        claim=step.wanted,
        attempt=step.attempt,
        state=JobState.RUNNING,
        started_at=now,
        finished_at=None,
        outcome=None,
        progress=None,
        blocked=None,
    )


def new_check(db: FaceDatabase, step: StartCheck, now: datetime) -> CheckRun:
    """A check's Job that has just been created."""
    meta = objects.check_job(db, step)["metadata"]
    name, attempt = meta["name"], int(meta["annotations"][names.ATTEMPT_ANNOTATION])
    return CheckRun(name, step.check.name, step.key, JobState.RUNNING, now, "", attempt=attempt)


def new_snapshot(db: FaceDatabase, step: CreateSnapshot, now: datetime) -> Snapshot:
    """A snapshot that has just been created."""
    meta = objects.snapshot(db, step)["metadata"]
    return Snapshot(
        name=meta["name"],
        release_key=meta["labels"][names.KEY_LABEL],
        version=meta["labels"][names.VERSION_LABEL],
        verified=step.facts,
        created_at=now,
        ready=False,
        restore_size="1Gi",
        owned="ownerReferences" in meta,
    )


def new_workload(db: FaceDatabase, step: CreateWorkload, now: datetime) -> Workload:
    """A Deployment that has just been created."""
    meta = serving_pods.deployment(db, step)["metadata"]
    return Workload(
        name=meta["name"],
        revision_key=meta["labels"][names.KEY_LABEL],
        release_key=step.release_key,
        version=step.version,
        digest=step.digest,
        claim=meta["annotations"].get(names.CLAIM_ANNOTATION, ""),
        snapshot=meta["annotations"].get(names.SNAPSHOT_ANNOTATION, ""),
        models_claim=meta["annotations"][names.MODELS_CLAIM_ANNOTATION],
        replicas=step.replicas,
        gated=db.rollout.gated,
        created_at=now,
        # What the small world counts, see new_pod.
        holds=frozenset({"nvidia.com/gpu"}),
        image=step.image or db.sidecar.image,
    )


def new_pod(name: str, work: Workload, now: datetime) -> Pod:
    """A pod that no node has been found for yet."""
    return Pod(
        name=name,
        revision_key=work.revision_key,
        ip=None,
        created_at=now,
        containers_ready=False,
        ready=False,
        ready_since=None,
        gate=None,
        gate_since=None,
        restarts=0,
        unschedulable="Unschedulable: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu.",
        waiting=None,
        last_exit=None,
        answer=None,
    )


def base_spec() -> dict[str, Any]:
    """A spec of one CPU pod, Rolling."""
    return {
        "version": "2026.02.12",
        "source": {"github": {"repository": "owner/data"}},
        "models": {
            "source": {"github": {"repository": "owner/models", "tag": "models"}},
            "files": [{"name": "arcface.onnx", "size": 3, "sha256": "0" * 64}],
        },
        "storage": {"size": "4Gi", "modelsSize": "1Gi", "keep": 2},
        "sidecar": {"replicas": 1, "device": "cpu", "service": {"type": "ClusterIP", "port": 5000}},
        "rollout": {"strategy": "Rolling", "progressDeadline": "2m", "drain": "5s"},
    }
