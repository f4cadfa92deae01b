"""How a Job and its pod came to their end, in the cluster's own words. Pure."""

from collections.abc import Mapping
from typing import Any


def death(pod: Mapping[str, Any]) -> str:
    """Why a pod failed: evicted and for what, or how its container ended; empty unless it failed."""
    status = pod.get("status") or {}
    if status.get("phase") != "Failed":
        return ""
    # Set where the node, and not the container, ended the pod: Evicted, NodeShutdown, …
    if status.get("reason"):
        return f"{status['reason']}: {status.get('message', '')}".removesuffix(": ")
    for container in status.get("containerStatuses") or ():
        ended = (container.get("state") or {}).get("terminated")
        if ended:
            return f"{ended.get('reason', 'Error')}, exit code {ended.get('exitCode')}"
    return ""


def taken(pod: Mapping[str, Any]) -> bool:
    """Whether a pod was ended by others than its own container: deleted, evicted, or lost with its node."""
    status = pod.get("status") or {}
    ends = ((c.get("state") or {}).get("terminated") or {} for c in status.get("containerStatuses") or ())
    told = [c["type"] for c in status.get("conditions") or () if c.get("status") == "True"]
    # Set where the API, the scheduler, a taint or the kubelet ends a pod.
    # https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
    disrupted = "DisruptionTarget" in told or bool(status.get("reason"))
    unknown = any(end.get("reason") == "ContainerStatusUnknown" for end in ends)
    return disrupted or unknown or bool(pod["metadata"].get("deletionTimestamp"))


def lost_pod(job: Mapping[str, Any]) -> str:
    """What to say of a failed Job whose pod is gone; empty where the Job took too long, which is its end."""
    found = _failure(job)
    return "its pod was killed or evicted" if found and found.get("reason") != "DeadlineExceeded" else ""


def why_ended(job: Mapping[str, Any]) -> str:
    """Why a Job failed, in its controller's words; empty unless it failed."""
    found = _failure(job)
    return str(found.get("message") or found.get("reason") or "")


def _failure(job: Mapping[str, Any]) -> Mapping[str, Any]:
    found: list[Mapping[str, Any]] = list((job.get("status") or {}).get("conditions") or ())
    return next((c for c in found if c.get("status") == "True" and c["type"] == "Failed"), {})
