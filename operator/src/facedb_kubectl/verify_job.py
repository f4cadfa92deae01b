"""A serving pod → the Job that verifies the release on its volume. Pure.

The Job reads what the pod reads: it mounts the same claim, read-only, on the same node (a ReadWriteOnce
volume is of one node), with the same image, under the same user. It carries no token, asks for no GPU, and
goes with its database. Its labels are not the operator's: nobody takes its pod for one that serves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from facedb_kubectl.errors import Refused
from facedb_kubectl.fields import Raw, part, parts, text
from facedb_kubectl.tokens import FIELD_MANAGER
from facedb_operator import names

RELEASE = "release"
MOUNT = "/release"
# The Job is deleted as soon as its log is read; this is for who was killed before that.
TTL_S = 600
COMPONENT = "verify"


@dataclass(frozen=True)
class Place:
    """Where the serving release lies.

    Attributes:
        claim: of its volume.
        pod: one that serves it, whose placement the Job takes over.
    """

    claim: str
    version: str
    pod: Raw


def place_of(name: str, version: str | None, pods: Sequence[Raw]) -> Place:
    """Where the release in traffic lies: on the volume of a pod that serves it.

    Args:
        name: of the database.
        version: the one in traffic.
        pods: the database's serving pods.

    Raises:
        Refused: no pod runs with a volume of this release.
    """
    running = [
        p for p in pods if text(p, "spec", "nodeName") and not text(p, "metadata", "deletionTimestamp")
    ]
    serving = [p for p in running if text(p, "metadata", "labels", names.VERSION_LABEL) == version]
    for pod in serving:
        claim = _claim(pod)
        if claim is not None:
            return Place(claim, version or "", pod)
    raise Refused(f"No pod of {name} serves a release whose volume could be verified.")


def _claim(pod: Raw) -> str | None:
    """The claim of the pod's release volume; its own one where each pod has one."""
    volume: Raw = next((v for v in parts(pod, "spec", "volumes") if text(v, "name") == RELEASE), {})
    if part(volume, "ephemeral"):
        return f"{text(pod, 'metadata', 'name')}-{RELEASE}"
    return text(volume, "persistentVolumeClaim", "claimName")


def verify_job(body: Raw, place: Place, mark: str, deadline_s: int) -> dict[str, Any]:
    """The Job. It tries once, and is killed after the deadline."""
    name, uid = text(body, "metadata", "name") or "", text(body, "metadata", "uid")
    labels = {
        "app.kubernetes.io/name": "facedb",
        "app.kubernetes.io/instance": name,
        names.COMPONENT_LABEL: COMPONENT,
        names.MANAGED_BY_LABEL: FIELD_MANAGER,
    }
    owner = {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": name, "uid": uid}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{name}-verify-{mark}", "labels": labels, "ownerReferences": [owner]},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": deadline_s,
            "ttlSecondsAfterFinished": TTL_S,
            "template": {"metadata": {"labels": labels}, "spec": _pod(body, place)},
        },
    }


def _pod(body: Raw, place: Place) -> dict[str, Any]:
    spec = part(place.pod, "spec")
    node = {"key": "metadata.name", "operator": "In", "values": [spec.get("nodeName")]}
    there = {"nodeSelectorTerms": [{"matchFields": [node]}]}
    taken = ("imagePullSecrets", "tolerations", "securityContext")
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 5,
        **{key: spec[key] for key in taken if spec.get(key)},
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": there}},
        "containers": [_container(body, spec)],
        "volumes": [
            {"name": RELEASE, "persistentVolumeClaim": {"claimName": place.claim, "readOnly": True}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
    }


def _container(body: Raw, spec: Raw) -> dict[str, Any]:
    sidecar: Raw = next((c for c in parts(spec, "containers") if text(c, "name") == "sidecar"), {})
    keys = [word for key in _public_keys(body) for word in ("--public-key", key)]
    return {
        "name": COMPONENT,
        "image": text(sidecar, "image"),
        "command": ["facedb", "verify", MOUNT, "--all", "--json", *keys],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 (an emptyDir of the pod)
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "2Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": RELEASE, "mountPath": MOUNT, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (an emptyDir of the pod)
        ],
    }


def _public_keys(body: Raw) -> list[str]:
    keys = part(body, "spec", "verification", "signature").get("publicKeys")
    return [key for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
