"""Which version a channel's database wants: what is offered, and whether it may be taken now. Pure.

The source is asked by Jobs, one an interval. What it offers stands in status; it is taken when the policy or
an approval allows it and the window is open, and only if it is newer than what is wanted. The first release
of a database is taken at once: nothing serves that could be disturbed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta

from facedb_operator import names
from facedb_operator.facts import Observed
from facedb_operator.names import Reason
from facedb_operator.plan.lookups import Found, Pending, Question, ask, offered, outdated
from facedb_operator.plan.offers import Decision, decide
from facedb_operator.plan.sizes import size_keys
from facedb_operator.record import Available
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.channel import Channel
from facedb_operator.steps import Notice, Plan, Step

SHORTEST_INTERVAL = timedelta(minutes=1)


@dataclass(frozen=True)
class Look:
    """What the channel brings to a pass.

    Attributes:
        first: the whole plan of this pass, where a choice or an answer has to come before anything else.
        steps: to be done beside the others.
        again: look again after this long.
    """

    first: Plan | None = None
    steps: tuple[Step, ...] = ()
    available: Available | None = None
    handled: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[Notice, ...] = ()
    again: timedelta | None = None

    def beside(self, todo: Plan) -> Plan:
        """The plan of the rest, and this."""
        waits = [wait for wait in (todo.check_again, self.again) if wait is not None]
        return replace(
            todo,
            steps=(*todo.steps, *self.steps),
            available=self.available or todo.available,
            handled={**todo.handled, **self.handled},
            notices=(*todo.notices, *self.notices),
            check_again=min(waits, default=None),
        )


def channel(db: FaceDatabase, seen: Observed) -> Look:
    """What is offered, and whether it is taken now. Nothing where the spec pins a version."""
    if db.channel is None:
        return Look(steps=outdated(seen, size_keys(db, seen)))
    question = _question(db, db.channel)
    answer = _answer(db, seen, question, db.channel)
    offer = _offer(db, seen, answer, db.channel)
    steps = answer.steps if isinstance(answer, Pending) else ()
    asked = frozenset({question.key}) | size_keys(db, seen)
    decision = decide(db, seen, offer, _trouble(answer))
    look = Look(
        steps=(*steps, *outdated(seen, asked)),
        available=offer,
        handled=decision.handled,
        notices=(decision.notice,) if decision.notice is not None else (),
        again=_soonest(seen, db.channel, answer, offer, decision),
    )
    return replace(look, first=_first(db, look, answer, decision))


def _first(db: FaceDatabase, look: Look, answer: Found | Pending | None, decision: Decision) -> Plan | None:
    if decision.chosen is not None:
        # Status remembers the choice before anything is done about it.
        message = f"{decision.chosen} was chosen from the channel."
        todo = look.beside(Plan(Reason.FETCHING, message, check_again=timedelta(0)))
        return replace(todo, chosen=decision.chosen)
    if not db.version and isinstance(answer, Pending):
        refused = answer.failure is not None and answer.failure.permanent
        return look.beside(Plan(answer.reason, answer.message, check_again=answer.again, stalled=refused))
    return None


def _identity(db: FaceDatabase, wished: Channel) -> str:
    return names.short_hash(db.uid, wished.range or "latest", asdict(db.source), db.verbs.retry)


def _known(db: FaceDatabase, wished: Channel) -> Available | None:
    """What status remembers, if it is the answer to what is asked today."""
    found = db.record.available
    return found if found is not None and found.question == _identity(db, wished) else None


def _question(db: FaceDatabase, wished: Channel) -> Question:
    known = _known(db, wished)
    before = known.checked_at.timestamp() if known else 0
    return Question(names.short_hash(_identity(db, wished), int(before)), wished.range or "latest")


def _answer(db: FaceDatabase, seen: Observed, question: Question, wished: Channel) -> Found | Pending | None:
    """The answer of this interval's lookup; None while the last one still counts."""
    known = _known(db, wished)
    if known is not None and seen.now < known.checked_at + _interval(wished):
        return None
    return ask(seen, question, when_refused=_interval(wished))


def _offer(
    db: FaceDatabase, seen: Observed, answer: Found | Pending | None, wished: Channel
) -> Available | None:
    if isinstance(answer, Found):
        return offered(answer, _identity(db, wished), db.record.available, seen.now)
    return _known(db, wished)


def _trouble(answer: Found | Pending | None) -> Pending | None:
    return answer if isinstance(answer, Pending) else None


def _soonest(
    seen: Observed,
    wished: Channel,
    answer: Found | Pending | None,
    offer: Available | None,
    decision: Decision,
) -> timedelta:
    waits = [answer.again] if isinstance(answer, Pending) else []
    if offer is not None and not waits:
        waits.append(offer.checked_at + _interval(wished) - seen.now)
    if decision.until is not None:
        waits.append(decision.until - seen.now)
    return max(timedelta(0), min(waits))


def _interval(wished: Channel) -> timedelta:
    return max(wished.interval, SHORTEST_INTERVAL)
