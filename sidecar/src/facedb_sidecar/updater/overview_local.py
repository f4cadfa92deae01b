"""The state of updates at home → what a page shows of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from facedb_sidecar.updater import UpdateStatus
from facedb_sidecar.updater.advice import advice
from facedb_sidecar.updater.machine import State, Status
from facedb_sidecar.updater.overview import Failure, Interruption, Movement, Overview


def overview_of(
    state: State,
    now: UpdateStatus,
    received: tuple[int, int | None] | None,
    kept: Sequence[str],
    interruption: Interruption,
) -> Overview:
    """What there is to show.

    Args:
        state: of the last update.
        now: the same, for clients.
        received: bytes of the release, and of how many; None while none are fetched.
        kept: versions on the disk beside the one that serves, the newest first.
        interruption: of the next update.
    """
    done, total = received or (None, None)
    failure = None
    if state.status is Status.FAILED:
        failure = Failure(state.target, state.reason, state.error or "", advice(state.reason))
    return Overview(
        managed_by="sidecar",
        # While one moves it is the one that is wanted; afterwards, the one that serves.
        desired_version=now.target_version if state.active else now.current_version,
        action=None if state.active else "retry" if failure and not _in_vain(state, kept) else "update",
        why_not="An update is under way." if state.active else None,
        interruption=interruption,
        rollout=Movement(now, bytes_done=done, bytes_total=total),
        failure=failure,
        kept=tuple(kept),
    )


def _in_vain(state: State, kept: Sequence[str]) -> bool:
    """Whether what failed was a way back to a release that is gone, or was refused."""
    return state.back and state.target not in kept


def interruption_of(*, serving: bool, alone: bool, loaded_in_s: float | None) -> Interruption:
    """Whether nobody answers for a while.

    Args:
        serving: something serves now.
        alone: there is no memory for two releases at once.
        loaded_in_s: seconds that the one that serves took to load.
    """
    if not serving:
        return Interruption("none", None, "Nothing serves yet.")
    if alone:
        why = "There is no memory for two releases: the old one is let go before the new one is loaded."
        return Interruption("certain", loaded_in_s, why)
    return Interruption("none", None, "The old release answers until the new one is loaded and checked.")
