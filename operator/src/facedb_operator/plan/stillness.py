"""Passes that move nothing: paused, frozen after a failed rollout, or hibernated. Pure.

Whoever serves goes on serving: gates of broken pods are closed, and those of good pods of the side that
serves are opened, since a pod that a node lost comes back as another. Nothing is begun, scaled or deleted.
"""

from datetime import timedelta

from facedb_operator.facts import Observed, Workload
from facedb_operator.names import Reason
from facedb_operator.plan.garbage import owners
from facedb_operator.plan.pods import good_pods
from facedb_operator.plan.protection import protection
from facedb_operator.plan.rollout import closing
from facedb_operator.plan.trial import current
from facedb_operator.plan.verbs import asked
from facedb_operator.record import Bad
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import Plan, ScaleWorkload, SetGate, Step

STEADY = timedelta(seconds=30)


def stillness(db: FaceDatabase, seen: Observed) -> Plan | None:
    """The pass of a database that stands still; None for one that does not."""
    if db.sidecar.replicas == 0:
        message = "Hibernated by spec.sidecar.replicas: no pod runs, and every volume is kept."
        return Plan(Reason.HIBERNATED, message, _sleep(db, seen), check_again=STEADY)
    bad = db.verdict
    if bad is not None and bad.frozen:
        return Plan(Reason.FROZEN, _decide(bad), _hold(db, seen), check_again=STEADY, stalled=True)
    if asked(db).paused:
        message = (
            "Paused by the annotation facedb.dev/pause: nothing is begun and nothing moves until it is gone."
        )
        return Plan(Reason.PAUSED, message, _hold(db, seen), check_again=STEADY)
    return None


def _sleep(db: FaceDatabase, seen: Observed) -> tuple[Step, ...]:
    """All pods go; their preStop hook drains them. The Deployments stay: waking needs no download.

    Whose the volumes are is still decided: the database may be deleted in its sleep.
    """
    rest = (ScaleWorkload(w.name, 0) for w in seen.workloads if w.replicas and not w.deleting)
    return (*rest, *protection(db, seen), *owners(db, seen))


def _decide(bad: Bad) -> str:
    return (
        f"{bad.version} failed, and all stands still. {bad.reason}: {bad.message.rstrip('.')}. Decide by an "
        "annotation: facedb.dev/promote takes it as it is, facedb.dev/abort goes back, facedb.dev/retry "
        "tries it again."
    )


def _hold(db: FaceDatabase, seen: Observed) -> tuple[Step, ...]:
    side = _serving_side(db, seen)
    opening = (
        SetGate(p.name, is_open=True, reason="Serving")
        for p in (good_pods(seen, side) if side is not None and side.gated else ())
        if p.gate is not True
    )
    return (*opening, *closing(seen))


def _serving_side(db: FaceDatabase, seen: Observed) -> Workload | None:
    """The revision that had the traffic: the one on trial once it served alone, else the last good one."""
    at = current(db, db.revision_key)
    if at is not None and at.alone_since is not None:
        return seen.workload(db.revision_key)
    good = db.record.last_good
    return seen.workload(good.revision_key) if good is not None else None
