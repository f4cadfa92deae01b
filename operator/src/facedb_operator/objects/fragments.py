"""Parts that several of our objects have in common. Pure: builders that call nothing.

Pods meet the "restricted" Pod Security Standard and have a read-only root file system.
https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Mapping
from typing import Any, Final

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.spec import FaceDatabase

USER_ID: Final = 65532
RELEASE_DIR: Final = "/release"
MODELS_DIR: Final = "/models"
STATE_DIR: Final = "/state"

Manifest = dict[str, Any]


def metadata(db: FaceDatabase, name: str, component: Component, extra: Mapping[str, str]) -> Manifest:
    """Name, namespace, our labels, and the owner with which the object goes."""
    return {
        "name": name,
        "namespace": db.namespace,
        "labels": names.labels_for(db.name, component, **extra),
        "ownerReferences": [dict(names.owner_reference(db.name, db.uid))],
    }


def selector(db: FaceDatabase) -> dict[str, str]:
    """Labels that find the serving pods of all revisions."""
    return {names.DATABASE_LABEL: db.name, names.COMPONENT_LABEL: Component.SIDECAR.value}


def pod_base(db: FaceDatabase) -> Manifest:
    """What every pod of a database has: no API credentials, no root, the sidecar's placement."""
    base: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER_ID,
            "runAsGroup": USER_ID,
            "fsGroup": USER_ID,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **db.sidecar.placement,
    }
    if db.sidecar.pull_secrets:
        base["imagePullSecrets"] = [{"name": name} for name in db.sidecar.pull_secrets]
    return base


def locked_down() -> Manifest:
    """A container's security context."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def mount(name: str, path: str, *, read_only: bool) -> Manifest:
    """A volume in a container."""
    return {"name": name, "mountPath": path, "readOnly": read_only}


def claim_volume(name: str, claim_name: str, *, read_only: bool) -> Manifest:
    """A claim as a pod's volume."""
    return {"name": name, "persistentVolumeClaim": {"claimName": claim_name, "readOnly": read_only}}


def scratch() -> Manifest:
    """The only place that a container may write to besides its volumes: /tmp."""
    return {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}


def snapshot_source(name: str) -> Manifest:
    """The ``dataSource`` of a claim that begins as a snapshot."""
    return {"apiGroup": names.SNAPSHOT_GROUP, "kind": "VolumeSnapshot", "name": name}
