"""The rollout under way and those that ended: ``status.target`` and ``status.history``. Pure."""

from datetime import datetime
from typing import Any

from facedb_operator.facts import FetchJob, Observed
from facedb_operator.names import Component, Reason
from facedb_operator.plan.rollout import score
from facedb_operator.plan.staging import what
from facedb_operator.record import Target
from facedb_operator.spec import FaceDatabase
from facedb_operator.status.times import stamp
from facedb_operator.steps import Plan, Walk

MOST_HISTORY = 10

Json = dict[str, Any]


def target_of(db: FaceDatabase, seen: Observed, plan: Plan) -> Json | None:
    """The rollout under way, or None when what the spec asks for serves, or is refused."""
    if plan.reason == Reason.SUSPENDED:
        return (db.record.raw or {}).get("target")
    good = db.record.last_good
    # More replicas, or a pod that comes back, is no rollout.
    if _ended(db, plan) or (good is not None and good.revision_key == db.revision_key):
        return None
    staged = seen.workload(db.revision_key) is not None
    now_score = score(db, seen, db.revision_key) if staged else 0
    old = _current(db)
    moved = old is None or now_score > old.progress
    since, lost = _unavailable(db, seen, old)
    return {
        "version": db.version,
        "revision": db.revision_key,
        "state": plan.reason,
        "startedAt": stamp(old.started_at if old else seen.now),
        "progressedAt": stamp(seen.now if moved or old is None else old.progressed_at),
        "progress": max(now_score, old.progress if old else 0),
        "unavailableSeconds": round(lost, 1),
        **({"unavailableSince": stamp(since)} if since else {}),
        **_walked(plan, old),
        **_transfer(db, seen, old),
    }


def history_of(db: FaceDatabase, seen: Observed, plan: Plan) -> list[Json]:
    """Past rollouts, newest last, at most ten; the one that ends in this pass is added."""
    past: list[Json] = list((db.record.raw or {}).get("history") or ())
    old = _current(db)
    if old is None or not _ended(db, plan):
        return past[-MOST_HISTORY:]
    refused = plan.bad is not None
    good = db.record.last_good is not None
    _, lost = _unavailable(db, seen, old)
    entry = {
        "version": old.version,
        "outcome": ("RolledBack" if good else "Failed") if refused else "Succeeded",
        "reason": plan.reason,
        "startedAt": stamp(old.started_at),
        "finishedAt": stamp(seen.now),
        "downloadedBytes": _transfer(db, seen, old)["bytesDone"],
        "unavailableSeconds": round(lost, 1),
    }
    return [*past, entry][-MOST_HISTORY:]


def _ended(db: FaceDatabase, plan: Plan) -> bool:
    if plan.bad is not None or db.verdict is not None:
        return True
    return plan.good is not None and plan.good.revision_key == db.revision_key


def _current(db: FaceDatabase) -> Target | None:
    target = db.record.target
    return target if target is not None and target.revision_key == db.revision_key else None


def _unavailable(db: FaceDatabase, seen: Observed, old: Target | None) -> tuple[datetime | None, float]:
    """Since when nobody serves, and the seconds of earlier gaps in this rollout.

    The gap runs from the pass that first saw no pod in the endpoints to the Ready time of the pod that
    ended it; before the first release nothing can be missed.
    """
    lost = old.unavailable_s if old else 0.0
    since = old.unavailable_since if old else None
    serving = [p for p in seen.pods if p.ready and not p.deleting]
    if serving:
        back = min((p.ready_since or seen.now) for p in serving)
        return None, lost + (max(0.0, (back - since).total_seconds()) if since else 0.0)
    return (since or seen.now, lost) if db.record.last_good is not None else (None, lost)


def _transfer(db: FaceDatabase, seen: Observed, old: Target | None) -> Json:
    """Bytes, attempt and Job of the fetch under way; the bytes of a finished one stay."""
    claim = seen.claim(db.claim_name)
    if claim is not None and claim.verified is not None:
        return {"bytesDone": claim.verified.bytes_downloaded}
    job = _latest(db, seen)
    if job is None:
        return {"bytesDone": old.downloaded_bytes if old else 0}
    done = job.outcome.bytes_downloaded if job.outcome else 0
    view: Json = {
        "bytesDone": done,
        "job": job.name,
        "attempt": job.attempt,
        "fetching": what(db, job.component),
    }
    if job.progress is not None:
        view["bytesDone"] = job.progress.bytes_done
        if job.progress.bytes_total:
            view["bytesTotal"] = job.progress.bytes_total
            view["percent"] = f"{100 * job.progress.bytes_done // job.progress.bytes_total}%"
    return view


def _latest(db: FaceDatabase, seen: Observed) -> FetchJob | None:
    by_key = {db.fetch_key: Component.RELEASE, db.models_fetch_key: Component.MODELS}
    mine = [j for j in seen.jobs if j.key in by_key]
    return max(mine, key=lambda j: (j.component is Component.RELEASE, j.attempt), default=None)


def _walked(plan: Plan, old: Target | None) -> Json:
    """How far the trial has come: what the plan says, else what is remembered."""
    walk: Walk | Target = plan.walk or old or Walk()
    moments = {"stepSince": walk.step_since, "aloneSince": walk.alone_since}
    step = {"step": walk.step} if walk.step else {}
    return {**step, **{name: stamp(at) for name, at in moments.items() if at is not None}}
