"""Every name that other people see: labels, annotations, condition types, reasons, object names.

Pure. Names of objects are functions of the resource's uid and of what they hold, so that a second
try at creating one finds the first.
"""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

GROUP: Final = "facedb.dev"
VERSION: Final = "v1alpha1"
PLURAL: Final = "facedatabases"
KIND: Final = "FaceDatabase"
API_VERSION: Final = f"{GROUP}/{VERSION}"

FIELD_MANAGER: Final = "facedb-operator"
MANAGED_BY: Final = "facedb-operator"

DATABASE_LABEL: Final = f"{GROUP}/database"
KEY_LABEL: Final = f"{GROUP}/key"
RELEASE_LABEL: Final = f"{GROUP}/release"
VERSION_LABEL: Final = f"{GROUP}/version"
COMPONENT_LABEL: Final = "app.kubernetes.io/component"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"

RETRY_ANNOTATION: Final = f"{GROUP}/retry"
# The only thing that a sidecar's account may write; see objects/access.py.
APPROVE_ANNOTATION: Final = f"{GROUP}/approve"
RECEIPT_ANNOTATION: Final = f"{GROUP}/receipt"
# As the spec wrote it: the API server writes 1024Mi back as 1Gi.
SIZE_ANNOTATION: Final = f"{GROUP}/size"
CLASS_ANNOTATION: Final = f"{GROUP}/storage-class"
ATTEMPT_ANNOTATION: Final = f"{GROUP}/attempt"
DIGEST_ANNOTATION: Final = f"{GROUP}/digest"
CLAIM_ANNOTATION: Final = f"{GROUP}/claim"
MODELS_CLAIM_ANNOTATION: Final = f"{GROUP}/models-claim"

# A volume may have no owner, and bears the label by which Argo CD may be told to know what is its own: an
# Application of the database's name would prune the users' state.
SPARED_BY_ARGOCD: Final = {
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    "argocd.argoproj.io/sync-options": "Prune=false",
}

SNAPSHOT_ANNOTATION: Final = f"{GROUP}/restored-from"
CHECK_ANNOTATION: Final = f"{GROUP}/check"
SNAPSHOT_GROUP: Final = "snapshot.storage.k8s.io"

# Which edition of the budget and the policies stands: another one is applied over it.
PROTECTION_KEY: Final = "1"
# Which edition of the sidecar's access stands: another one is applied over it.
ACCESS_KEY: Final = "1"

SERVING_GATE: Final = f"{GROUP}/serving"
SIDECAR_PORT: Final = 5000


class Component(StrEnum):
    """What an object of ours is for: the value of ``app.kubernetes.io/component``."""

    RELEASE = "release"
    MODELS = "models"
    STATE = "state"
    SIDECAR = "sidecar"
    LOOKUP = "lookup"
    CHECK = "check"


class Condition(StrEnum):
    """Condition types of a FaceDatabase. Reconciling and Stalled are kstatus' own words."""

    READY = "Ready"
    AVAILABLE = "Available"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"
    VERIFIED = "Verified"
    UPDATE_AVAILABLE = "UpdateAvailable"
    PAUSED = "Paused"


class Reason(StrEnum):
    """Reasons of the operator's own making; a refused release brings the fetch Job's reason word."""

    SERVING = "Serving"
    SUSPENDED = "Suspended"
    HIBERNATED = "Hibernated"
    INVALID_SPEC = "InvalidSpec"
    STEP_FAILED = "StepFailed"
    FETCHING = "Fetching"
    FETCH_DIED = "FetchDied"
    FETCH_STUCK = "FetchStuck"
    ROLLING_OUT = "RollingOut"
    ROLLING_BACK = "RollingBack"
    ROLLED_BACK = "RolledBack"
    REPAIRING = "Repairing"
    PROGRESS_DEADLINE = "ProgressDeadlineExceeded"
    CRASH_LOOP = "CrashLoop"
    LOAD_FAILED = "LoadFailed"
    WRONG_RELEASE_SERVED = "WrongReleaseServed"
    NOT_SERVING = "NotServing"
    DEGRADED = "Degraded"
    RESTARTED = "Restarted"
    CHECK_FAILED = "CheckFailed"
    CHECKING = "Checking"
    CANARY_PAUSED = "CanaryPaused"
    BAKING = "Baking"
    QUEUED = "Queued"
    FROZEN = "Frozen"
    RETRYING = "Retrying"
    ABORTED = "Aborted"
    ROLLED_BACK_BY_USER = "RolledBackByUser"
    PROMOTED = "Promoted"
    SUPERSEDED = "Superseded"
    SNAPSHOTS_UNAVAILABLE = "SnapshotsUnavailable"
    SNAPSHOT_PENDING = "SnapshotPending"
    SNAPSHOT_FAILED = "SnapshotFailed"
    RESTORING = "Restoring"
    VOLUME_DELETED = "VolumeDeleted"
    LOOKING_UP = "LookingUp"
    UP_TO_DATE = "UpToDate"
    AWAITING_APPROVAL = "AwaitingApproval"
    NOT_ON_OFFER = "NotOnOffer"
    REFUSED_BEFORE = "RefusedBefore"
    SOAKING = "Soaking"
    PAUSED = "Paused"
    NOT_PAUSED = "NotPaused"
    OUTSIDE_WINDOW = "OutsideWindow"
    VERIFIED = "Verified"
    UNSIGNED = "Unsigned"
    UNVERIFIED = "Unverified"


