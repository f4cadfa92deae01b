"""Plan and facts → the whole status, computed once, at the end.

Pure. Conditions follow kstatus (Reconciling, Stalled) and metav1.Condition, so that ``kubectl wait``,
Flux and Argo CD read them right. https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facedb_operator import names
from facedb_operator.facts import Claim, Observed
from facedb_operator.names import Component, Condition, Reason
from facedb_operator.record import Bad, Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.status.history import history_of, target_of
from facedb_operator.steps import Plan

MOST_BAD = 10
MESSAGE_LIMIT = 1024
# Retrying alone will not help soon: somebody has to publish, repair or correct something.
NEEDS_A_PERSON = frozenset({"VersionNotFound", "AssetNotFound", "NoSpace"})

Json = dict[str, Any]


@dataclass(frozen=True)
class _View:
    """What the conditions are computed from."""

    plan: Plan
    bad: Bad | None
    good: Good | None
    active: Json | None
    up: int
    wanted: int
    at_goal: bool


def status_of(db: FaceDatabase, seen: Observed, plan: Plan) -> Json:
    """The status to write: the derived view, and what must be remembered."""
    now = seen.now
    bad = [*db.record.bad, *([plan.bad] if plan.bad else [])][-MOST_BAD:]
    verdict = plan.bad or db.verdict
    good = plan.good or db.record.last_good
    active = _active(db, seen)
    serving = [p for p in seen.pods if p.ready and not p.deleting]
    at_goal = plan.good is not None and plan.good.revision_key == db.revision_key and verdict is None
    view = _View(plan, verdict, good, active, len(serving), db.sidecar.replicas, at_goal)
    status: Json = {
        "observedGeneration": db.generation,
        "desired": {"version": db.version, **({"digest": db.digest} if db.digest else {})},
        "active": active,
        "lastGood": _good_json(good) if good else None,
        "target": target_of(db, seen, plan),
        "bad": [_bad_json(b) for b in bad],
        "history": history_of(db, seen, plan),
        "storage": {"strategy": "Volume", "claims": _claims(seen)},
        "replicas": len([p for p in seen.pods if not p.deleting]),
        "readyReplicas": len(serving),
        "selector": f"{names.DATABASE_LABEL}={db.name},{names.COMPONENT_LABEL}={Component.SIDECAR.value}",
        "handled": _handled(db, plan) or None,
        "conditions": _conditions(db, view, _claim_facts(db, seen), now),
    }
    return {key: value for key, value in status.items() if value is not None}


def _handled(db: FaceDatabase, plan: Plan) -> dict[str, str]:
    """Verb → the last token that was dealt with. A retry is dealt with by the keys that hold it."""
    retry = {"retry": db.verbs.retry} if db.verbs.retry else {}
    return {**db.record.handled, **plan.handled, **retry}


def invalid_status(body: Mapping[str, Any], field: str, why: str, now: datetime) -> Json:
    """The status of a resource whose spec cannot be read: everything kept, the mistake named."""
    old: Json = dict(body.get("status") or {})
    generation = body["metadata"].get("generation", 0)
    message = f"{field} {why}"
    values = {
        Condition.READY: ("False", Reason.INVALID_SPEC, message),
        Condition.STALLED: ("True", Reason.INVALID_SPEC, message),
        Condition.RECONCILING: ("False", Reason.INVALID_SPEC, message),
    }
    old["observedGeneration"] = generation
    old["conditions"] = merge_conditions(old.get("conditions") or (), values, generation, now)
    return old


def merge_conditions(
    old: Sequence[Mapping[str, Any]],
    values: Mapping[Condition, tuple[str, str, str]],
    generation: int,
    now: datetime,
) -> list[Json]:
    """Conditions with ``lastTransitionTime`` moved only where the status changed."""
    before = {c["type"]: c for c in old}
    merged = {t: dict(c) for t, c in before.items()}
    for kind, (status, reason, message) in values.items():
        last = before.get(kind.value)
        kept = last is not None and last["status"] == status
        merged[kind.value] = {
            "type": kind.value,
            "status": status,
            "reason": str(reason),
            "message": message[:MESSAGE_LIMIT],
            "observedGeneration": generation,
            "lastTransitionTime": last["lastTransitionTime"] if kept and last else stamp(now),
        }
    return list(merged.values())


def stamp(moment: datetime) -> str:
    """A time as the API writes it, in whole seconds UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _conditions(db: FaceDatabase, view: _View, claim: Claim | None, now: datetime) -> list[Json]:
    old = (db.record.raw or {}).get("conditions") or ()
    ready = _ready(db, view)
    stalled = ready[0] == "False" and _is_stalled(view)
    busy = ready[0] == "False" and not stalled and view.plan.reason != Reason.SUSPENDED
    calm = "Nothing is in progress."
    values: dict[Condition, tuple[str, str, str]] = {
        Condition.READY: ready,
        Condition.AVAILABLE: _available(view),
        Condition.PROGRESSING: ("True" if busy else "False", ready[1], ready[2] if busy else calm),
        Condition.DEGRADED: _degraded(view, ready),
        Condition.RECONCILING: ("True" if busy else "False", ready[1], ready[2] if busy else calm),
        Condition.STALLED: (
            ("True", ready[1], ready[2]) if stalled else ("False", ready[1], "Nothing stands in the way.")
        ),
        Condition.VERIFIED: _verified(db, view, claim),
    }
    return merge_conditions(old, values, db.generation, now)


