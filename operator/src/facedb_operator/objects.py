"""Whole Kubernetes objects from (database, names, version). Pure builders: they call nothing.

Pods meet the "restricted" Pod Security Standard, carry no API credentials and have a read-only root file
system. https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Mapping
from typing import Any, Final

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.spec import Device, FaceDatabase, GitHubSource, Source
from facedb_operator.steps import CreateWorkload

USER_ID: Final = 65532
RELEASE_DIR: Final = "/release"
MODELS_DIR: Final = "/models"
# A day to read the log of a finished Job; its verdict is on the claim or in status by then.
JOB_TTL_S: Final = 24 * 3600
# A Job that neither ends nor fails in this time is killed and tried again; it resumes.
JOB_DEADLINE_S: Final = 6 * 3600

Manifest = dict[str, Any]


def service(db: FaceDatabase) -> Manifest:
    """The Service of a database: pods of all its revisions; the readiness gate decides which."""
    settings = db.sidecar.service
    port: Manifest = {"name": "http", "port": settings.get("port", 5000), "targetPort": "http"}
    if node_port := settings.get("nodePort"):
        port["nodePort"] = node_port
    metadata = _metadata(db, db.name, Component.SIDECAR, {names.KEY_LABEL: db.service_key})
    metadata["annotations"] = dict(settings.get("annotations") or {})
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "type": settings.get("type", "ClusterIP"),
            "selector": _selector(db),
            "ports": [port],
        },
    }


def claim(db: FaceDatabase, component: Component) -> Manifest:
    """The claim for the desired release or for the models."""
    is_release = component is Component.RELEASE
    name = db.claim_name if is_release else db.models_claim_name
    labels = {names.KEY_LABEL: db.release_key if is_release else db.models_key}
    if is_release:
        labels[names.VERSION_LABEL] = db.version
    size = db.storage.size if is_release else db.storage.models_size
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    if db.storage.class_name is not None:
        spec["storageClassName"] = db.storage.class_name
    metadata = _metadata(db, name, component, labels)
    metadata["annotations"] = {names.SIZE_ANNOTATION: size}
    if db.retain:
        del metadata["ownerReferences"]
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def fetch_job(db: FaceDatabase, component: Component, attempt: int) -> Manifest:
    """The Job that fills a claim. It tries once: the operator decides about another attempt.

    The release's Job mounts the models too: where the volume's node is decided by its first pod, both
    must land where one pod can reach them.
    """
    is_release = component is Component.RELEASE
    key = db.fetch_key if is_release else db.models_fetch_key
    labels = {names.KEY_LABEL: key}
    metadata = _metadata(db, names.fetch_job(db.name, key, attempt), component, labels)
    metadata["annotations"] = {
        names.ATTEMPT_ANNOTATION: str(attempt),
        names.CLAIM_ANNOTATION: db.claim_name if is_release else db.models_claim_name,
    }
    mounts = [_mount("models", MODELS_DIR, read_only=is_release)]
    volumes = [_claim_volume("models", db.models_claim_name, read_only=False), _scratch()]
    if is_release:
        mounts.insert(0, _mount("release", RELEASE_DIR, read_only=False))
        volumes.insert(0, _claim_volume("release", db.claim_name, read_only=False))
    container = {
        "name": "fetch",
        "image": db.sidecar.image,
        "command": ["facedb", *(release_args(db) if is_release else models_args(db))],
        "env": _fetch_env(db.source if is_release else db.models.source),
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}},
        "terminationMessagePolicy": "File",
        "securityContext": _locked_down(),
        "volumeMounts": [*mounts, _mount("tmp", "/tmp", read_only=False)],  # noqa: S108 (an emptyDir)
    }
    pod = {**_pod_base(db), "restartPolicy": "Never", "containers": [container], "volumes": volumes}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": JOB_DEADLINE_S,
            "ttlSecondsAfterFinished": JOB_TTL_S,
            "template": {
                "metadata": {"labels": names.labels_for(db.name, component, **labels)},
                "spec": pod,
            },
        },
    }


def release_args(db: FaceDatabase) -> list[str]:
    """Arguments of ``facedb`` that fetch the desired release."""
    args = ["fetch", "--into", RELEASE_DIR, "--version", db.version]
    if db.digest:
        args += ["--digest", db.digest]
    return args + _source_args(db.source)


def models_args(db: FaceDatabase) -> list[str]:
    """Arguments of ``facedb`` that fetch the models."""
    args = ["fetch-models", "--into", MODELS_DIR]
    for file in db.models.files:
        args += ["--file", f"{file.name}:{file.size}:{file.sha256}"]
    return args + _source_args(db.models.source)


def deployment(db: FaceDatabase, step: CreateWorkload) -> Manifest:
    """The Deployment of one revision. Its pods take traffic only through the readiness gate."""
    revision = db.revision_of(step.release_key)
    extra = {
        names.KEY_LABEL: revision,
        names.RELEASE_LABEL: step.release_key,
        names.VERSION_LABEL: step.version,
    }
    metadata = _metadata(db, names.workload(db.name, step.version, revision), Component.SIDECAR, extra)
    metadata["annotations"] = {
        names.CLAIM_ANNOTATION: step.claim,
        names.MODELS_CLAIM_ANNOTATION: db.models_claim_name,
        **({names.DIGEST_ANNOTATION: step.digest} if step.digest else {}),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": step.replicas,
            # The operator rolls from revision to revision; within one, a pod is only ever replaced.
            "strategy": {"type": "Recreate"},
            "revisionHistoryLimit": 0,
            # The operator has its own deadline; this one only must not be in its way.
            "progressDeadlineSeconds": 24 * 3600,
            "selector": {"matchLabels": {**_selector(db), names.KEY_LABEL: revision}},
            "template": {
                "metadata": {"labels": names.labels_for(db.name, Component.SIDECAR, **extra)},
                "spec": _sidecar_pod(db, step),
            },
        },
    }


def _sidecar_pod(db: FaceDatabase, step: CreateWorkload) -> Manifest:
    drain_s = int(db.rollout.drain.total_seconds())
    pod: Manifest = {
        **_pod_base(db),
        "readinessGates": [{"conditionType": names.SERVING_GATE}],
        "terminationGracePeriodSeconds": drain_s + 30,
        "containers": [_sidecar_container(db, drain_s)],
        "volumes": [
            _claim_volume("release", step.claim, read_only=True),
            _claim_volume("models", db.models_claim_name, read_only=True),
            _scratch(),
        ],
    }
    if db.sidecar.runtime_class:
        pod["runtimeClassName"] = db.sidecar.runtime_class
    return pod


def _sidecar_container(db: FaceDatabase, drain_s: int) -> Manifest:
    return {
        "name": "sidecar",
        "image": db.sidecar.image,
        "ports": [{"name": "http", "containerPort": names.SIDECAR_PORT}],
        "env": [
            {"name": "FACEDB_RELEASE_DIR", "value": RELEASE_DIR},
            {"name": "FACEDB_MODELS_DIR", "value": MODELS_DIR},
            {"name": "FACEDB_DEVICE", "value": db.sidecar.device.value},
            *(dict(e) for e in db.sidecar.env),
        ],
        "resources": _resources(db),
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": "http"},
            "periodSeconds": 2,
            "timeoutSeconds": 2,
            "failureThreshold": 3,
        },
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
            "initialDelaySeconds": 10,
        },
        # Deleted pods (a node drain, say) leave as gently as replaced ones.
        "lifecycle": {
            "preStop": {
                "exec": {"command": ["python", "-m", "facedb_sidecar.drain", "--seconds", str(drain_s)]}
            }
        },
        "securityContext": _locked_down(),
        "volumeMounts": [
            _mount("release", RELEASE_DIR, read_only=True),
            _mount("models", MODELS_DIR, read_only=True),
            _mount("tmp", "/tmp", read_only=False),  # noqa: S108 (an emptyDir of the pod)
        ],
    }


def _resources(db: FaceDatabase) -> Manifest:
    """The user's resources; a GPU sidecar that names no GPU gets one."""
    resources = {k: dict(v) for k, v in db.sidecar.resources.items() if isinstance(v, Mapping)}
    limits = resources.setdefault("limits", {})
    if db.sidecar.device is Device.GPU and not any("gpu" in name for name in limits):
        limits["nvidia.com/gpu"] = "1"
    return resources


