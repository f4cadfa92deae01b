"""What people have asked of a FaceDatabase by annotation, and nobody has dealt with yet. Pure.

A token is dealt with once it stands in `status.handled`. Until then the operator has either not seen it, a
matter of seconds, or lets it wait, perhaps for days: its conditions say which.
"""

from __future__ import annotations

from dataclasses import dataclass

from facedb_sidecar.updater.translate import GROUP, Json, condition, handled, pinned, waiting

# As Ready's reason: no token is dealt with until it is another one.
_HALTED = frozenset({"Suspended", "InvalidSpec", "StepFailed"})
# As Ready's reason: besides, nothing is taken from a channel, and UpdateAvailable is as it was before.
_STILL = _HALTED | {"Hibernated", "Frozen"}
# As UpdateAvailable's reason: an approval ends it, so the operator has not seen the one that is there.
_UNTIL_APPROVED = frozenset({None, "AwaitingApproval", "Soaking"})


@dataclass(frozen=True)
class Asked:
    """A verb of the operator's, and the version that its token names, if any."""

    verb: str
    version: str | None


def pending(database: Json) -> Asked | None:
    """What was asked for and begins within seconds, whoever asked; None for what waits for something."""
    reason = condition(database, "Ready").get("reason")
    if reason is None or reason in _HALTED:
        return None
    if _new(database, "retry"):
        return Asked("retry", None)
    if token := _new(database, "rollback"):
        return Asked("rollback", _version_of(token))
    version = approved(database)
    return Asked("approve", version) if version and approval_waits(database) is None else None


def approved(database: Json) -> str | None:
    """The version that waits in a channel, if it has been approved."""
    version = None if pinned(database) else waiting(database)
    return version if version and _version_of(_new(database, "approve")) == version else None


def approval_waits(database: Json) -> str | None:
    """What an approved version waits for, as a sentence; None if it waits for nothing, or there is none."""
    version = approved(database)
    if version is None:
        return None
    ready, offer = condition(database, "Ready"), condition(database, "UpdateAvailable")
    stands = f"{version} is approved. {ready.get('message') or ''}".strip()
    if ready.get("reason") in _STILL:
        return stands
    if offer.get("reason") not in _UNTIL_APPROVED:
        return str(offer.get("message") or stands)
    return stands if ready.get("reason") == "Paused" else None


def _new(database: Json, verb: str) -> str:
    """The verb's token, if it has not been dealt with."""
    annotations = (database.get("metadata") or {}).get("annotations") or {}
    token = str(annotations.get(f"{GROUP}/{verb}") or "")
    return token if token != handled(database, verb) else ""


def _version_of(token: str) -> str:
    """The version that a token names, as the operator reads it."""
    version, dash, mark = token.rpartition("-")
    return version if dash and mark else token
