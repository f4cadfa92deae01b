"""A Job that tries once, and its container. Pure. Its pod carries no credentials of the API server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import Manifest, locked_down, metadata, mount, pod_base, scratch
from facedb_operator.spec import FaceDatabase

# A day to read the log of a finished Job; its verdict is on the claim or in status by then.
JOB_TTL_S: Final = 24 * 3600


@dataclass(frozen=True)
class Work:
    """What a Job does.

    Attributes:
        key: stands for it; a label by which the operator knows what the Job's answer is worth.
        notes: annotations.
        command: of the container, which leaves its answer as termination message.
        deadline_s: after which the Job is killed.
        image: None for the sidecar's.
    """

    name: str
    component: Component
    key: str
    notes: Mapping[str, str]
    command: tuple[str, ...]
    env: tuple[Manifest, ...]
    mounts: tuple[Manifest, ...]
    volumes: tuple[Manifest, ...]
    deadline_s: int
    memory: str
    image: str | None = None


def job(db: FaceDatabase, work: Work) -> Manifest:
    """The Job. It tries once: the operator decides about another attempt."""
    labels = {names.KEY_LABEL: work.key}
    meta = metadata(db, work.name, work.component, labels)
    meta["annotations"] = dict(work.notes)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": work.deadline_s,
            "ttlSecondsAfterFinished": JOB_TTL_S,
            "template": {
                "metadata": {"labels": names.labels_for(db.name, work.component, **labels)},
                "spec": _pod(db, work),
            },
        },
    }


def _pod(db: FaceDatabase, work: Work) -> Manifest:
    container = {
        "name": work.component.value,
        "image": work.image or db.sidecar.image,
        "command": list(work.command),
        "env": [
            {"name": "FACEDB_TERMINATION_MESSAGE", "value": "/dev/termination-log"},
            {"name": "HOME", "value": "/tmp"},  # noqa: S108 (an emptyDir of the pod)
            *work.env,
        ],
        "resources": {
            "requests": {"cpu": "100m", "memory": "128Mi"},
            "limits": {"memory": work.memory},
        },
        "terminationMessagePolicy": "File",
        "securityContext": locked_down(),
        "volumeMounts": [*work.mounts, mount("tmp", "/tmp", read_only=False)],  # noqa: S108 (an emptyDir)
    }
    volumes = [*work.volumes, scratch()]
    return {**pod_base(db), "restartPolicy": "Never", "containers": [container], "volumes": volumes}