def _ready(db: FaceDatabase, view: _View) -> tuple[str, str, str]:
    plan, bad = view.plan, view.bad
    if plan.reason == Reason.SUSPENDED:
        return ("True" if view.up and view.good else "False", plan.reason, plan.message)
    if bad is None:
        return ("True" if view.at_goal else "False", plan.reason, plan.message)
    hint = f"Correct the spec, or set the annotation {names.RETRY_ANNOTATION} to a new value to try again."
    if view.good is None:
        return ("False", bad.reason, f"{_sentence(bad.message)} Nothing was serving before. {hint}")
    back = view.active is not None and view.active["version"] == view.good.version
    where = f"still serving {view.good.version}" if back else f"going back to {view.good.version}"
    reason = Reason.ROLLED_BACK if back else Reason.ROLLING_BACK
    return ("False", reason, f"{bad.version} refused, {where}. {bad.reason}: {_sentence(bad.message)} {hint}")


def _is_stalled(view: _View) -> bool:
    if view.bad is not None:
        return view.plan.reason in (Reason.SERVING, view.bad.reason) or view.good is None
    return view.plan.reason in NEEDS_A_PERSON


def _available(view: _View) -> tuple[str, str, str]:
    if view.active is None:
        return ("False", Reason.NOT_SERVING, "No pod is in the Service's endpoints.")
    return ("True", Reason.SERVING, f"{view.up} pods serve {view.active['version']}.")


def _degraded(view: _View, ready: tuple[str, str, str]) -> tuple[str, str, str]:
    if view.bad is not None:
        return ("True", ready[1], ready[2])
    if view.good is not None and view.up < view.wanted:
        return ("True", Reason.NOT_SERVING, f"{view.up} of {view.wanted} pods are serving.")
    return ("False", Reason.SERVING, "As many pods serve as are wanted.")


def _verified(db: FaceDatabase, view: _View, claim: Claim | None) -> tuple[str, str, str]:
    if view.bad is not None and view.bad.revision_key is None:
        return ("False", view.bad.reason, view.bad.message)
    facts = claim.verified if claim else None
    if facts is not None:
        counts = f"{facts.performer_count} performers, {facts.face_count} faces"
        notes = f" Warnings: {'; '.join(facts.warnings)}" if facts.warnings else ""
        return ("True", Reason.VERIFIED, f"{db.version} is verified: {counts}, {facts.digest}.{notes}")
    return ("Unknown", view.plan.reason, view.plan.message)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _claim_facts(db: FaceDatabase, seen: Observed) -> Claim | None:
    return seen.claim(db.claim_name)


def _active(db: FaceDatabase, seen: Observed) -> Json | None:
    """The release that is in traffic now; during a rolling update the one with more pods."""
    ranked = sorted(seen.workloads, key=lambda w: len(seen.serving(w.revision_key)), reverse=True)
    if not ranked or not seen.serving(ranked[0].revision_key):
        return None
    work = ranked[0]
    old = (db.record.raw or {}).get("active") or {}
    same = old.get("version") == work.version and old.get("claim") == work.claim
    since = old.get("since") if same else stamp(seen.now)
    return {"version": work.version, "digest": work.digest, "since": since, "claim": work.claim}


def _claims(seen: Observed) -> list[Json]:
    state = seen.state
    return [
        *(
            {"name": c.name, "version": c.version or "models", "verified": c.verified is not None}
            for c in sorted(seen.claims, key=lambda c: c.name)
            if not c.deleting
        ),
        *([{"name": state.name, "version": "state"}] if state is not None and not state.deleting else []),
    ]


def _good_json(good: Good) -> Json:
    return {
        "version": good.version,
        "digest": good.digest,
        "claim": good.claim,
        "release": good.release_key,
        "revision": good.revision_key,
        "workload": good.workload,
    }


def _bad_json(bad: Bad) -> Json:
    known = {"digest": bad.digest, "revision": bad.revision_key}
    return {
        "version": bad.version,
        "keys": list(bad.keys),
        "reason": bad.reason,
        "message": bad.message[:MESSAGE_LIMIT],
        "at": stamp(bad.at),
        **{k: v for k, v in known.items() if v is not None},
    }
