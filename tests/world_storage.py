"""Volumes and snapshots of the small world: when they become ready, what holds them, and who has lost one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from facedb_operator import names, objects
from facedb_operator.facts import Claim, JobState, Snapshot, Verified, Workload
from facedb_operator.names import KEY_LABEL, RECEIPT_ANNOTATION, SIZE_ANNOTATION, VERSION_LABEL, Component
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.quantities import amount
from facedb_operator.steps import CreateClaim, CreateSnapshot, RestoreClaim
from world_objects import new_snapshot

if TYPE_CHECKING:
    from world import World

SNAP_S = 3
RESTORE_S = 2
UNBOUND = "Unschedulable: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."


class Impossible(AssertionError):
    """A state that a real cluster, or a careful operator, would never be in."""


def advance(world: World) -> None:
    """A moment passes: snapshots become ready, volumes are made from them, what nobody holds goes."""
    for kept in list(world.snapshots.values()):
        _advance_snapshot(world, kept)
    for claim in list(world.claims.values()):
        # As the PVC protection controller does: gone only when no pod names it.
        if claim.deleting and not _in_use(world, claim):
            del world.claims[claim.name]
        elif not claim.bound and _can_be_made(world, claim):
            world.claims[claim.name] = replace(claim, bound=True)
    for job in list(world.jobs.values()):
        if job.component in (Component.RELEASE, Component.MODELS) and job.state is JobState.RUNNING:
            # Once it has begun, its pod holds the volume, also one that is going away.
            still = job.blocked if not can_mount(world, job.claim) else None
            world.jobs[job.name] = replace(job, blocked=still)


def can_mount(world: World, claim: str) -> bool:
    """Whether a new pod can have this claim as its volume."""
    found = world.claims.get(claim)
    return found is not None and found.bound and not found.deleting


def can_start(world: World, work: Workload) -> bool:
    """Whether a new pod of this Deployment gets its volumes, which must be verified then."""
    models = world.claims.get(work.models_claim)
    if models is None or not can_mount(world, models.name):
        return False
    if models.verified is None:
        raise Impossible(f"a pod of {work.name} sees {models.name} half fetched")
    if work.snapshot:
        kept = world.snapshots.get(work.snapshot)
        return kept is not None and kept.ready
    if can_mount(world, work.claim) and world.claims[work.claim].verified is None:
        raise Impossible(f"a pod of {work.name} sees {work.claim} half fetched")
    return can_mount(world, work.claim)


def vanish(world: World, snapshot: str) -> None:
    """Somebody deletes a snapshot, or the storage loses it."""
    del world.snapshots[snapshot]
    world.lost.add(snapshot)


def take(world: World, claim: str) -> None:
    """Somebody deletes a claim: it stays for as long as a pod uses it."""
    world.claims[claim] = replace(world.claims[claim], deleting=True)
    world.lost.add(claim)


def check_last_good(world: World) -> None:
    """The last good release's claim or snapshot, and its models, are there, unless others took them."""
    _check_models(world)
    name = (world.status.get("lastGood") or {}).get("claim")
    if name is None:
        return
    claim, kept = world.claims.get(name), world.snapshots.get(name)
    by_claim = claim is not None and not claim.deleting and claim.verified is not None
    if by_claim or (kept is not None and kept.ready and not kept.deleting):
        world.lost.discard(name)
    elif name not in world.lost and all(name != changed for changed, _ in world.changed):
        raise Impossible("the last good release was deleted: neither its claim nor its snapshot is there")


def _check_models(world: World) -> None:
    key = (world.status.get("lastGood") or {}).get("models")
    name = names.models_claim("stash", key) if key else ""
    found = world.claims.get(name)
    if found is not None and not found.deleting and found.verified is not None:
        world.lost.discard(name)
    elif key and name not in world.lost:
        raise Impossible(f"{name}, the models of the last good release, was deleted")


