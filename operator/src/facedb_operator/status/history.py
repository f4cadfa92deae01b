"""The rollout under way and those that ended: ``status.target`` and ``status.history``. Pure."""

from datetime import datetime
from typing import Any

from facedb_operator.facts import FetchJob, Observed
from facedb_operator.names import Component, Reason
from facedb_operator.plan.staging import what
from facedb_operator.plan.trial import STANDING_STILL, current, score, stood_still
from facedb_operator.record import Target, parse_time
from facedb_operator.spec import FaceDatabase
from facedb_operator.status.times import stamp
from facedb_operator.steps import Plan, Walk

MOST_HISTORY = 10

Json = dict[str, Any]


def target_of(db: FaceDatabase, seen: Observed, plan: Plan) -> Json | None:
    """The rollout under way, or None when what the spec asks for serves, or is refused."""
    if plan.reason == Reason.SUSPENDED:
        old_target = (db.record.raw or {}).get("target")
        return {**old_target, "state": plan.reason} if old_target else None
    good = db.record.last_good
    # More replicas, or a pod that comes back, is no rollout.
    if _ended(db, plan) or (good is not None and good.revision_key == db.revision_key):
        return None
    old = current(db, db.revision_key)
    walk = _walk(plan, old)
    now_score = score(db, seen, db.revision_key, walk) if seen.workload(db.revision_key) else 0
    waited = _waited(db, seen, old, walk)
    goes_on = stood_still(db, db.revision_key) and plan.reason not in STANDING_STILL
    moved = old is None or now_score > old.progress or waited or goes_on
    since, lost = _unavailable(db, seen, old)
    return {
        "version": db.version,
        "revision": db.revision_key,
        "state": Reason.FROZEN if plan.bad is not None else plan.reason,
        "startedAt": stamp(old.started_at if old else seen.now),
        "progressedAt": stamp(seen.now if moved or old is None else old.progressed_at),
        "progress": max(now_score, old.progress if old else 0),
        "unavailableSeconds": round(lost, 1),
        **({"unavailableSince": stamp(since)} if since else {}),
        **_walked(walk),
        **_transfer(db, seen, old),
    }


def _waited(db: FaceDatabase, seen: Observed, old: Target | None, walk: Walk) -> bool:
    """Whether a canary's step has ended: what comes after it has its own time.

    One that was only lost is no progress, or pods that come and go would have for ever; unless it had stood
    for longer than anything may take, as when a node goes in the middle of a long pause.
    """
    if old is None or old.step_since is None or walk.step_since is not None:
        return False
    return walk.step > old.step or seen.now - old.step_since > db.rollout.progress_deadline


def history_of(db: FaceDatabase, seen: Observed, plan: Plan) -> list[Json]:
    """Past rollouts, newest last, at most ten; the one that ends in this pass is added."""
    past = _caught_up(list((db.record.raw or {}).get("history") or ()), db, seen)
    old = db.record.target
    if old is None:
        # Nothing was under way: what served is ended by a person, or crashed again and again.
        asked = plan.bad is not None and plan.bad.reason in (Reason.ROLLED_BACK_BY_USER, Reason.CRASH_LOOP)
        entry = _entry(db.version, "RolledBack", plan.reason, seen.now, seen.now, 0, 0.0) if asked else None
    elif old.revision_key != db.revision_key:
        # Another spec came before it had ended; before its pods were made, nothing had begun.
        _, lost = _unavailable(db, seen, old)
        entry = (
            _entry(
                old.version,
                "Aborted",
                Reason.SUPERSEDED,
                old.started_at,
                seen.now,
                old.downloaded_bytes,
                lost,
            )
            if old.progress
            else None
        )
    else:
        entry = _ending(db, seen, plan, old) if _ended(db, plan) else None
    return [*past, *([entry] if entry else [])][-MOST_HISTORY:]


def _ending(db: FaceDatabase, seen: Observed, plan: Plan, old: Target) -> Json:
    since, lost = _unavailable(db, seen, old)
    done: int = _transfer(db, seen, old)["bytesDone"]
    entry = _entry(old.version, _outcome(db, plan), plan.reason, old.started_at, seen.now, done, lost)
    # What a failed rollout has taken away comes back only after its end.
    return {**entry, **({"unavailableSince": stamp(since)} if since else {})}


def _caught_up(past: list[Json], db: FaceDatabase, seen: Observed) -> list[Json]:
    """The gap that outlasted the last rollout: until somebody serves, or another rollout counts it."""
    if not past or "unavailableSince" not in past[-1]:
        return past
    since, lost = parse_time(past[-1]["unavailableSince"]), float(past[-1]["unavailableSeconds"])
    back = _serving_since(seen)
    if back is None and db.record.target is None:
        return past
    closed = {key: value for key, value in past[-1].items() if key != "unavailableSince"}
    gap = max(0.0, ((back or seen.now) - since).total_seconds())
    return [*past[:-1], {**closed, "unavailableSeconds": round(lost + gap, 1)}]


def _outcome(db: FaceDatabase, plan: Plan) -> str:
    if plan.bad is None:
        return "Succeeded"
    if plan.bad.reason == Reason.ABORTED:
        return "Aborted"
    return "RolledBack" if db.record.last_good is not None or plan.good is not None else "Failed"


def _entry(
    version: str,
    outcome: str,
    reason: str,
    started: datetime,
    finished: datetime,
    downloaded: int,
    lost: float,
) -> Json:
    return {
        "version": version,
        "outcome": outcome,
        "reason": reason,
        "startedAt": stamp(started),
        "finishedAt": stamp(finished),
        "downloadedBytes": downloaded,
        "unavailableSeconds": round(lost, 1),
    }


def _ended(db: FaceDatabase, plan: Plan) -> bool:
    """Whether the rollout is over: it succeeded, or was refused for good. A freeze ends nothing."""
    if plan.pardon:
        return False
    verdict = plan.bad or db.verdict
    if verdict is not None:
        return not verdict.frozen
    return plan.good is not None and plan.good.revision_key == db.revision_key


def _unavailable(db: FaceDatabase, seen: Observed, old: Target | None) -> tuple[datetime | None, float]:
    """Since when nobody serves, and the seconds of earlier gaps in this rollout.

    The gap runs from the pass that first saw no pod in the endpoints to the Ready time of the pod that
    ended it; before the first release nothing can be missed.
    """
    lost = old.unavailable_s if old else 0.0
    since = old.unavailable_since if old else None
    back = _serving_since(seen)
    if back is not None:
        return None, lost + (max(0.0, (back - since).total_seconds()) if since else 0.0)
    return (since or seen.now, lost) if db.record.last_good is not None else (None, lost)


def _serving_since(seen: Observed) -> datetime | None:
    """Since when the pod that has served longest does; None where nobody serves."""
    return min((p.ready_since or seen.now for p in seen.pods if p.ready and not p.deleting), default=None)


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


def _walk(plan: Plan, old: Target | None) -> Walk:
    """How far the trial has come: what the plan says, else what is remembered."""
    if plan.walk is not None:
        return plan.walk
    if old is None:
        return Walk()
    return Walk(old.step, old.step_since, old.alone_since, old.promoted, old.accepted)


def _walked(walk: Walk) -> Json:
    moments = {"stepSince": walk.step_since, "aloneSince": walk.alone_since}
    facts = {"step": walk.step, "promoted": walk.promoted, "accepted": walk.accepted}
    return {
        **{name: value for name, value in facts.items() if value},
        **{name: stamp(at) for name, at in moments.items() if at is not None},
    }
