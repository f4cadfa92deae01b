"""A FaceDatabase → what a page shows of it. Pure; fields that are not there are absent, never an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from facedb_release.version import parse_version
from facedb_sidecar.updater import UpdateStatus
from facedb_sidecar.updater.advice import advice
from facedb_sidecar.updater.machine import ACTIVE, Status
from facedb_sidecar.updater.overview import Action, Failure, Interruption, Movement, Overview
from facedb_sidecar.updater.tokens import approval_waits, approved
from facedb_sidecar.updater.translate import (
    Json,
    condition,
    pinned,
    status_part,
    version_in,
    waiting,
    way_to_change,
)

# Of spec.rollout.strategy.
RECREATE, AUTO = "Recreate", "Auto"
NOT_RELEASES = frozenset({"models", "state"})
# As Ready's reason: nothing can be asked for until it is another one.
_SUSPENDED = "Suspended"
_HELD = frozenset({_SUSPENDED, "RollingBack"})


def overview_of(
    namespace: str, name: str, database: Json, now: UpdateStatus, loaded_in_s: float | None
) -> Overview:
    """What there is to show.

    Args:
        namespace: of the FaceDatabase.
        name: of it.
        database: as it is.
        now: how far its rollout is.
        loaded_in_s: seconds that this pod took to load its release.
    """
    action = action_of(database, now)
    return Overview(
        managed_by="FaceDatabase",
        facedatabase=f"{namespace}/{name}",
        pinned=pinned(database) is not None,
        desired_version=version_in(status_part(database), "desired") or pinned(database),
        action=action,
        why_not=None if action else _why_not(namespace, name, database, now),
        waiting=_waiting(namespace, name, database),
        interruption=interruption_of(database, loaded_in_s),
        rollout=_movement(database, now),
        failure=_failure(database, now),
        kept=kept(database),
    )


def action_of(database: Json, now: UpdateStatus) -> Action | None:
    """What may be asked for: an approval comes before another try of what failed."""
    if now.status in ACTIVE or condition(database, "Ready").get("reason") in _HELD:
        return None
    if pinned(database) is None and waiting(database) is not None and approved(database) is None:
        return "approve"
    return "retry" if now.status is Status.FAILED else None


def kept(database: Json) -> tuple[str, ...]:
    """Versions beside the one in traffic and the one on its way that are on a volume or a snapshot.

    None while the FaceDatabase is suspended: nobody could go back.
    """
    if is_suspended(database):
        return ()
    status = status_part(database)
    storage = status.get("storage") or {}
    held = [c.get("version") for c in storage.get("claims") or () if c.get("verified")]
    held += [s.get("version") for s in storage.get("snapshots") or () if s.get("ready")]
    apart = {version_in(status, "active"), version_in(status, "target"), *NOT_RELEASES}
    return newest_first(str(v) for v in held if v and v not in apart)


def is_suspended(database: Json) -> bool:
    """Whether nothing moves, because the spec says so."""
    return condition(database, "Ready").get("reason") == _SUSPENDED


def suspended_words(namespace: str, name: str) -> str:
    """What is said of a FaceDatabase that is suspended."""
    return f"FaceDatabase {namespace}/{name} is suspended: nothing moves while spec.suspend is true."


def newest_first(versions: Iterable[str]) -> tuple[str, ...]:
    """Each once, ordered as the calendar orders them; what is no version is left out."""
    known = {}
    for text in versions:
        try:
            known[parse_version(text)] = text
        except ValueError:
            continue
    return tuple(known[v] for v in sorted(known, reverse=True))


def interruption_of(database: Json, loaded_in_s: float | None) -> Interruption:
    """Whether the next rollout has a gap: by the strategy, and by what the last one had."""
    spec: Json = database.get("spec") or {}
    strategy = (spec.get("rollout") or {}).get("strategy") or AUTO
    replicas = (spec.get("sidecar") or {}).get("replicas", 1)
    last = _last_gap(database)
    about = last or loaded_in_s
    if strategy == RECREATE:
        why = "spec.rollout.strategy is Recreate: the old pod leaves before the new one starts."
        return Interruption("certain", about, why)
    if strategy != AUTO or (isinstance(replicas, int) and replicas > 1) or last == 0:
        return Interruption("none", None, "New pods answer before old ones leave.")
    if last:
        why = f"There was no room for a second pod (one GPU): the last update had a gap of {last:.0f} s."
        return Interruption("certain", last, why)
    why = "Where there is no room for a second pod (one GPU), the old one leaves before the new one starts."
    return Interruption("possible", about, why)


def _last_gap(database: Json) -> float | None:
    """Seconds without anybody in the last rollout that took over from another release."""
    done = [h for h in status_part(database).get("history") or () if h.get("outcome") == "Succeeded"]
    # The first one took over from nobody.
    found = done[-1].get("unavailableSeconds") if len(done) > 1 else None
    return float(found) if isinstance(found, int | float) else None


def _movement(database: Json, now: UpdateStatus) -> Movement:
    ready, target = condition(database, "Ready"), status_part(database).get("target") or {}
    return Movement(
        status=now,
        reason=ready.get("reason"),
        message=ready.get("message"),
        bytes_done=target.get("bytesDone"),
        bytes_total=target.get("bytesTotal"),
        started_at=target.get("startedAt"),
    )


def _failure(database: Json, now: UpdateStatus) -> Failure | None:
    if now.status is not Status.FAILED:
        return None
    status, ready = status_part(database), condition(database, "Ready")
    wanted = version_in(status, "desired") or pinned(database)
    bad: Mapping[str, Any] = next(
        (b for b in reversed(status.get("bad") or ()) if b.get("version") == wanted), {}
    )
    reason = bad.get("reason") or ready.get("reason")
    message = bad.get("message") or ready.get("message") or ""
    return Failure(wanted, reason, str(message), advice(reason), bad.get("at"))


def _waiting(namespace: str, name: str, database: Json) -> str | None:
    if is_suspended(database):
        return suspended_words(namespace, name)
    if (words := approval_waits(database)) is not None:
        return words
    offer = condition(database, "UpdateAvailable")
    return offer.get("message") if offer.get("status") == "True" else None


def _why_not(namespace: str, name: str, database: Json, now: UpdateStatus) -> str:
    if now.status in ACTIVE or condition(database, "Ready").get("reason") == "RollingBack":
        return "A rollout is under way."
    if is_suspended(database):
        return suspended_words(namespace, name)
    if pinned(database) is not None:
        return way_to_change(namespace, name, database)
    return approval_waits(database) or "The channel offers nothing newer."
