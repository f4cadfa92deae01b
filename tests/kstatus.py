"""How kstatus reads a resource: the rules of its generic properties, then its rule for Ready. Pure.

Written after https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md; Flux, Argo CD's
health checks and `kubectl wait` build upon the same words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
TYPE = re.compile(
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])"
)
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def kstatus(body: Mapping[str, Any]) -> str:
    """Current, InProgress, Failed or Terminating."""
    meta, status = body["metadata"], body.get("status") or {}
    if meta.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", meta["generation"]) != meta["generation"]:
        return "InProgress"
    # The first that says something counts, in the order of the list.
    for condition in status.get("conditions") or ():
        if condition["type"] == "Reconciling" and condition["status"] == "True":
            return "InProgress"
        if condition["type"] == "Stalled" and condition["status"] == "True":
            return "Failed"
    ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
    return "Current" if ready is None or ready["status"] == "True" else "InProgress"


def faults(condition: Mapping[str, Any]) -> list[str]:
    """What metav1.Condition does not allow in a condition."""
    limits = {"type": 316, "reason": 1024, "message": 32768}
    wrong = [f"{name} is too long" for name, most in limits.items() if len(condition[name]) > most]
    if set(condition) - {"type", "status", "reason", "message", "observedGeneration", "lastTransitionTime"}:
        wrong.append("unknown fields")
    if condition["status"] not in ("True", "False", "Unknown"):
        wrong.append(f"status {condition['status']!r}")
    if not TYPE.fullmatch(condition["type"]):
        wrong.append(f"type {condition['type']!r}")
    if not REASON.fullmatch(condition["reason"]):
        wrong.append(f"reason {condition['reason']!r}")
    if condition.get("observedGeneration", 0) < 0:
        wrong.append("a negative generation")
    if not TIME.fullmatch(condition["lastTransitionTime"]):
        wrong.append(f"time {condition['lastTransitionTime']!r}")
    else:
        datetime.fromisoformat(condition["lastTransitionTime"])
    return wrong
