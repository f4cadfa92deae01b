"""The conditions of a FaceDatabase. Pure.

They follow kstatus (Reconciling, Stalled) and metav1.Condition, so that ``kubectl wait``, Flux and Argo CD
read them right. https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facedb_operator import names
from facedb_operator.facts import Claim, Verified
from facedb_operator.names import Condition, Reason
from facedb_operator.plan.verbs import asked
from facedb_operator.record import Bad, Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.status.times import stamp
from facedb_operator.steps import Plan
from facedb_release.errors import Reason as ReleaseReason

MESSAGE_LIMIT = 1024
# Retrying alone will not help soon: somebody has to publish, repair or correct something.
NEEDS_A_PERSON = frozenset({"VersionNotFound", "AssetNotFound", "NoSpace"})

# Nothing moves by itself, and that is what somebody wanted: neither Reconciling nor Stalled.
STILL = frozenset({Reason.SUSPENDED, Reason.HIBERNATED, Reason.PAUSED})

_STATUS = {True: "True", False: "False", None: "Unknown"}
# As metav1.Condition has it: the API server refuses the whole status for one reason of another form.
_WORD = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
_WORD_LIMIT = 1024
_UNNAMED = "Unspecified"

Json = dict[str, Any]


@dataclass(frozen=True)
class View:
    """What the conditions are computed from. ``trouble``: what is wrong with how releases are kept."""

    plan: Plan
    bad: Bad | None
    good: Good | None
    active: Json | None
    up: int
    wanted: int
    at_goal: bool
    trouble: str | None = None


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
            "reason": word(reason),
            "message": message[:MESSAGE_LIMIT],
            "observedGeneration": generation,
            "lastTransitionTime": last["lastTransitionTime"] if kept and last else stamp(now),
        }
    return list(merged.values())


def word(reason: str) -> str:
    """A reason as conditions and Events may have it; those of Jobs and pods may be anything."""
    if _WORD.fullmatch(reason) and len(reason) <= _WORD_LIMIT:
        return str(reason)
    kept = re.sub(r"^[^A-Za-z]+|[^A-Za-z0-9_,:]+", "", reason)[:_WORD_LIMIT].rstrip(",:")
    return kept or _UNNAMED


def conditions(db: FaceDatabase, view: View, claim: Claim | None, now: datetime) -> list[Json]:
    """All conditions of this pass, laid over those that status holds."""
    old = (db.record.raw or {}).get("conditions") or ()
    ready = _ready(db, view)
    stalled = ready[0] == "False" and _is_stalled(view)
    busy = ready[0] == "False" and not stalled and view.plan.reason not in STILL
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
        Condition.PAUSED: _paused(db),
    }
    for notice in view.plan.notices:
        values[notice.condition] = (_STATUS[notice.status], notice.reason, notice.message)
    merged = merge_conditions(old, values, db.generation, now)
    return [c for c in merged if db.channel is not None or c["type"] != Condition.UPDATE_AVAILABLE]


def _ready(db: FaceDatabase, view: View) -> tuple[str, str, str]:
    plan, bad = view.plan, view.bad
    if plan.reason in STILL:
        return ("True" if view.at_goal and bad is None else "False", plan.reason, plan.message)
    if bad is not None and bad.frozen:
        return ("False", Reason.FROZEN, f"{bad.reason}: {bad.message}" if plan.bad else plan.message)
    if bad is None:
        return ("True" if view.at_goal else "False", plan.reason, plan.message)
    hint = f"Correct the spec, or set the annotation {names.RETRY_ANNOTATION} to a new value to try again."
    if view.good is None:
        return ("False", bad.reason, f"{_sentence(bad.message)} Nothing was serving before. {hint}")
    back = view.active is not None and view.active["version"] == view.good.version
    where = f"still serving {view.good.version}" if back else f"going back to {view.good.version}"
    reason = Reason.ROLLED_BACK if back else Reason.ROLLING_BACK
    return ("False", reason, f"{bad.version} refused, {where}. {bad.reason}: {_sentence(bad.message)} {hint}")


def _is_stalled(view: View) -> bool:
    if view.plan.reason in STILL:
        return False
    if view.plan.stalled or (view.bad is not None and view.bad.frozen):
        return True
    if view.bad is not None:
        return view.plan.reason in (Reason.SERVING, view.bad.reason) or view.good is None
    return view.plan.reason in NEEDS_A_PERSON


def _available(view: View) -> tuple[str, str, str]:
    if view.active is None:
        return ("False", Reason.NOT_SERVING, "No pod is in the Service's endpoints.")
    return ("True", Reason.SERVING, f"{view.up} pods serve {view.active['version']}.")


def _degraded(view: View, ready: tuple[str, str, str]) -> tuple[str, str, str]:
    if view.bad is not None:
        return ("True", ready[1], ready[2])
    if view.good is not None and view.up < view.wanted:
        return ("True", Reason.NOT_SERVING, f"{view.up} of {view.wanted} pods are serving.")
    if view.trouble is not None:
        return ("True", Reason.SNAPSHOT_FAILED, view.trouble)
    return ("False", Reason.SERVING, "As many pods serve as are wanted.")


def _verified(db: FaceDatabase, view: View, claim: Claim | None) -> tuple[str, str, str]:
    if view.bad is not None and view.bad.revision_key is None:
        return ("False", view.bad.reason, view.bad.message)
    facts = claim.verified if claim else None
    if facts is not None:
        counts = f"{facts.performer_count} performers, {facts.face_count} faces"
        notes = f" Warnings: {'; '.join(facts.warnings)}" if facts.warnings else ""
        if (reason := _unsigned(facts)) is not None:
            whole = f"{db.version} is whole and serves as spec.verification.mode allows, but"
            return ("False", reason, f"{whole}:{notes.removeprefix(' Warnings:')}")
        return ("True", Reason.VERIFIED, f"{db.version} is verified: {counts}, {facts.digest}.{notes}")
    return ("Unknown", view.plan.reason, view.plan.message)


def _unsigned(facts: Verified) -> Reason | None:
    """What a release lacks that was let in without the signature that is asked for."""
    words = {w.partition(":")[0] for w in facts.warnings}
    if ReleaseReason.INVALID_SIGNATURE in words:
        return Reason.UNVERIFIED
    return Reason.UNSIGNED if ReleaseReason.MISSING_SIGNATURE in words else None


def _paused(db: FaceDatabase) -> tuple[str, str, str]:
    if asked(db).paused:
        note = f"The annotation {names.GROUP}/pause is there: nothing is begun and nothing moves."
        return ("True", Reason.PAUSED, note)
    return ("False", Reason.NOT_PAUSED, f"There is no annotation {names.GROUP}/pause.")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
