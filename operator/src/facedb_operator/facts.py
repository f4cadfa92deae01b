"""What the operator can see at one moment, as frozen values. Facts, no judgement.

``observe.py`` fills them, ``plan.py`` and ``status.py`` read them. ``Observed.now`` is the only clock.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from facedb_operator.names import Component
from facedb_release.outcome import Outcome


@dataclass(frozen=True)
class Verified:
    """The facts of a verified claim, as its fetch Job reported them and the claim carries them."""

    version: str | None
    digest: str | None
    performer_count: int | None
    face_count: int | None
    bytes_downloaded: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Claim:
    """A PersistentVolumeClaim of ours. ``key`` is the release's or the models' key, empty for the state.

    ``owned``: it has an ownerReference and goes with its FaceDatabase (deletionPolicy Delete).
    """

    name: str
    component: Component
    key: str
    version: str | None
    created_at: datetime
    verified: Verified | None
    size: str = ""
    owned: bool = True
    deleting: bool = False


class JobState(Enum):
    """How far a fetch Job is."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True)
class Progress:
    """The last progress line of a fetch Job."""

    phase: str
    bytes_done: int
    bytes_total: int | None
    file: str | None


@dataclass(frozen=True)
class FetchJob:
    """One attempt at filling a claim. ``blocked`` says why its pod cannot start, if it cannot."""

    name: str
    key: str
    component: Component
    claim: str
    attempt: int
    state: JobState
    started_at: datetime
    finished_at: datetime | None
    outcome: Outcome | None
    progress: Progress | None
    blocked: str | None
    deleting: bool = False


@dataclass(frozen=True)
class Workload:
    """A Deployment of ours: one revision (release and pod template)."""

    name: str
    revision_key: str
    release_key: str
    version: str
    digest: str | None
    claim: str
    models_claim: str
    replicas: int
    created_at: datetime
    deleting: bool = False


@dataclass(frozen=True)
class Answer:
    """What a pod's ``/ready`` said."""

    ready: bool
    version: str | None
    digest: str | None
    failed: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Pod:
    """A sidecar pod. ``gate`` is the readiness gate's condition, None before it was ever set."""

    name: str
    revision_key: str
    ip: str | None
    created_at: datetime
    containers_ready: bool
    ready: bool
    ready_since: datetime | None
    gate: bool | None
    gate_since: datetime | None
    restarts: int
    unschedulable: str | None
    waiting: str | None
    last_exit: str | None
    answer: Answer | None
    deleting: bool = False


@dataclass(frozen=True)
class Observed:
    """Everything seen of one database at ``now`` (timezone-aware).

    The claim of the users' state is in ``state``, not among ``claims``: what decides which claims go never
    sees it. ``access_key`` is the edition in which the sidecar's account, Role and binding all stand, empty
    when only parts of them do, None when nothing does.
    """

    now: datetime
    claims: tuple[Claim, ...] = ()
    jobs: tuple[FetchJob, ...] = ()
    workloads: tuple[Workload, ...] = ()
    pods: tuple[Pod, ...] = ()
    service_key: str | None = None
    access_key: str | None = None
    state: Claim | None = None

    def claim(self, name: str) -> Claim | None:
        """The claim of this name, unless it is going away."""
        return next((c for c in self.claims if c.name == name and not c.deleting), None)

    def workload(self, revision_key: str) -> Workload | None:
        """The Deployment of this revision, unless it is going away."""
        return next((w for w in self.workloads if w.revision_key == revision_key and not w.deleting), None)

    def pods_of(self, revision_key: str) -> tuple[Pod, ...]:
        """Pods of this revision, those that are being deleted too."""
        return tuple(p for p in self.pods if p.revision_key == revision_key)

    def serving(self, revision_key: str) -> tuple[Pod, ...]:
        """Pods of this revision that are in the Service's endpoints."""
        return tuple(p for p in self.pods_of(revision_key) if p.ready and not p.deleting)
