"""How releases are kept: each on its own volume, or as snapshots; and how lost bytes come back.

Pure. A release is *held* by a verified claim, by a ready snapshot, or by both. Snapshots only ever make
things better: one that fails or vanishes leaves the claim in its place, and stops nothing but pods that are
to be made from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from facedb_operator import names
from facedb_operator.facts import Claim, Observed, Snapshot, Verified
from facedb_operator.names import Component, Reason
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.storage import Distribution, Keeping
from facedb_operator.steps import CreateSnapshot, Plan

LOOK_AGAIN = timedelta(seconds=2)
STEADY = timedelta(seconds=30)
# A sidecar's words for files that are no longer what its volume's verdict is about.
CHANGED_AT_REST = frozenset({"WrongChecksum", "MissingFile", "InvalidReceipt"})


@dataclass(frozen=True)
class Held:
    """A release whose bytes are there. ``since``: when the snapshot was made, else the claim."""

    release_key: str
    version: str
    verified: Verified
    since: datetime


def strategy(db: FaceDatabase, seen: Observed) -> Keeping:
    """How releases are kept here and now: Volume or Snapshot, never Auto."""
    asked = db.storage.keeping
    can = seen.cluster.snapshot_class is not None
    return Keeping.SNAPSHOT if can and asked is not Keeping.VOLUME else Keeping.VOLUME


def per_pod(db: FaceDatabase) -> bool:
    """Whether each pod is to have a volume of its own, made from the release's snapshot."""
    return db.storage.distribution is Distribution.PER_POD


def unavailable(db: FaceDatabase, seen: Observed) -> Plan | None:
    """Why nothing new is begun, where the spec asks for snapshots and there are none. What serves, serves."""
    if strategy(db, seen) is Keeping.SNAPSHOT:
        return None
    if db.storage.keeping is not Keeping.SNAPSHOT and not per_pod(db):
        return None
    of = f"storage class {db.storage.class_name}" if db.storage.class_name else "the default storage class"
    named = f" named {db.storage.snapshot_class}" if db.storage.snapshot_class else ""
    why = (
        f"The cluster has no VolumeSnapshotClass{named} for {of}. Install a snapshot controller and a class "
        "for its driver, or set spec.storage.strategy to Volume and distribution to Shared."
    )
    return Plan(Reason.SNAPSHOTS_UNAVAILABLE, why, check_again=STEADY, stalled=True)


def awaited(db: FaceDatabase, seen: Observed) -> Plan | None:
    """Pods with volumes of their own wait for the snapshot; None when it is there or not needed."""
    if not per_pod(db) or db.verdict is not None or ready_snapshot(seen, db.release_key) is not None:
        return None
    found = seen.snapshot(db.release_key)
    trouble = _trouble(db, found, seen.now) if found is not None else None
    if trouble is not None:
        return Plan(Reason.SNAPSHOT_FAILED, trouble, check_again=LOOK_AGAIN, stalled=True)
    return Plan(Reason.SNAPSHOT_PENDING, _waiting(db.version), check_again=LOOK_AGAIN)


def on_its_way(db: FaceDatabase, seen: Observed, release_key: str, version: str) -> Plan | None:
    """The wait for a snapshot that pods of a verified release are to be made from.

    None where there is nothing to wait for: pods share the claim, the snapshot is ready, or it is in trouble.
    """
    found = seen.snapshot(release_key)
    if not per_pod(db) or strategy(db, seen) is Keeping.VOLUME:
        return None
    if found is not None and (found.ready or _trouble(db, found, seen.now) is not None):
        return None
    return Plan(Reason.SNAPSHOT_PENDING, _waiting(version), check_again=LOOK_AGAIN)


def ready_snapshot(seen: Observed, release_key: str) -> Snapshot | None:
    """The release's snapshot, once volumes can be made from it."""
    kept = seen.snapshot(release_key)
    return kept if kept is not None and kept.ready else None


def pods_source(db: FaceDatabase, seen: Observed, release_key: str) -> Snapshot | None:
    """The snapshot from which pods of this release make volumes of their own; None to share a claim."""
    return ready_snapshot(seen, release_key) if per_pod(db) else None


def held(seen: Observed) -> dict[str, Held]:
    """The releases whose bytes are there, by release key."""
    claims = (c for c in seen.claims if is_release(c) and c.bound and not c.deleting)
    found = {c.key: Held(c.key, c.version or "", c.verified, c.created_at) for c in claims if c.verified}
    ready = (s for s in seen.snapshots if s.ready and not s.deleting)
    return found | {s.release_key: Held(s.release_key, s.version, s.verified, s.created_at) for s in ready}


def kept(db: FaceDatabase, seen: Observed) -> frozenset[str]:
    """Keys of the releases to keep: those in use, the last good one, the wanted one, others up to ``keep``.

    Those that served last come first: one that was refused at its trial must not push a good one out. One
    that had changed at rest is not kept: tried again, it shall be made anew.
    """
    needed = {w.release_key for w in seen.workloads}
    if db.record.last_good is not None:
        needed.add(db.record.last_good.release_key)
    if db.verdict is None:
        needed.add(db.release_key)
    there = held(seen)
    others = [
        h for h in by_service(db, there.values()) if h.release_key not in {*needed, _changed_at_rest(db)}
    ]
    spare = max(0, db.storage.keep - len(needed & there.keys()))
    return frozenset({*needed, *(h.release_key for h in others[:spare])})


