"""What the operator can see at one moment, as frozen values. Facts, no judgement.

``observe.py`` fills them, ``plan.py`` and ``status.py`` read them. ``Observed.now`` is the only clock.
"""

import json
from dataclasses import asdict, dataclass
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

    def to_json(self) -> str:
        """The annotation that carries it."""
        return json.dumps(asdict(self), separators=(",", ":"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Verified":
        """Read what ``to_json`` wrote."""
        raw = json.loads(text)
        return cls(**{**raw, "warnings": tuple(raw.get("warnings", ()))})


@dataclass(frozen=True)
class Claim:
    """A PersistentVolumeClaim of ours. ``key`` is the release's or the models' key, empty for the state.

    ``asked_class``: the StorageClass that was asked for, empty for the default one, None where unknown.
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
    restored_from: str | None = None
    bound: bool = True
    asked_class: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """A VolumeSnapshot of a release's verified claim. ``error`` is the driver's word.

    It carries the claim's verdict, so that what is restored from it need not be fetched or judged again.
    """

    name: str
    release_key: str
    version: str
    verified: Verified
    created_at: datetime
    ready: bool
    error: str | None = None
    restore_size: str | None = None
    owned: bool = True
    deleting: bool = False


@dataclass(frozen=True)
class Cluster:
    """What the cluster can do for this database's storage class.

    Attributes:
        snapshot_class: the VolumeSnapshotClass to use; None where there is no snapshot API, or no class
            for the driver of the storage class.
        waits_for_consumer: the volume is made where its first pod lands.
    """

    snapshot_class: str | None = None
    waits_for_consumer: bool = True


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
    """One attempt at filling a claim.

    ``blocked`` says why its pod cannot start, if it cannot; ``died`` how its pod failed, if that is known.
    """

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
    died: str = ""


@dataclass(frozen=True)
class Workload:
    """A Deployment of ours: one revision (release and pod template).

    ``snapshot``: the VolumeSnapshot from which each pod makes a volume of its own (PerPod); ``claim`` is
    empty then. Otherwise all pods mount ``claim``. ``gated``: its pods have the readiness gate; without it
    they take traffic as soon as they are ready. ``holds``: the resources that a pod of it asks for, by name.
    ``trouble``: why the cluster makes no pod of it, in its words.
    """

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
    snapshot: str = ""
    gated: bool = True
    holds: frozenset[str] = frozenset()
    trouble: str | None = None
    image: str | None = None


@dataclass(frozen=True)
class Answer:
    """What a pod's ``/ready`` said.

    Attributes:
        recall: the share of stored faces that found themselves at load, 0 to 1.
        query_ms: milliseconds of one query of that self-check, the median.
    """

    ready: bool
    version: str | None
    digest: str | None
    failed: bool
    reason: str
    message: str
    recall: float | None = None
    query_ms: float | None = None


@dataclass(frozen=True)
class Pod:
    """A sidecar pod. ``gate`` is the readiness gate's condition, None before it was ever set.

    ``started_at`` is when its container last started: a gate that was opened before that is to be closed.
    """

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
    started_at: datetime | None = None


@dataclass(frozen=True)
class CheckRun:
    """A Job of ``rollout.checks``: one check of one revision at one moment of its rollout.

    ``died`` says how its pod was taken away, for a Job that failed before the check had found anything.
    """

    name: str
    check: str
    key: str
    state: JobState
    started_at: datetime
    message: str
    deleting: bool = False
    attempt: int = 1
    finished_at: datetime | None = None
    died: str = ""


@dataclass(frozen=True)
class Fleet:
    """Other databases' rollouts, where the operator's settings spread them.

    Attributes:
        may_begin: whether a new rollout may begin now.
        message: why not, for people.
    """

    may_begin: bool = True
    message: str = ""


@dataclass(frozen=True)
class Observed:
    """Everything seen of one database at ``now`` (timezone-aware).

    The claim of the users' state is in ``state``, not among ``claims``: what decides which claims go never
    sees it. ``access_key`` is the edition in which the sidecar's account, Role and binding all stand, empty
    when only parts of them do, None when nothing does.
    """

    now: datetime
    # Since when passes have followed each other: no deadline counts time in which nobody looked.
    since: datetime | None = None
    claims: tuple[Claim, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    jobs: tuple[FetchJob, ...] = ()
    checks: tuple[CheckRun, ...] = ()
    workloads: tuple[Workload, ...] = ()
    pods: tuple[Pod, ...] = ()
    service_key: str | None = None
    access_key: str | None = None
    # Of the PodDisruptionBudget and of the NetworkPolicies, as service_key.
    budget_key: str | None = None
    policies_key: str | None = None
    # Names of our NetworkPolicies, and whether the operator's settings ask for them.
    policies: tuple[str, ...] = ()
    wants_policies: bool = False
    state: Claim | None = None
    cluster: Cluster = Cluster()
    fleet: Fleet = Fleet()

    def claim(self, name: str) -> Claim | None:
        """The claim of this name, unless it is going away."""
        return next((c for c in self.claims if c.name == name and not c.deleting), None)

    @property
    def fetches(self) -> tuple[FetchJob, ...]:
        """Jobs that write to claims."""
        return tuple(j for j in self.jobs if j.component in (Component.RELEASE, Component.MODELS))

    @property
    def lookups(self) -> tuple[FetchJob, ...]:
        """Jobs that ask a source what there is; they write to nothing."""
        return tuple(j for j in self.jobs if j.component is Component.LOOKUP)

    def snapshot(self, release_key: str) -> Snapshot | None:
        """The snapshot of this release, unless it is going away."""
        return next((s for s in self.snapshots if s.release_key == release_key and not s.deleting), None)

    def workload(self, revision_key: str) -> Workload | None:
        """The Deployment of this revision, unless it is going away."""
        return next((w for w in self.workloads if w.revision_key == revision_key and not w.deleting), None)

    def pods_of(self, revision_key: str) -> tuple[Pod, ...]:
        """Pods of this revision, those that are being deleted too."""
        return tuple(p for p in self.pods if p.revision_key == revision_key)

    def serving(self, revision_key: str) -> tuple[Pod, ...]:
        """Pods of this revision that are in the Service's endpoints."""
        return tuple(p for p in self.pods_of(revision_key) if p.ready and not p.deleting)
