"""Plan and facts → the whole status, computed once, at the end. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from facedb_operator import names
from facedb_operator.facts import Observed
from facedb_operator.names import Component, Condition, Reason
from facedb_operator.plan.keeping import snapshot_trouble
from facedb_operator.record import Available
from facedb_operator.spec import FaceDatabase
from facedb_operator.status import views
from facedb_operator.status.conditions import STILL, View, conditions, merge_conditions
from facedb_operator.status.history import history_of, target_of
from facedb_operator.steps import Plan

MOST_BAD = 10
# Of a status, what is seen of the pods that serve.
_SEEN = ("active", "replicas", "readyReplicas")
_SEEN_CONDITIONS = (Condition.AVAILABLE, Condition.DEGRADED)

Json = dict[str, Any]


def status_of(db: FaceDatabase, seen: Observed, plan: Plan) -> Json:
    """The status to write: the derived view, and what must be remembered."""
    now = seen.now
    verdict = plan.bad or (None if plan.pardon else db.verdict)
    known = [b for b in db.record.bad if not plan.pardon or b is not db.verdict]
    bad = [*known, *plan.heard, *([plan.bad] if plan.bad else [])][-MOST_BAD:]
    good = plan.good or db.record.last_good
    active = views.active(db, seen)
    serving = [p for p in seen.pods if p.ready and not p.deleting]
    at_goal = verdict is None and _at_goal(db, seen, plan)
    trouble = snapshot_trouble(db, seen)
    view = View(plan, verdict, good, active, len(serving), db.sidecar.replicas, at_goal, trouble)
    status: Json = {
        "observedGeneration": db.generation,
        "desired": views.desired(db, plan),
        "available": views.available(_offer(db, plan)),
        "active": active,
        "lastGood": views.good_json(good) if good else None,
        "target": target_of(db, seen, plan),
        "bad": [views.bad_json(b) for b in bad],
        "history": history_of(db, seen, plan),
        "storage": views.storage(db, seen),
        "replicas": len([p for p in seen.pods if not p.deleting]),
        "readyReplicas": len(serving),
        "selector": f"{names.DATABASE_LABEL}={db.name},{names.COMPONENT_LABEL}={Component.SIDECAR.value}",
        "handled": views.handled(db, plan) or None,
        "conditions": conditions(db, view, seen.claim(db.claim_name), now),
    }
    return {key: value for key, value in status.items() if value is not None}


def _at_goal(db: FaceDatabase, seen: Observed, plan: Plan) -> bool:
    """Whether what the spec asks for serves; while nothing is moved, as far as can be seen."""
    if plan.reason not in STILL:
        return plan.good is not None and plan.good.revision_key == db.revision_key
    good = db.record.last_good
    up = len(seen.serving(db.revision_key))
    return good is not None and good.revision_key == db.revision_key and up >= db.sidecar.replicas


def _offer(db: FaceDatabase, plan: Plan) -> Available | None:
    """What the source offers: of a channel, and of a pinned release whose size was asked for."""
    wanted = db.channel is not None or db.storage.size is None
    return plan.available or db.record.available if wanted else None


def without_words(status: Mapping[str, Any]) -> Json:
    """A status but for its sentences: where this is the same, no more than words have changed."""
    told = [{k: v for k, v in c.items() if k != "message"} for c in status.get("conditions") or ()]
    return {**status, "conditions": told}


def invalid_status(body: Mapping[str, Any], field: str, why: str, now: datetime) -> Json:
    """The status of a resource whose spec cannot be read: everything kept, the mistake named."""
    return _halted(body, Reason.INVALID_SPEC, f"{field} {why}", now, stalled=True)


def refused_status(
    body: Mapping[str, Any], fresh: Mapping[str, Any], told: str, now: datetime, *, stalled: bool
) -> Json:
    """The status when the API server refuses a step: what serves as it is seen now, and its own words told.

    What the step's plan would have had remembered is not: it was not done.

    Args:
        body: the FaceDatabase.
        fresh: the status that the pass would have written.
        told: what was to be written, and the API server's words.
        now: the time.
        stalled: it will not take it as things are: somebody must change something.
    """
    message = f"{told}. It is tried again every minute."
    status = {k: v for k, v in (body.get("status") or {}).items() if k not in _SEEN}
    status |= {k: fresh[k] for k in _SEEN if k in fresh}
    seen = {c["type"]: c for c in fresh["conditions"] if c["type"] in _SEEN_CONDITIONS}
    known = [seen.pop(c["type"], c) for c in status.get("conditions") or ()]
    status["conditions"] = [*known, *seen.values()]
    return _halted({**body, "status": status}, Reason.STEP_FAILED, message, now, stalled=stalled)


def _halted(body: Mapping[str, Any], reason: Reason, message: str, now: datetime, *, stalled: bool) -> Json:
    old: Json = dict(body.get("status") or {})
    generation = body["metadata"].get("generation", 0)
    busy = "False" if stalled else "True"
    values = {
        Condition.READY: ("False", reason, message),
        Condition.STALLED: ("True" if stalled else "False", reason, message),
        Condition.RECONCILING: (busy, reason, message),
        Condition.PROGRESSING: (busy, reason, message),
    }
    old["observedGeneration"] = generation
    old["conditions"] = merge_conditions(old.get("conditions") or (), values, generation, now)
    return old