def _pod_base(db: FaceDatabase) -> Manifest:
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


def _source_args(source: Source) -> list[str]:
    if isinstance(source, GitHubSource):
        options = {
            "--github": source.repository,
            "--api-url": source.api_url,
            "--asset-pattern": source.asset_pattern,
            "--tag": source.tag,
        }
        return [word for option, value in options.items() if value for word in (option, value)]
    return [word for url in source.urls for word in ("--http", url)]


def _fetch_env(source: Source) -> list[Manifest]:
    # Indices are opened in a child process that numpy would otherwise fill with threads.
    env: list[Manifest] = [
        {"name": "FACEDB_TERMINATION_MESSAGE", "value": "/dev/termination-log"},
        {"name": "HOME", "value": "/tmp"},  # noqa: S108 (an emptyDir of the pod)
    ]
    token = source.token if isinstance(source, GitHubSource) else None
    if token is not None:
        ref = {"secretKeyRef": {"name": token.name, "key": token.key}}
        env.append({"name": "FACEDB_TOKEN", "valueFrom": ref})
    return env


def _metadata(db: FaceDatabase, name: str, component: Component, extra: Mapping[str, str]) -> Manifest:
    return {
        "name": name,
        "namespace": db.namespace,
        "labels": names.labels_for(db.name, component, **extra),
        "ownerReferences": [dict(names.owner_reference(db.name, db.uid))],
    }


def _selector(db: FaceDatabase) -> dict[str, str]:
    return {names.DATABASE_LABEL: db.name, names.COMPONENT_LABEL: Component.SIDECAR.value}


def _locked_down() -> Manifest:
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _mount(name: str, path: str, *, read_only: bool) -> Manifest:
    return {"name": name, "mountPath": path, "readOnly": read_only}


def _claim_volume(name: str, claim_name: str, *, read_only: bool) -> Manifest:
    return {"name": name, "persistentVolumeClaim": {"claimName": claim_name, "readOnly": read_only}}


def _scratch() -> Manifest:
    return {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}
