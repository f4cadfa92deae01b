"""Whether what a channel offers is taken now, and what it waits for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from facedb_operator import names
from facedb_operator.facts import Observed
from facedb_operator.names import Condition, Reason
from facedb_operator.plan.lookups import Pending
from facedb_operator.plan.verbs import Asked, asked, handle
from facedb_operator.plan.windows import next_opening
from facedb_operator.record import Available
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.channel import Channel, Policy
from facedb_operator.steps import Notice
from facedb_release.version import Version, parse_version

# The source has answered, and what it offered before is not there any more.
WITHDRAWN = frozenset({"VersionNotFound", "AssetNotFound"})


@dataclass(frozen=True)
class Decision:
    """What becomes of an offer.

    Attributes:
        notice: the condition UpdateAvailable; None leaves the one that stands.
        chosen: the version that is taken now.
        handled: tokens that were dealt with.
        until: when the answer may be another one by itself.
    """

    notice: Notice | None = None
    chosen: str | None = None
    handled: Mapping[str, str] = field(default_factory=dict)
    until: datetime | None = None


def decide(db: FaceDatabase, seen: Observed, offer: Available | None, trouble: Pending | None) -> Decision:
    """Whether the offer is taken now.

    Args:
        db: a database with a channel.
        seen: what there is.
        offer: None while nothing is offered.
        trouble: why the source's answer is not there or not fresh; nothing is taken from an old one.
    """
    if offer is None or db.channel is None:
        reason = trouble.reason if trouble else Reason.LOOKING_UP
        return Decision(_notice(None, reason, trouble.message if trouble else "Nothing is known yet."))
    verbs = asked(db)
    handled = handle(db, "approve") if verbs.approve and verbs.approve == db.version else {}
    if trouble is not None:
        return replace(_not_fresh(db, offer, trouble), handled=handled)
    if not is_newer(db, offer.version):
        return replace(_nothing_newer(db, verbs, offer), handled=handled)
    if replace(db, version=offer.version).verdict is not None:
        message = f"{offer.version} is offered, and was refused before. {_other(verbs, db, offer)}"
        return Decision(_notice(True, Reason.REFUSED_BEFORE, message), handled=handled)
    # The first release, or the one that serves: nothing that works is disturbed.
    good = db.record.last_good
    if good is None or good.version == offer.version:
        return _take(db, verbs, offer)
    wait = _wait(db, db.channel, verbs, seen, offer)
    return replace(wait, handled=handled) if wait is not None else _take(db, verbs, offer)


def is_newer(db: FaceDatabase, version: str) -> bool:
    """Whether a version may follow what is wanted now: never one that is older than what is known good."""
    if version == db.version:
        return False
    if db.verdict is None:
        return not db.version or _is_above(version, db.version)
    # What is wanted was refused: what serves is the measure, and may itself be wanted again.
    good = db.record.last_good
    return good is None or version == good.version or _is_above(version, good.version)


def _wait(
    db: FaceDatabase, wished: Channel, verbs: Asked, seen: Observed, offer: Available
) -> Decision | None:
    approved = verbs.approve == offer.version
    known_since = offer.seen_at + wished.soak
    if not approved and wished.policy is Policy.NOTIFY:
        other = verbs.approve and verbs.approve != db.version
        reason = Reason.NOT_ON_OFFER if other else Reason.AWAITING_APPROVAL
        return _waiting(reason, f"{offer.version} is available. {_other(verbs, db, offer)}{_how(db, offer)}")
    if not approved and seen.now < known_since:
        message = f"{offer.version} is available. It soaks until {_clock(known_since)}."
        sooner = f"{_other(verbs, db, offer)}Sooner: {_how(db, offer)}"
        return _waiting(Reason.SOAKING, f"{message} {sooner}", known_since)
    opening = next_opening(wished.window, seen.now) if wished.window is not None else seen.now
    if opening is None or opening > seen.now:
        when = f"opens {_clock(opening)}" if opening is not None else "never opens"
        yes = "is approved" if approved else "is available"
        message = f"{offer.version} {yes}. The window {when}. {_other(verbs, db, offer)}"
        return _waiting(Reason.OUTSIDE_WINDOW, message, opening)
    if verbs.paused:
        return _waiting(Reason.PAUSED, f"{offer.version} is available. The database is paused.")
    return None


def _how(db: FaceDatabase, offer: Available) -> str:
    """The line to type, and what it stands for."""
    line = f"kubectl facedb approve {db.name} {offer.version} --namespace {db.namespace}"
    return f"{line} (the annotation {names.APPROVE_ANNOTATION}={offer.version}-TOKEN)."


def _take(db: FaceDatabase, verbs: Asked, offer: Available) -> Decision:
    handled = handle(db, "approve") if verbs.approve in (offer.version, db.version) and verbs.approve else {}
    message = f"{offer.version}, the newest that is offered, was chosen."
    return Decision(_notice(False, Reason.UP_TO_DATE, message), offer.version, handled)


def _not_fresh(db: FaceDatabase, offer: Available, trouble: Pending) -> Decision:
    if not trouble.failed:
        return Decision()
    if trouble.reason in WITHDRAWN:
        return Decision(_notice(None, trouble.reason, f"{offer.version} was offered. {trouble.message}"))
    late = f"The source was last asked at {_clock(offer.checked_at)}. {trouble.reason}: {trouble.message}"
    if is_newer(db, offer.version):
        return Decision(_notice(True, trouble.reason, f"{offer.version} is available. {late}"))
    return Decision(_notice(False, Reason.UP_TO_DATE, f"{offer.version} is offered. {late}"))


def _nothing_newer(db: FaceDatabase, verbs: Asked, offer: Available) -> Decision:
    message = f"{offer.version} is offered, and {db.version} is wanted."
    if verbs.approve and verbs.approve != db.version:
        text = f"{verbs.approve} was approved, but is not on offer: {message}"
        return Decision(_notice(False, Reason.NOT_ON_OFFER, text))
    return Decision(_notice(False, Reason.UP_TO_DATE, message))


def _waiting(reason: str, message: str, until: datetime | None = None) -> Decision:
    return Decision(_notice(True, reason, message.strip()), until=until)


def _other(verbs: Asked, db: FaceDatabase, offer: Available) -> str:
    """What to say of an approval that is for something else."""
    if not verbs.approve or verbs.approve in (offer.version, db.version):
        return ""
    return f"{verbs.approve} was approved, but is not on offer. "


def _notice(status: bool | None, reason: str, message: str) -> Notice:
    return Notice(Condition.UPDATE_AVAILABLE, status, reason, message)


def _is_above(one: str, other: str) -> bool:
    left, right = _parsed(one), _parsed(other)
    return left is not None and right is not None and left > right


def _parsed(text: str) -> Version | None:
    try:
        return parse_version(text)
    except ValueError:
        return None


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
