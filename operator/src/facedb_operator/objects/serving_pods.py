"""The Deployment of one revision and the pod in it. Pure: a builder that calls nothing.

Only this pod carries a token for the API server, and only where ``spec.sidecar.updates`` lets it look at its
own FaceDatabase; what the token may do is in ``access``.
"""

from collections.abc import Mapping
from typing import Final

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import (
    MODELS_DIR,
    RELEASE_DIR,
    STATE_DIR,
    Manifest,
    claim_volume,
    locked_down,
    metadata,
    mount,
    pod_base,
    scratch,
    selector,
    snapshot_source,
)
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.fields import ObjectKey
from facedb_operator.spec.sidecar import Device
from facedb_operator.spec.sizes import claim_size
from facedb_operator.steps import CreateWorkload

# Where every client library looks for it.
# https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
TOKEN_DIR: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a folder)
# The kubelet renews a token at four fifths of its life.
TOKEN_S: Final = 3600
# After SIGTERM: the server's own --timeout-graceful-shutdown, and a little.
LAST_REQUESTS_S: Final = 30


def deployment(db: FaceDatabase, step: CreateWorkload) -> Manifest:
    """The Deployment of one revision. Its pods take traffic only through the readiness gate."""
    db = db.running(step.image, step.models)
    revision = db.revision_of(step.release_key)
    extra = {
        names.KEY_LABEL: revision,
        names.RELEASE_LABEL: step.release_key,
        names.VERSION_LABEL: step.version,
    }
    meta = metadata(db, names.workload(db.name, step.version, revision), Component.SIDECAR, extra)
    meta["annotations"] = {
        **(
            {names.SNAPSHOT_ANNOTATION: step.snapshot.name}
            if step.snapshot
            else {names.CLAIM_ANNOTATION: step.claim}
        ),
        names.MODELS_CLAIM_ANNOTATION: db.models_claim_name,
        **({names.DIGEST_ANNOTATION: step.digest} if step.digest else {}),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            "replicas": step.replicas,
            # The operator rolls from revision to revision; within one, a pod is only ever replaced.
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 0,
            # The operator has its own deadline; this one only must not be in its way.
            "progressDeadlineSeconds": 24 * 3600,
            "selector": {"matchLabels": {**selector(db), names.KEY_LABEL: revision}},
            "template": {
                "metadata": {"labels": names.labels_for(db.name, Component.SIDECAR, **extra)},
                "spec": _pod(db, step),
            },
        },
    }


def _pod(db: FaceDatabase, step: CreateWorkload) -> Manifest:
    drain_s = int(db.rollout.drain.total_seconds())
    pod: Manifest = {
        **pod_base(db),
        **({"readinessGates": [{"conditionType": names.SERVING_GATE}]} if db.rollout.gated else {}),
        "terminationGracePeriodSeconds": drain_s + LAST_REQUESTS_S,
        "containers": [_container(db, drain_s)],
        "volumes": [
            _release(db, step),
            claim_volume("models", db.models_claim_name, read_only=True),
            # Both pods of a roll mount it; ReadWriteOnce means one node, not one pod.
            claim_volume("state", db.state_claim_name, read_only=False),
            scratch(),
        ],
    }
    if db.sidecar.updates:
        pod["serviceAccountName"] = names.sidecar_account(db.name)
        pod["volumes"].append(_token())
    if db.sidecar.runtime_class:
        pod["runtimeClassName"] = db.sidecar.runtime_class
    return pod


