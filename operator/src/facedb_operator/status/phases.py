"""A status → the one word that says what is going on. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from facedb_operator.names import Condition, Reason


class Phase(StrEnum):
    """What is going on; exactly one at a time."""

    PENDING = "Pending"
    FETCHING = "Fetching"
    ROLLING_OUT = "RollingOut"
    SERVING = "Serving"
    REPAIRING = "Repairing"
    ROLLING_BACK = "RollingBack"
    WAITING = "Waiting"
    STALLED = "Stalled"


_WAITING = frozenset({Reason.SUSPENDED, Reason.HIBERNATED, Reason.PAUSED, Reason.QUEUED})
_BACK = frozenset({Reason.ROLLING_BACK, Reason.ROLLED_BACK})


def phase_of(status: Mapping[str, Any]) -> Phase:
    """The phase of a status; PENDING of one that says nothing yet."""
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    ready = conditions.get(Condition.READY)
    if ready is None:
        return Phase.PENDING
    if (conditions.get(Condition.STALLED) or {}).get("status") == "True":
        return Phase.STALLED
    if ready["reason"] in _WAITING:
        return Phase.WAITING
    if ready["status"] == "True":
        return Phase.SERVING
    if ready["reason"] in _BACK:
        return Phase.ROLLING_BACK
    target = status.get("target")
    if target is not None:
        return Phase.ROLLING_OUT if target.get("progress") else Phase.FETCHING
    return Phase.REPAIRING if status.get("lastGood") else Phase.PENDING
