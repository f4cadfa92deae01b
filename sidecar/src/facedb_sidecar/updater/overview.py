"""What a page about the database shows, as values: what serves, what moves, what may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from facedb_sidecar.updater import UpdateStatus

Managed = Literal["sidecar", "FaceDatabase", "nobody"]
Expected = Literal["none", "possible", "certain"]
# What a request would do: fetch the newest, approve what waits in a channel, try again what failed.
Action = Literal["update", "approve", "retry"]


@dataclass(frozen=True)
class Interruption:
    """Will nobody answer for a while during an update?

    Attributes:
        expected: whether.
        seconds: about how long, if so; None where nobody can say.
        why: a sentence.
    """

    expected: Expected
    seconds: float | None
    why: str


@dataclass(frozen=True)
class Movement:
    """What goes on.

    Attributes:
        status: in the contract's words; with progress, versions and error.
        reason: one word; of a FaceDatabase its Ready condition's.
        message: a sentence about it.
        bytes_done: of what is fetched, while something is.
        bytes_total: of what is fetched, where that is known.
        started_at: RFC 3339.
    """

    status: UpdateStatus
    reason: str | None = None
    message: str | None = None
    bytes_done: int | None = None
    bytes_total: int | None = None
    started_at: str | None = None


@dataclass(frozen=True)
class Failure:
    """Why what was asked for does not serve.

    Attributes:
        version: that failed.
        reason: one word of docs/reasons.md.
        message: a sentence.
        advice: what to do.
        at: RFC 3339, where that is known.
    """

    version: str | None
    reason: str | None
    message: str
    advice: str
    at: str | None = None


@dataclass(frozen=True)
class Overview:
    """What a page about the database shows.

    Attributes:
        managed_by: who brings releases.
        facedatabase: NAMESPACE/NAME.
        pinned: a FaceDatabase's spec names the version.
        desired_version: that is wanted.
        action: what may be asked for.
        why_not: why nothing may be asked for.
        waiting: what a channel's newer version waits for, as a sentence.
        interruption: of the next update.
        rollout: what goes on.
        failure: of the last update, until another one.
        kept: versions to go back to without a download, the newest first.
    """

    managed_by: Managed
    interruption: Interruption
    rollout: Movement
    facedatabase: str | None = None
    pinned: bool = False
    desired_version: str | None = None
    action: Action | None = None
    why_not: str | None = None
    waiting: str | None = None
    failure: Failure | None = None
    kept: tuple[str, ...] = ()
