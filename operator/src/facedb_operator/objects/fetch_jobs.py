"""Jobs that fill a claim. Pure: builders that call nothing. Their pods carry no API credentials."""

from typing import Final

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import (
    MODELS_DIR,
    RELEASE_DIR,
    Manifest,
    claim_volume,
    locked_down,
    metadata,
    mount,
    pod_base,
    scratch,
)
from facedb_operator.spec import FaceDatabase, GitHubSource, Source

# A day to read the log of a finished Job; its verdict is on the claim or in status by then.
JOB_TTL_S: Final = 24 * 3600
# A Job that neither ends nor fails in this time is killed and tried again; it resumes.
JOB_DEADLINE_S: Final = 6 * 3600


def fetch_job(db: FaceDatabase, component: Component, attempt: int) -> Manifest:
    """The Job that fills a claim. It tries once: the operator decides about another attempt.

    The release's Job mounts the models too, and every Job names the users' state without mounting it: where a
    volume's node is decided by its first pod, all must land where one pod can reach them.
    """
    is_release = component is Component.RELEASE
    key = db.fetch_key if is_release else db.models_fetch_key
    labels = {names.KEY_LABEL: key}
    meta = metadata(db, names.fetch_job(db.name, key, attempt), component, labels)
    meta["annotations"] = {
        names.ATTEMPT_ANNOTATION: str(attempt),
        names.CLAIM_ANNOTATION: db.claim_name if is_release else db.models_claim_name,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": JOB_DEADLINE_S,
            "ttlSecondsAfterFinished": JOB_TTL_S,
            "template": {
                "metadata": {"labels": names.labels_for(db.name, component, **labels)},
                "spec": _fetch_pod(db, is_release=is_release),
            },
        },
    }


def _fetch_pod(db: FaceDatabase, *, is_release: bool) -> Manifest:
    mounts = [mount("models", MODELS_DIR, read_only=is_release)]
    volumes = [
        claim_volume("models", db.models_claim_name, read_only=False),
        claim_volume("state", db.state_claim_name, read_only=False),
        scratch(),
    ]
    if is_release:
        mounts.insert(0, mount("release", RELEASE_DIR, read_only=False))
        volumes.insert(0, claim_volume("release", db.claim_name, read_only=False))
    container = {
        "name": "fetch",
        "image": db.sidecar.image,
        "command": ["facedb", *(release_args(db) if is_release else models_args(db))],
        "env": _fetch_env(db.source if is_release else db.models.source),
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}},
        "terminationMessagePolicy": "File",
        "securityContext": locked_down(),
        "volumeMounts": [*mounts, mount("tmp", "/tmp", read_only=False)],  # noqa: S108 (an emptyDir)
    }
    return {**pod_base(db), "restartPolicy": "Never", "containers": [container], "volumes": volumes}


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