def _release(db: FaceDatabase, step: CreateWorkload) -> Manifest:
    """The release's volume: the claim that all pods share, or the pod's own, made from the snapshot.

    A pod's own claim carries no labels of ours: it comes and goes with its pod, and is nobody's to keep.
    """
    if step.snapshot is None:
        return claim_volume("release", step.claim, read_only=True)
    size = step.snapshot.restore_size or claim_size(db)
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
        "dataSource": snapshot_source(step.snapshot.name),
    }
    if db.storage.class_name is not None:
        spec["storageClassName"] = db.storage.class_name
    return {"name": "release", "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}


def _container(db: FaceDatabase, drain_s: int) -> Manifest:
    mounts = [
        mount("release", RELEASE_DIR, read_only=True),
        mount("models", MODELS_DIR, read_only=True),
        mount("state", STATE_DIR, read_only=False),
        mount("tmp", "/tmp", read_only=False),  # noqa: S108 (an emptyDir of the pod)
    ]
    if db.sidecar.updates:
        mounts.append(mount("token", TOKEN_DIR, read_only=True))
    return {
        "name": "sidecar",
        "image": db.sidecar.image,
        "ports": [{"name": "http", "containerPort": names.SIDECAR_PORT}],
        "env": environment(db),
        "resources": _resources(db),
        **_probes(),
        # Deleted pods (a node drain, say) leave as gently as replaced ones.
        "lifecycle": {
            "preStop": {
                "exec": {"command": ["python", "-m", "facedb_sidecar.drain", "--seconds", str(drain_s)]}
            }
        },
        "securityContext": locked_down(),
        "volumeMounts": mounts,
    }


def _probes() -> Manifest:
    return {
        # A start on a busy node may take minutes; until it answers, nothing else judges it.
        "startupProbe": {
            "httpGet": {"path": "/health", "port": "http"},
            "periodSeconds": 1,
            "timeoutSeconds": 5,
            "failureThreshold": 300,
        },
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": "http"},
            "periodSeconds": 2,
            # Slow is better than nobody: where there is one pod, its clients would be refused. One that says
            # no is out after 6 s; one whose node is starved stays in for 30.
            "timeoutSeconds": 10,
            "failureThreshold": 3,
        },
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 10,
            "failureThreshold": 6,
        },
    }


def environment(db: FaceDatabase) -> list[Manifest]:
    """The container's variables; one that ``spec.sidecar.env`` names too is the user's."""
    sidecar = db.sidecar
    ours: list[Manifest] = [
        {"name": "FACEDB_RELEASE_DIR", "value": RELEASE_DIR},
        {"name": "FACEDB_MODELS_DIR", "value": MODELS_DIR},
        {"name": "FACEDB_STATE_DIR", "value": STATE_DIR},
        {"name": "FACEDB_DEVICE", "value": sidecar.device.value},
        {"name": "FACEDB_UPDATES", "value": "cluster" if sidecar.updates else "off"},
    ]
    if sidecar.updates:
        ours.append({"name": "FACEDB_DATABASE", "value": f"{db.namespace}/{db.name}"})
    if sidecar.api_key is not None:
        ours.append(_secret("FACEDB_API_KEY", sidecar.api_key))
    if sidecar.stash is not None:
        ours.append({"name": "STASH_URL", "value": sidecar.stash.url})
        if sidecar.stash.api_key is not None:
            ours.append(_secret("STASH_API_KEY", sidecar.stash.api_key))
    theirs = {e["name"] for e in sidecar.env}
    # Two entries of one name would be refused by the API server.
    return [*(e for e in ours if e["name"] not in theirs), *(dict(e) for e in sidecar.env)]


def _secret(variable: str, key: ObjectKey) -> Manifest:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": key.name, "key": key.key}}}


def _token() -> Manifest:
    """A token of the sidecar's own account that ends by itself, and what verifies the API server."""
    name = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    sources: list[Manifest] = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_S}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [name]}},
    ]
    return {"name": "token", "projected": {"sources": sources}}


def _resources(db: FaceDatabase) -> Manifest:
    """The user's resources; a GPU sidecar that names no GPU gets one."""
    resources = {k: dict(v) for k, v in db.sidecar.resources.items() if isinstance(v, Mapping)}
    limits = resources.setdefault("limits", {})
    if db.sidecar.device is Device.GPU and not any(_is_gpu(name) for name in limits):
        limits["nvidia.com/gpu"] = "1"
    return resources


def _is_gpu(resource: str) -> bool:
    """Whether a resource is a GPU, or a part of one such as nvidia.com/mig-1g.10gb."""
    return "gpu" in resource or resource.startswith("nvidia.com/")