def check_source(world: World, step: CreateClaim) -> None:
    """A claim can be made only from a snapshot that is ready, and not smaller than it."""
    kept = world.snapshots.get(step.snapshot or "")
    if kept is None or not kept.ready:
        raise Impossible(f"a claim is made from {step.snapshot}, which is not ready")
    if amount(step.size) < amount(kept.restore_size or "0"):
        raise Impossible(f"a claim of {step.size} is made from a snapshot of {kept.restore_size}")


def make_snapshot(world: World, db: FaceDatabase, step: CreateSnapshot) -> None:
    """A snapshot of a verified claim."""
    claim = world.claims[step.claim]
    if claim.verified is None or claim.deleting:
        raise Impossible(f"{step.claim} is kept and was never verified, or is going away")
    made = new_snapshot(db, step, world.now)
    world.snapshots.setdefault(made.name, made)


def delete_snapshot(world: World, name: str) -> None:
    """The operator deletes a snapshot, from which nothing more may have to be made."""
    if any(c.restored_from == name and not c.bound for c in world.claims.values()):
        raise Impossible(f"{name} is deleted while a claim is made from it")
    if any(w.snapshot == name and not w.deleting for w in world.workloads.values()):
        raise Impossible(f"{name} is deleted while pods are made from it")
    world.snapshots[name] = replace(world.snapshots[name], deleting=True)


def delete_claim(world: World, name: str) -> None:
    """The operator deletes a claim, which no running pod may use; the users' state is a KeyError.

    A pod that could not load it does not use it.
    """
    used = {w.revision_key for w in world.workloads.values() if name in (w.claim, w.models_claim)}
    running = (p for p in world.pods.values() if p.ip and not p.deleting and p.revision_key in used)
    if any(p.answer is None or not p.answer.failed for p in running):
        raise Impossible(f"{name} is deleted while pods serve from it")
    world.claims[name] = replace(world.claims[name], deleting=True)


def restore(world: World, db: FaceDatabase, step: RestoreClaim) -> None:
    """A verified release's claim again, from its snapshot."""
    meta = objects.restored_claim(db, step)["metadata"]
    size = meta["annotations"][SIZE_ANNOTATION]
    check_source(world, CreateClaim(Component.RELEASE, size, step.snapshot.name))
    made = Claim(
        name=step.claim,
        component=Component.RELEASE,
        key=meta["labels"][KEY_LABEL],
        version=meta["labels"][VERSION_LABEL],
        created_at=world.now,
        verified=Verified.from_json(meta["annotations"][RECEIPT_ANNOTATION]),
        size=size,
        owned="ownerReferences" in meta,
        restored_from=step.snapshot.name,
        bound=False,
    )
    world.claims.setdefault(made.name, made)


def _advance_snapshot(world: World, kept: Snapshot) -> None:
    if kept.deleting:
        del world.snapshots[kept.name]
        return
    due = not kept.ready and world.now - kept.created_at >= timedelta(seconds=SNAP_S)
    said = world.snaps(kept) if due else False
    if isinstance(said, str):
        world.snapshots[kept.name] = replace(kept, error=said)
    elif said and kept.name in world.claims:
        world.snapshots[kept.name] = replace(kept, ready=True, error=None)


def _can_be_made(world: World, claim: Claim) -> bool:
    kept = world.snapshots.get(claim.restored_from or "")
    late = world.now - claim.created_at >= timedelta(seconds=RESTORE_S)
    return late and kept is not None and kept.ready and world.binds(claim)


def _in_use(world: World, claim: Claim) -> bool:
    # A pod that waits for its volume is on no node yet, and holds nothing.
    if not claim.bound:
        return False
    # Snapshots that are being made hold their source.
    by_snapshot = claim.name in world.snapshots and not world.snapshots[claim.name].ready
    by_job = any(j.claim == claim.name and j.blocked is None for j in world.jobs.values())
    works = world.workloads.values()
    used = {w.revision_key for w in works if claim.name in (w.claim, w.models_claim)}
    return by_snapshot or by_job or any(p.ip and p.revision_key in used for p in world.pods.values())
