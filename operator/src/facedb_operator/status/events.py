"""Old and new status → the Events that a user should read in ``kubectl describe``. Pure."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from facedb_operator import names
from facedb_operator.names import Condition
from facedb_operator.spec import FaceDatabase
from facedb_operator.status.times import stamp

MESSAGE_LIMIT = 1024
_WATCHED = (Condition.READY, Condition.VERIFIED, Condition.DEGRADED)
_GOOD_NEWS = {Condition.READY: "True", Condition.VERIFIED: "True", Condition.DEGRADED: "False"}

Json = dict[str, Any]


def events_of(
    db: FaceDatabase, old: Mapping[str, Any], new: Mapping[str, Any], now: datetime
) -> tuple[Json, ...]:
    """One Event for each watched condition whose status or reason changed, news only."""
    before = _by_type(old)
    after = _by_type(new)
    changed = [
        after[kind]
        for kind in _WATCHED
        if kind in after and _word(before.get(kind)) != _word(after[kind]) and _is_news(before, after[kind])
    ]
    unique = {(c["reason"], c["message"]): c for c in changed}
    return tuple(_event(db, condition, now) for condition in unique.values())


def _by_type(status: Mapping[str, Any]) -> dict[str, Json]:
    return {c["type"]: c for c in status.get("conditions") or ()}


def _word(condition: Mapping[str, Any] | None) -> tuple[str, str] | None:
    return (condition["status"], condition["reason"]) if condition else None


def _is_news(before: Mapping[str, Json], condition: Json) -> bool:
    """Unknown says nothing yet; "not degraded" is news only to who was degraded."""
    if condition["status"] == "Unknown":
        return False
    was = before.get(condition["type"])
    calm = condition["type"] == Condition.DEGRADED and condition["status"] == "False"
    return not calm or (was is not None and was["status"] == "True")


def _event(db: FaceDatabase, condition: Json, now: datetime) -> Json:
    kind = Condition(condition["type"])
    # Not ready yet is normal while work goes on; a refusal or a stall is a warning.
    normal = condition["status"] == _GOOD_NEWS[kind] or (
        kind is Condition.READY and condition["reason"] in ("Fetching", "RollingOut", "Suspended")
    )
    note = hashlib.sha256(f"{condition['reason']}{condition['message']}{now}".encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{db.name}.{note}", "namespace": db.namespace},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": names.KIND,
            "name": db.name,
            "namespace": db.namespace,
            "uid": db.uid,
        },
        "type": "Normal" if normal else "Warning",
        "reason": condition["reason"],
        "message": condition["message"][:MESSAGE_LIMIT],
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "firstTimestamp": stamp(now),
        "lastTimestamp": stamp(now),
        "count": 1,
    }