class Event(StrEnum):
    """Reasons of Events that no condition has; the others bear the condition's reason."""

    ROLLOUT_STARTED = "RolloutStarted"
    PROMOTED = "Promoted"
    CHOSEN = "Chosen"
    UPDATE_AVAILABLE = "UpdateAvailable"
    SNAPSHOT_READY = "SnapshotReady"
    RESUMED = "Resumed"


def short_hash(*parts: object) -> str:
    """Eight hexadecimal digits that stand for these JSON-able values, stable across processes."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def version_slug(version: str) -> str:
    """A version as part of an object name: ``2026.02.18`` → ``2026-02-18``."""
    return version.lower().replace(".", "-")


def release_claim(database: str, version: str, release_key: str) -> str:
    """The claim that holds one release, for ever the same bytes."""
    return f"{database}-{version_slug(version)}-{release_key}"


def models_claim(database: str, models_key: str) -> str:
    """The claim that holds the ONNX models, shared by releases."""
    return f"{database}-models-{models_key}"


def models_key(database: str, claim: str) -> str | None:
    """The key of the models that this claim holds; None for another claim."""
    prefix = models_claim(database, "")
    return claim.removeprefix(prefix) if claim.startswith(prefix) else None


def state_claim(database: str) -> str:
    """The claim of the users' state. It has the database's name only: one made anew finds its state again."""
    return f"{database}-state"


def sidecar_account(database: str) -> str:
    """The ServiceAccount of the serving pods, their Role and its binding."""
    return f"{database}-sidecar"


def fetch_job(database: str, fetch_key: str, attempt: int) -> str:
    """The Job of one attempt at filling a claim."""
    return f"{database}-fetch-{fetch_key}-{attempt}"


def snapshot(database: str, version: str, release_key: str) -> str:
    """The VolumeSnapshot of one release."""
    return release_claim(database, version, release_key)


def lookup_job(database: str, key: str, attempt: int) -> str:
    """The Job of one attempt at asking the source what there is."""
    return f"{database}-lookup-{key}-{attempt}"


def check_job(database: str, key: str, attempt: int) -> str:
    """The Job of one attempt at one check at one moment."""
    return f"{database}-check-{key}-{attempt}"


def workload(database: str, version: str, revision_key: str) -> str:
    """The Deployment that serves one release with one pod template."""
    return f"{database}-{version_slug(version)}-{revision_key}"


def labels_for(database: str, component: Component, **extra: str) -> dict[str, str]:
    """Labels of an object of ours. The owner's own labels are never copied: Argo CD would prune."""
    return {
        "app.kubernetes.io/name": "facedb",
        "app.kubernetes.io/instance": database,
        COMPONENT_LABEL: component.value,
        MANAGED_BY_LABEL: MANAGED_BY,
        DATABASE_LABEL: database,
        **extra,
    }


def selector_for(database: str) -> str:
    """The label selector that finds every object of one database."""
    return f"{DATABASE_LABEL}={database},{MANAGED_BY_LABEL}={MANAGED_BY}"


def owner_reference(name: str, uid: str) -> Mapping[str, Any]:
    """The ownerReference under which the API server removes an object with its FaceDatabase."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
