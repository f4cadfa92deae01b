"""Gauges of each database, set from the status value itself so that they survive a restart."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import Counter, Gauge

_LABELS = ("namespace", "name")
CONDITION = Gauge(
    "facedb_condition", "1 while this condition of a FaceDatabase is True", (*_LABELS, "type", "reason")
)
READY_PODS = Gauge("facedb_ready_pods", "Sidecar pods in the Service's endpoints", _LABELS)
RELEASE = Gauge("facedb_active_release_info", "The release in traffic", (*_LABELS, "version"))
STEPS = Counter("facedb_steps", "Steps carried out", (*_LABELS, "step"))


def record_status(namespace: str, name: str, status: Mapping[str, Any]) -> None:
    """Set every gauge of one database to what its status says."""
    forget(namespace, name)
    for condition in status.get("conditions") or ():
        value = 1 if condition["status"] == "True" else 0
        CONDITION.labels(namespace, name, condition["type"], condition["reason"]).set(value)
    READY_PODS.labels(namespace, name).set(status.get("readyReplicas", 0))
    if active := status.get("active"):
        RELEASE.labels(namespace, name, active["version"]).set(1)


def forget(namespace: str, name: str) -> None:
    """Drop the gauges of a database: labels such as reason and version change over its life."""
    for gauge in (CONDITION, READY_PODS, RELEASE):
        gauge.remove_by_labels({"namespace": namespace, "name": name})
