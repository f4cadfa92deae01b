"""The steps that a plan is made of: frozen values, one API call each.

``plan.py`` chooses them, ``act.py`` carries them out, logs and tests print them.
"""

from dataclasses import dataclass
from datetime import timedelta

from facedb_operator.facts import Verified
from facedb_operator.names import Component
from facedb_operator.record import Bad, Good


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
class CreateClaim:
    """Create the claim for a release, the models or the users' state."""

    component: Component


@dataclass(frozen=True)
class StartFetch:
    """Start attempt number ``attempt`` at filling the claim."""

    component: Component
    attempt: int


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
    """Create the Deployment of the revision that the spec asks for."""

    release_key: str
    version: str
    digest: str | None
    claim: str
    replicas: int


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


Step = (
    EnsureService
    | EnsureAccess
    | DeleteAccess
    | CreateClaim
    | StartFetch
    | MarkVerified
    | DeleteJob
    | CreateWorkload
    | ScaleWorkload
    | DeleteWorkload
    | SetGate
    | DeleteClaim
    | OwnClaim
)


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
        good: set when this revision serves in full and nobody else does: it is the last good one.
    """

    reason: str
    message: str
    steps: tuple[Step, ...] = ()
    check_again: timedelta | None = None
    bad: Bad | None = None
    good: Good | None = None
