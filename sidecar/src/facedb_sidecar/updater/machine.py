"""Where an update is, and where it goes from there. Pure: no clock, no disk, no network.

    idle → downloading → extracting → verifying → swapping → reloading → complete
                └──────────────┴───────────┴───────────┴─────────┴─────→ failed

The words are the contract's. Within one run neither the status nor the progress ever goes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from facedb_release.progress import Phase

# What was refused longer ago than this many refusals may be tried again.
MOST_BAD = 10
# A process that dies while it loads a release twice will die the third time, too.
MOST_DEATHS_LOADING = 1
MOST_DEATHS = 5


class Status(StrEnum):
    """The eight words of the contract."""

    IDLE = "idle"
    DOWNLOADING = "downloading"
    EXTRACTING = "extracting"
    VERIFYING = "verifying"
    SWAPPING = "swapping"
    RELOADING = "reloading"
    COMPLETE = "complete"
    FAILED = "failed"


# The reference's mapping: percent at which each begins.
BEGINS: Mapping[Status, int] = {
    Status.DOWNLOADING: 0,
    Status.EXTRACTING: 30,
    Status.VERIFYING: 50,
    Status.SWAPPING: 70,
    Status.RELOADING: 90,
    Status.COMPLETE: 100,
}
ACTIVE = tuple(BEGINS)[:-1]
LOADING = (Status.SWAPPING, Status.RELOADING)


@dataclass(frozen=True)
class Bad:
    """A release that was refused: not tried again unless somebody asks for it.

    Attributes:
        version: of it.
        digest: of its archive, where the source says so; another one under the same version is another try.
        message: why.
    """

    version: str
    digest: str | None
    message: str


@dataclass(frozen=True)
class State:
    """All that is known of the last update.

    Attributes:
        status: where it is.
        progress_pct: 0 to 100.
        job_id: 12 hex digits.
        target: version.
        digest: of the target's archive, where the source says so.
        error: why it failed, or what keeps a complete one from serving.
        deaths: processes that ended in the middle of this update.
        deaths_loading: those of them that ended while the release was loaded.
        bad: what was refused, newest last.
        reason: why it failed, in one word; None where there is none.
        back: it goes to a release that is here already.
        left: the version that somebody went back from; None once another one came.
    """

    status: Status = Status.IDLE
    progress_pct: int = 0
    job_id: str | None = None
    target: str | None = None
    digest: str | None = None
    error: str | None = None
    deaths: int = 0
    deaths_loading: int = 0
    bad: tuple[Bad, ...] = ()
    reason: str | None = None
    back: bool = False
    left: str | None = None

    @property
    def active(self) -> bool:
        """Whether an update is under way."""
        return self.status in ACTIVE


def begun(state: State, *, job_id: str, target: str, digest: str | None) -> State:
    """Another update begins.

    Raises:
        ValueError: while one is under way.
    """
    if state.active:
        raise ValueError("an update is under way")
    return State(Status.DOWNLOADING, 0, job_id, target, digest, bad=state.bad, left=state.left)


def going_back(state: State, *, job_id: str, target: str) -> State:
    """A release that is here already shall serve again.

    Raises:
        ValueError: while an update is under way.
    """
    return replace(begun(state, job_id=job_id, target=target, digest=None), back=True)


def moved(state: State, status: Status, percent: int = 0) -> State:
    """Go forward to a status; nowhere from one that is further, or from an end."""
    if not state.active or status not in ACTIVE:
        return state
    further = max(ACTIVE.index(state.status), ACTIVE.index(status))
    here = max(state.progress_pct, BEGINS[ACTIVE[further]], percent if ACTIVE[further] is status else 0)
    return replace(state, status=ACTIVE[further], progress_pct=min(here, 99))


def told(state: State, phase: Phase, done: int, total: int | None) -> State:
    """Go forward with what the release library tells of its progress."""
    status = _status_in(phase, done, total)
    after = dict(zip(ACTIVE, tuple(BEGINS.values())[1:], strict=True))[status]
    share = min(done / total, 1.0) if total else 0.0
    return moved(state, status, BEGINS[status] + int(share * (after - BEGINS[status])))


def completed(state: State, error: str | None = None, *, before: str | None = None) -> State:
    """It ended well.

    Args:
        state: until now.
        error: what still keeps it from serving, if anything.
        before: the version that served before.
    """
    kept = tuple(b for b in state.bad if b.version != state.target)
    left = before or state.left if state.back else None
    return replace(state, status=Status.COMPLETE, progress_pct=100, error=error, bad=kept, left=left)


def failed(state: State, error: str, *, bad: bool, reason: str | None = None) -> State:
    """It ended badly; a bad release is remembered."""
    kept = state.bad
    if bad and state.target is not None:
        others = tuple(b for b in kept if b.version != state.target)
        kept = (*others, Bad(state.target, state.digest, error))[-MOST_BAD:]
    return replace(state, status=Status.FAILED, error=error, bad=kept, reason=reason)


def refusal(state: State, version: str, digest: str | None) -> str | None:
    """Why this very release was refused; None when it was not."""
    if version == state.left:
        return f"Somebody went back from {version}. It is taken again only when somebody asks for it."
    return next((b.message for b in state.bad if b.version == version and _is_same(b.digest, digest)), None)


def _is_same(one: str | None, other: str | None) -> bool:
    """Whether they may be digests of one archive: a source need not know them."""
    return one is None or other is None or one == other


def taken_up(state: State) -> State:
    """What a new process makes of what the last one left: an update under way begins again, or has failed."""
    if not state.active:
        return state
    loading = state.deaths_loading + (state.status in LOADING)
    left = replace(state, deaths=state.deaths + 1, deaths_loading=loading)
    if loading > MOST_DEATHS_LOADING:
        why = f"The process ended {loading} times while it loaded {state.target}; more memory may help."
        return failed(left, why, bad=True)
    if left.deaths > MOST_DEATHS:
        return failed(left, f"The process ended {left.deaths} times during the update.", bad=False)
    return replace(left, status=Status.DOWNLOADING, progress_pct=0)


def _status_in(phase: Phase, done: int, total: int | None) -> Status:
    match phase:
        case Phase.VERIFYING:
            return Status.VERIFYING
        case Phase.COPYING:
            return Status.EXTRACTING
        case Phase.DOWNLOADING if total and done >= total:
            # All bytes are there; the last of them are being inflated and written.
            return Status.EXTRACTING
        case _:
            return Status.DOWNLOADING
