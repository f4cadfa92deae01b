"""What there is to say of a FaceDatabase, as values. Pure; `readings` makes them.

`as_json` is what `-o json` prints, and docs/kubectl.md promises its fields.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any


@dataclass(frozen=True)
class Condition:
    """One of `status.conditions`; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str
    message: str
    since: datetime | None


@dataclass(frozen=True)
class Event:
    """One of the resource's Events; `count` times, the last time at `at`."""

    type: str
    reason: str
    message: str
    at: datetime | None
    count: int


@dataclass(frozen=True)
class Refused:
    """A release that is not tried again by itself; `frozen`: nothing moves until somebody decides."""

    version: str
    reason: str
    message: str
    at: datetime | None
    frozen: bool


@dataclass(frozen=True)
class Past:
    """A rollout that has ended; `unavailable_seconds` is how long nobody served."""

    version: str
    outcome: str
    reason: str
    started_at: datetime | None
    finished_at: datetime | None
    downloaded_bytes: int
    unavailable_seconds: float


@dataclass(frozen=True)
class Transfer:
    """The fetch under way: what, and how far; sizes in bytes."""

    what: str
    bytes_done: int
    bytes_total: int | None
    attempt: int | None
    job: str | None


@dataclass(frozen=True)
class Canary:
    """The step at which a canary stands, from 1; `until` is None while its pods are not up, or for ever."""

    step: int
    steps: int
    percent: int
    until: datetime | None
    waits_for_promote: bool


@dataclass(frozen=True)
class Target:
    """The rollout under way.

    Attributes:
        deadline: when it is given up unless something moves before.
        bake_until: when it becomes the last good release; None before it serves alone.
    """

    version: str
    state: str
    started_at: datetime | None
    deadline: datetime | None
    transfer: Transfer | None
    canary: Canary | None
    bake_until: datetime | None


@dataclass(frozen=True)
class Pod:
    """A serving pod; `in_traffic` is what the readiness gate says."""

    name: str
    version: str
    phase: str
    ready: bool
    in_traffic: bool
    restarts: int
    node: str | None


@dataclass(frozen=True)
class Offer:
    """What a channel's source offers; `window_opens` None where there is no window, or it never opens."""

    version: str | None
    because: str
    window_opens: datetime | None


@dataclass(frozen=True)
class View:
    """What there is to say of one database.

    Attributes:
        phase: the Ready condition's reason, or Unseen.
        seen: whether the operator has looked at the present spec.
        desired: the version that is wanted; None where a channel has not chosen yet.
        active: the one in traffic.
        ready, wanted: serving pods.
        kept: versions beside the active one that a rollback can go to without a network, newest first.
        offer: of a channel; None where the spec names the version.
        handled: verb → the last token that was dealt with.
    """

    namespace: str
    name: str
    phase: str
    message: str
    seen: bool
    paused: bool
    suspended: bool
    desired: str | None
    active: str | None
    active_since: datetime | None
    last_good: str | None
    ready: int
    wanted: int
    strategy: str
    storage: str
    target: Target | None
    offer: Offer | None
    kept: tuple[str, ...]
    refused: tuple[Refused, ...]
    history: tuple[Past, ...]
    conditions: tuple[Condition, ...]
    pods: tuple[Pod, ...]
    events: tuple[Event, ...]
    handled: dict[str, str]

    def condition(self, kind: str) -> Condition | None:
        """The condition of this type."""
        return next((c for c in self.conditions if c.type == kind), None)

    def is_true(self, kind: str) -> bool:
        """Whether the condition of this type is True."""
        found = self.condition(kind)
        return found is not None and found.status == "True"

    @property
    def frozen(self) -> Refused | None:
        """The release whose failed rollout stands still until somebody decides."""
        return next((r for r in reversed(self.refused) if r.frozen), None)


def as_json(thing: Any) -> Any:
    """The fields of a view as JSON: times in RFC 3339, the rest as it is."""
    if is_dataclass(thing):
        return {f.name: as_json(getattr(thing, f.name)) for f in fields(thing)}
    if isinstance(thing, datetime):
        return thing.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    if isinstance(thing, timedelta):
        return round(thing.total_seconds(), 1)
    if isinstance(thing, dict):
        return {key: as_json(each) for key, each in thing.items()}
    return [as_json(each) for each in thing] if isinstance(thing, list | tuple) else thing
