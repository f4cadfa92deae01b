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


def why_ended(job: Mapping[str, Any]) -> str:
    """Why a Job failed, in its controller's words; empty unless it failed."""
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition.get("status") == "True" and condition["type"] == "Failed":
            return str(condition.get("message") or condition.get("reason") or "")
    return ""