def by_service(db: FaceDatabase, releases: Iterable[Held]) -> list[Held]:
    """Those that served last first, then those that nobody has known to serve, the newest first."""
    history = (db.record.raw or {}).get("history") or ()
    served = {entry["version"]: n for n, entry in enumerate(history) if entry.get("outcome") == "Succeeded"}
    return sorted(releases, key=lambda h: (served.get(h.version, -1), h.since, h.release_key), reverse=True)


def _changed_at_rest(db: FaceDatabase) -> str | None:
    """The key of the wanted release, if its pods refused what they found on its volume."""
    verdict = db.verdict
    refused = verdict is not None and verdict.revision_key is not None
    return db.release_key if refused and verdict and verdict.reason in CHANGED_AT_REST else None


def preserve(db: FaceDatabase, seen: Observed) -> tuple[CreateSnapshot, ...]:
    """Snapshots that are still to be made of verified claims, in the order in which those were made."""
    class_name = seen.cluster.snapshot_class
    if class_name is None or strategy(db, seen) is not Keeping.SNAPSHOT:
        return ()
    # One that is going away still has the name.
    there = {s.release_key for s in seen.snapshots}
    wanted = kept(db, seen) - there
    return tuple(
        CreateSnapshot(c.name, class_name, c.key, c.version or "", c.verified)
        for c in sorted(seen.claims, key=lambda c: (c.created_at, c.name))
        if is_release(c) and c.verified is not None and c.bound and not c.deleting and c.key in wanted
    )


def models_of_good(db: FaceDatabase, seen: Observed) -> str:
    """The key of the models for pods that are on no trial.

    Those that the last good release serves with: the spec's may be refused, or not be there yet. The spec's
    only where those are lost. A status of an older operator does not name them.
    """
    good = db.record.last_good
    work = seen.workload(good.revision_key) if good is not None else None
    known = good.models if good is not None else None
    if known is None and work is not None:
        known = names.models_key(db.name, work.models_claim)
    ours = sorted((c for c in seen.claims if c.component is Component.MODELS), key=lambda c: c.created_at)
    keys = (known, db.models_key) if known else (db.models_key, *(c.key for c in reversed(ours)))
    there = (key for key in keys if is_verified(seen, names.models_claim(db.name, key)))
    return next(there, db.models_key)


def is_verified(seen: Observed, claim: str) -> bool:
    """Whether this claim is there, and what is on it was verified."""
    found = seen.claim(claim)
    return found is not None and found.verified is not None


def is_release(claim: Claim) -> bool:
    """Whether a claim is a release's."""
    return claim.component is Component.RELEASE


def in_snapshot(db: FaceDatabase, seen: Observed, claim: Claim) -> bool:
    """Whether a ready snapshot holds the very release that is on this verified claim."""
    found = ready_snapshot(seen, claim.key) if strategy(db, seen) is Keeping.SNAPSHOT else None
    return found is not None and claim.verified is not None and found.verified.digest == claim.verified.digest


def snapshot_trouble(db: FaceDatabase, seen: Observed) -> str | None:
    """What is wrong with snapshots, for people; None when nothing is. It stops no rollout."""
    if strategy(db, seen) is Keeping.VOLUME:
        return None
    wanted = kept(db, seen)
    for found in sorted(seen.snapshots, key=lambda s: s.name):
        why = _trouble(db, found, seen.now)
        if why is not None and found.release_key in wanted and not found.deleting:
            return why
    for claim in sorted(seen.claims, key=lambda c: c.name):
        if claim.restored_from is not None and not claim.bound and _late(db, claim.created_at, seen.now):
            return (
                f"Volume {claim.name} is not made from snapshot {claim.restored_from} after {_deadline(db)}. "
                "Delete the snapshot to have the release fetched instead."
            )
    return None


def _waiting(version: str) -> str:
    return f"Waiting for the snapshot of release {version}: its pods' volumes are made from it."


def _trouble(db: FaceDatabase, found: Snapshot, now: datetime) -> str | None:
    if found.ready:
        return None
    if found.error:
        why = f"failed: {found.error.rstrip('.')}"
    elif _late(db, found.created_at, now):
        why = f"is not ready after {_deadline(db)}"
    else:
        return None
    instead = "No pod can be made from it" if per_pod(db) else "Its volume is kept instead"
    return (
        f"Snapshot {found.name} of release {found.version} {why}. {instead}. "
        "The cluster goes on trying; delete the VolumeSnapshot to have it made anew."
    )


def _late(db: FaceDatabase, since: datetime, now: datetime) -> bool:
    return now - since > db.rollout.progress_deadline


def _deadline(db: FaceDatabase) -> str:
    return f"{db.rollout.progress_deadline.total_seconds():.0f} s"
