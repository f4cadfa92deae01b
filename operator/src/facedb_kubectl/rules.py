"""A verb and a view → whether it makes sense now, and with which version. Pure.

The operator judges again: these rules only save people from asking for what would do nothing, and from
waiting for it.
"""

from __future__ import annotations

from facedb_kubectl.errors import Refused
from facedb_kubectl.view import View
from facedb_kubectl.wording import listed
from facedb_operator.names import Reason

# As Ready's reason: work goes on or waits, and nothing has been refused.
UNDER_WAY = frozenset(
    {
        Reason.FETCHING,
        Reason.ROLLING_OUT,
        Reason.ROLLING_BACK,
        Reason.REPAIRING,
        Reason.CHECKING,
        Reason.CANARY_PAUSED,
        Reason.BAKING,
        Reason.QUEUED,
        Reason.RETRYING,
        Reason.RESTORING,
        Reason.PROMOTED,
        Reason.LOOKING_UP,
        Reason.SNAPSHOT_PENDING,
        Reason.PAUSED,
    }
)
# Nothing that these ask for happens while spec.suspend is true.
_NEED_MOVEMENT = frozenset({"promote", "abort", "retry", "rollback", "approve"})


def version_for(verb: str, view: View, given: str | None) -> str | None:
    """The version that the verb's token names.

    Raises:
        Refused: none was given, and there is none to take.
    """
    if verb == "approve":
        return given or _on_offer(view)
    if verb == "rollback":
        return given or before(view)
    return None


def before(view: View) -> str:
    """The release that served before the one that is wanted, among those that are kept.

    Raises:
        Refused: none is kept.
    """
    # While another one is on its way, what serves is the one before.
    if view.target is not None and view.last_good not in (None, view.target.version):
        return view.last_good or ""
    # History is what was served, in that order; a release may be older or newer by its date.
    served = [p.version for p in view.history if p.outcome == "Succeeded" and p.version in view.kept]
    sound = [version for version in view.kept if version not in {r.version for r in view.refused}]
    if not served and not sound:
        raise Refused(f"No other release of {view.name} is kept; spec.storage.keep says how many are.")
    return served[-1] if served else sound[0]


def judge(verb: str, view: View, version: str | None) -> None:
    """Let a verb through.

    Raises:
        Refused: it makes no sense now.
    """
    if view.suspended and verb in _NEED_MOVEMENT:
        raise Refused(f"{view.name} is suspended: nothing moves while spec.suspend is true.")
    why = {
        "promote": _promote,
        "abort": _abort,
        "retry": _retry,
        "pause": _pause,
        "resume": _resume,
        "rollback": _rollback,
        "approve": _approve,
    }[verb](view, version or "")
    if why:
        raise Refused(why)


def _promote(view: View, _: str) -> str:
    if view.frozen:
        return ""
    if view.target is None:
        return f"Nothing of {view.name} waits to be promoted: no rollout is under way."
    waits = view.target.canary is not None or view.target.bake_until is not None
    if waits and view.target.transfer is None:
        return ""
    return (
        f"Nothing of {view.name} waits to be promoted: {view.target.version} is {view.target.state}, and "
        "neither a canary's pause nor a bake nor a freeze holds it."
    )


def _abort(view: View, _: str) -> str:
    if view.frozen or view.target is not None:
        return ""
    return f"No rollout of {view.name} is under way; `kubectl facedb rollback` goes back to a kept release."


def _retry(view: View, _: str) -> str:
    if any(r.version == view.desired for r in view.refused) or view.is_true("Stalled"):
        return ""
    if view.is_true("Ready") or not view.conditions:
        return f"Nothing of {view.name} was refused: there is nothing to try again."
    if view.phase in UNDER_WAY:
        return f"Nothing of {view.name} was refused: {view.desired or 'it'} is under way ({view.phase})."
    return ""


def _pause(view: View, _: str) -> str:
    return f"{view.name} is paused already." if view.paused else ""


def _resume(view: View, _: str) -> str:
    return "" if view.paused else f"{view.name} is not paused."


def _rollback(view: View, version: str) -> str:
    if version == view.active and view.target is None:
        return f"{version} is in traffic already."
    if view.target is not None and version == view.target.version:
        return f"{version} is itself on its way; `kubectl facedb abort` ends that."
    if version in view.kept or version == view.active:
        return ""
    return f"{version} is not kept. Kept beside the one in traffic: {listed(view.kept)}."


def _approve(view: View, version: str) -> str:
    if view.offer is None:
        return f"{view.name} has no channel: its spec names the version, so change spec.version instead."
    if version == view.desired:
        return f"{version} is chosen already."
    if view.offer.version != version:
        return f"{version} is not on offer; the channel offers {view.offer.version or 'nothing yet'}."
    return ""


def _on_offer(view: View) -> str:
    if view.offer is None:
        raise Refused(_approve(view, ""))
    if view.offer.version is None:
        raise Refused(f"The channel of {view.name} offers nothing yet.")
    return view.offer.version
