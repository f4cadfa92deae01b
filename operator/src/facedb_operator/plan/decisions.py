"""What people decide by annotation about a rollout: promote, abort, roll back. Pure.

One thing is decided without them: where all pods of a good release crash again and again, the one before
it comes back.

A decision is written into the status before anything is done about it, in a pass without steps. So it counts
once, wherever the operator is killed. One that decides nothing is dealt with too, and says so.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

from facedb_operator import names
from facedb_operator.facts import Observed, Verified
from facedb_operator.names import Reason
from facedb_operator.plan.keeping import by_service, held, models_of_good
from facedb_operator.plan.pods import Goal, crash_loops, live
from facedb_operator.plan.strategies import in_steps
from facedb_operator.plan.trial import current, remembered, verdict
from facedb_operator.plan.verbs import Asked, asked, handle
from facedb_operator.record import Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.rollout import OnFailure
from facedb_operator.steps import Plan

AT_ONCE = timedelta(0)


@dataclass(frozen=True)
class _Kept:
    """A verified release that is still here, on a volume or as a snapshot."""

    version: str
    release_key: str
    facts: Verified


def decision(db: FaceDatabase, seen: Observed) -> Plan | None:
    """The pass that writes down what somebody has decided; None when there is nothing to write down."""
    asks = asked(db)
    if asks.abort and _on_trial(db):
        return _abort(db, seen)
    if asks.promote and _on_trial(db):
        return _promote(db, seen)
    if asks.rollback and (back := _roll_back(db, seen, asks.rollback)) is not None:
        return back
    return None if asks.paused else _fallen(db, seen)


def in_vain(db: FaceDatabase, seen: Observed, todo: Plan) -> Plan:
    """The pass, and a word on tokens that decide nothing: they are dealt with as well."""
    asks = asked(db)
    words = _without_rollout(asks)
    if asks.rollback:
        words["rollback"] = _why_not(db, seen, asks.rollback)
    return _told(db, todo, words)


def while_suspended(db: FaceDatabase, todo: Plan) -> Plan:
    """The pass of a suspended database: tokens wait, but those for a rollout that is not there.

    What was meant for no rollout must not end the one that comes after the suspension.
    """
    return todo if _on_trial(db) else _told(db, todo, _without_rollout(asked(db)))


def _without_rollout(asks: Asked) -> dict[str, str]:
    words = {}
    if asks.abort:
        words["abort"] = "Nothing to abort: no rollout is under way."
    if asks.promote:
        words["promote"] = "Nothing to promote: nothing waits for it."
    return words


def _told(db: FaceDatabase, todo: Plan, words: dict[str, str]) -> Plan:
    if not words:
        return todo
    handled = {**todo.handled, **handle(db, *words)}
    return replace(todo, message=" ".join((todo.message, *words.values())), handled=handled)


def _on_trial(db: FaceDatabase) -> bool:
    """Whether a rollout is under way, or frozen."""
    frozen = db.verdict is not None and db.verdict.frozen
    return current(db, db.revision_key) is not None and (db.verdict is None or frozen)


def _abort(db: FaceDatabase, seen: Observed) -> Plan:
    message = f"The rollout of {db.version} was aborted by the annotation facedb.dev/abort."
    bad = verdict(db, seen, _digest(db, seen), Reason.ABORTED, message)
    return Plan(bad.reason, message, bad=bad, handled=handle(db, "abort"), check_again=AT_ONCE)


def _promote(db: FaceDatabase, seen: Observed) -> Plan | None:
    goal = Goal(db.version, None, db.claim_name, db.release_key, db.revision_key, on_trial=True)
    walk = remembered(db, goal)
    done = handle(db, "promote")
    if db.verdict is not None:
        walk = replace(walk, step=len(db.rollout.steps), step_since=None, accepted=True)
        message = f"{db.version} was accepted as it is; it is good once it serves."
        return Plan(Reason.PROMOTED, message, pardon=True, walk=walk, handled=done, check_again=AT_ONCE)
    if in_steps(db, seen, goal, walk):
        walk = replace(walk, promoted=True)
        message = f"{db.version} was promoted beyond step {walk.step + 1}."
        return Plan(Reason.PROMOTED, message, walk=walk, handled=done, check_again=AT_ONCE)
    if walk.alone_since is not None and not walk.accepted:
        message = f"The bake of {db.version} was ended by the annotation facedb.dev/promote."
        walk = replace(walk, accepted=True)
        return Plan(Reason.PROMOTED, message, walk=walk, handled=done, check_again=AT_ONCE)
    return None


def _roll_back(db: FaceDatabase, seen: Observed, version: str) -> Plan | None:
    good = db.record.last_good
    kept = _kept(db, seen, version)
    if kept is None or (good is not None and good.revision_key == db.revision_key and version == db.version):
        return None
    message = f"Going back to {version}, as the annotation facedb.dev/rollback asks."
    bad = verdict(db, seen, _digest(db, seen), Reason.ROLLED_BACK_BY_USER, message)
    same = good is not None and good.version == version
    return Plan(
        bad.reason,
        message,
        bad=bad,
        good=None if same else _as_good(db, seen, kept),
        handled=handle(db, "rollback"),
        check_again=AT_ONCE,
    )


def _fallen(db: FaceDatabase, seen: Observed) -> Plan | None:
    """Nobody serves, since every pod of what was good crashes again and again: the release before it."""
    good = db.record.last_good
    if good is None or good.revision_key != db.revision_key or db.rollout.on_failure is OnFailure.FREEZE:
        return None
    pods = live(seen, good.revision_key)
    if db.verdict is not None or not pods or not all(crash_loops(p) for p in pods):
        return None
    refused = {b.digest for b in db.record.bad}
    kept = next(
        (
            k
            for k in _all_kept(db, seen)
            if k.release_key != db.release_key and k.facts.digest not in {*refused, None}
        ),
        None,
    )
    if kept is None:
        return None
    last = f", last exit: {pods[0].last_exit}" if pods[0].last_exit else ""
    message = f"No pod of {db.version} stays up{last}. Going back to {kept.version}, which is kept."
    bad = verdict(db, seen, _digest(db, seen), Reason.CRASH_LOOP, message)
    return Plan(bad.reason, message, bad=bad, good=_as_good(db, seen, kept), check_again=AT_ONCE)


def _why_not(db: FaceDatabase, seen: Observed, version: str) -> str:
    if _kept(db, seen, version) is not None:
        return f"Nothing to roll back to: {version} serves already."
    known = sorted({k.version for k in _all_kept(db, seen)})
    return f"Nothing to roll back to: {version} is not kept (kept are {', '.join(known) or 'none'})."


def _kept(db: FaceDatabase, seen: Observed, version: str) -> _Kept | None:
    good = db.record.last_good
    found = [k for k in _all_kept(db, seen) if k.version == version]
    first = next((k for k in found if good is not None and k.release_key == good.release_key), None)
    # A release that is itself on trial is no release to go back to.
    return first or next(
        (k for k in found if k.release_key != db.release_key or db.verdict is not None), None
    )


def _all_kept(db: FaceDatabase, seen: Observed) -> list[_Kept]:
    """Those whose bytes are there, what served last first; a volume still to be made holds none yet."""
    return [_Kept(h.version, h.release_key, h.verified) for h in by_service(db, held(seen).values())]


def _as_good(db: FaceDatabase, seen: Observed, kept: _Kept) -> Good:
    """The kept release as a Deployment that is still there has it, or with the pods' settings of today.

    Its models are those that serve: what goes back is on no trial.
    """
    work = next((w for w in seen.workloads if w.release_key == kept.release_key and not w.deleting), None)
    models = names.models_key(db.name, work.models_claim) if work else models_of_good(db, seen)
    revision = work.revision_key if work else db.running(None, models).revision_of(kept.release_key)
    return Good(
        kept.version,
        kept.facts.digest,
        names.release_claim(db.name, kept.version, kept.release_key),
        kept.release_key,
        revision,
        names.workload(db.name, kept.version, revision),
        models=models,
    )


def _digest(db: FaceDatabase, seen: Observed) -> str | None:
    claim = seen.claim(db.claim_name)
    return claim.verified.digest if claim is not None and claim.verified is not None else db.digest
