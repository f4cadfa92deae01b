"""The steps that a plan is made of: frozen values, one API call each.

``plan.py`` chooses them, ``act.py`` carries them out, logs and tests print them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from facedb_operator.facts import Snapshot, Verified
from facedb_operator.names import Component, Condition
from facedb_operator.record import Available, Bad, Good
from facedb_operator.spec.rollout import JobCheck


@dataclass(frozen=True)
class EnsureService:
    """Apply the Service that all releases stand behind."""


@dataclass(frozen=True)
class EnsureAccess:
    """Apply what lets serving pods look at their own FaceDatabase: account, Role, binding."""


@dataclass(frozen=True)
class DeleteAccess:
    """Delete the account, the Role and the binding."""


@dataclass(frozen=True)
class EnsureBudget:
    """Apply the PodDisruptionBudget."""


@dataclass(frozen=True)
class DeleteBudget:
    """Delete the PodDisruptionBudget: with one pod it would only keep a node from being drained."""


@dataclass(frozen=True)
class EnsurePolicies:
    """Apply the NetworkPolicies."""


@dataclass(frozen=True)
class DeletePolicy:
    """Delete a NetworkPolicy of ours."""

    name: str


@dataclass(frozen=True)
class CreateClaim:
    """Create the claim for a release, the models or the users' state.

    Attributes:
        size: a Kubernetes quantity.
        snapshot: its bytes begin as those of this VolumeSnapshot; the fetch Job changes what differs.
        again: the last good release, whose bytes are lost, instead of the desired one.
    """

    component: Component
    size: str
    snapshot: str | None = None
    again: Good | None = None


@dataclass(frozen=True)
class RestoreClaim:
    """Create a verified release's claim again, from its snapshot; nothing is fetched and nothing changes."""

    claim: str
    snapshot: Snapshot


@dataclass(frozen=True)
class CreateSnapshot:
    """Snapshot a verified claim; the snapshot carries the verdict."""

    claim: str
    snapshot_class: str
    release_key: str
    version: str
    facts: Verified


@dataclass(frozen=True)
class DeleteSnapshot:
    """Delete a snapshot, and the bytes with it."""

    name: str


@dataclass(frozen=True)
class StartLookup:
    """Start the Job that asks the source which version there is, and how large it is.

    Attributes:
        key: stands for the question and its time.
        wanted: a version, ``latest`` or a range.
        attempt: at getting an answer, from 1.
    """

    key: str
    wanted: str
    attempt: int = 1


@dataclass(frozen=True)
class StartCheck:
    """Start a Job of ``rollout.checks``.

    Attributes:
        key: stands for the check, the revision and the moment of its rollout.
        pod_ip: of a pod of the revision.
        attempt: from 1; another one is made where the pod of the last was taken away.
    """

    check: JobCheck
    key: str
    revision_key: str
    pod_ip: str
    attempt: int = 1


@dataclass(frozen=True)
class StartFetch:
    """Start attempt number ``attempt`` at filling the claim; ``again`` as in CreateClaim."""

    component: Component
    attempt: int
    again: Good | None = None


@dataclass(frozen=True)
class MarkVerified:
    """Write the Job's verdict on the claim: from now on it is never written again."""

    claim: str
    facts: Verified


@dataclass(frozen=True)
class DeleteJob:
    """Delete a fetch Job and its pods."""

    name: str


@dataclass(frozen=True)
class CreateWorkload:
    """Create the Deployment of the revision that the spec asks for.

    ``snapshot``: each pod makes a volume of its own from it; None for the claim that all share. ``image``:
    other than the spec's, which was refused. ``models``: the key of others than the spec's.
    """

    release_key: str
    version: str
    digest: str | None
    claim: str
    replicas: int
    snapshot: Snapshot | None = None
    image: str | None = None
    models: str | None = None


@dataclass(frozen=True)
class ScaleWorkload:
    """Set a Deployment's replicas."""

    name: str
    replicas: int


@dataclass(frozen=True)
class DeleteWorkload:
    """Delete a Deployment."""

    name: str


@dataclass(frozen=True)
class SetGate:
    """Open or close a pod's readiness gate: the traffic switch."""

    pod: str
    is_open: bool
    reason: str


@dataclass(frozen=True)
class DeleteClaim:
    """Delete a claim, and the bytes with it."""

    name: str


@dataclass(frozen=True)
class OwnClaim:
    """Set or remove a claim's ownerReference, as deletionPolicy says."""

    name: str
    owned: bool


@dataclass(frozen=True)
class OwnSnapshot:
    """Set or remove a snapshot's ownerReference, as deletionPolicy says."""

    name: str
    owned: bool


Step = (
    EnsureService
    | EnsureAccess
    | DeleteAccess
    | EnsureBudget
    | DeleteBudget
    | EnsurePolicies
    | DeletePolicy
    | CreateClaim
    | RestoreClaim
    | CreateSnapshot
    | DeleteSnapshot
    | StartLookup
    | StartCheck
    | StartFetch
    | MarkVerified
    | DeleteJob
    | CreateWorkload
    | ScaleWorkload
    | DeleteWorkload
    | SetGate
    | DeleteClaim
    | OwnClaim
    | OwnSnapshot
)


@dataclass(frozen=True)
class Walk:
    """How far a trial has come, for status to remember; see record.Target."""

    step: int = 0
    step_since: datetime | None = None
    alone_since: datetime | None = None
    promoted: bool = False
    accepted: bool = False


@dataclass(frozen=True)
class Notice:
    """A condition that a rule sets by itself. ``status`` is None for Unknown."""

    condition: Condition
    status: bool | None
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """What to do now, why, and when to look again.

    Attributes:
        steps: carried out in order.
        reason: one CamelCase word for conditions and events.
        message: a sentence for people.
        check_again: look again after this long even if nothing happens; None = wait for an event.
        bad: set when this pass judges the desired release bad; status remembers it before anything
            else is done about it.
        heard: what Jobs have refused that nobody asks for any more; remembered likewise.
        good: set when this revision serves in full and nobody else does: it is the last good one.
        walk: how far the trial has come; None leaves what is remembered.
        pardon: the verdict against what the spec asks for is forgotten: somebody accepts it as it is.
        chosen: the version that was chosen from the channel in this pass.
        available: what the channel was found to offer in this pass.
        handled: verbs' tokens that were dealt with in this pass.
        notices: conditions beside those that follow from the reason; absent ones stay as they are.
        stalled: only a person can help, whatever the reason.
    """

    reason: str
    message: str
    steps: tuple[Step, ...] = ()
    check_again: timedelta | None = None
    bad: Bad | None = None
    heard: tuple[Bad, ...] = ()
    good: Good | None = None
    walk: Walk | None = None
    pardon: bool = False
    chosen: str | None = None
    available: Available | None = None
    handled: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    stalled: bool = False
