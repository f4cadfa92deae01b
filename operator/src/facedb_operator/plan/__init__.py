"""Observed facts → the next steps. Called only by ``handlers.reconcile``. Never talks to the API.

Pure: same inputs, same answer; no clock, no network. Two movements run side by side: *staging* gets the
bytes of the desired release, *rollout* brings the goal into traffic, where the goal is the desired release
once it is staged and not known bad, and the last good one otherwise. Going back is only another goal.
"""

from dataclasses import replace
from datetime import timedelta

from facedb_operator import names
from facedb_operator.facts import Observed
from facedb_operator.names import Component, Reason
from facedb_operator.plan.admission import queued, waits_for_others
from facedb_operator.plan.channel import channel
from facedb_operator.plan.checks import stale_checks
from facedb_operator.plan.decisions import decision, in_vain, while_suspended
from facedb_operator.plan.garbage import collect_garbage
from facedb_operator.plan.keeping import (
    awaited,
    models_of_good,
    pods_source,
    preserve,
    snapshot_trouble,
    unavailable,
)
from facedb_operator.plan.pods import Goal
from facedb_operator.plan.protection import protection
from facedb_operator.plan.recovery import recovery
from facedb_operator.plan.rollout import clear, rollout
from facedb_operator.plan.staging import staging, unheard
from facedb_operator.plan.stillness import stillness
from facedb_operator.record import Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import CreateClaim, EnsureAccess, EnsureService, Plan

STEADY = timedelta(seconds=30)


def plan(db: FaceDatabase, seen: Observed) -> Plan:
    """Choose what to do next. Safe to follow at any time, any number of times."""
    return replace(_chosen(db, seen), heard=unheard(db, seen))


def _chosen(db: FaceDatabase, seen: Observed) -> Plan:
    if db.suspend:
        words = "Suspended by spec.suspend: nothing is changed until it is false."
        return while_suspended(db, Plan(Reason.SUSPENDED, words))
    # A decision is written down before anything is done about it.
    if (decided := decision(db, seen)) is not None:
        return decided
    still = stillness(db, seen)
    if still is None and (groundwork := _groundwork(db, seen)) is not None:
        return groundwork
    look = channel(db, seen)
    if look.first is not None:
        # What stands still takes no other version from its channel.
        return look.first if still is None else in_vain(db, seen, still)
    return in_vain(db, seen, look.beside(still if still is not None else _serve(db, seen)))


def _serve(db: FaceDatabase, seen: Observed) -> Plan:
    """Bring the wanted release into traffic, or keep the last good one there."""
    fetch = unavailable(db, seen) or staging(db, seen) or awaited(db, seen)
    # A fresh verdict is written down before anything is done about it.
    if fetch is not None and fetch.bad is not None:
        return fetch
    goal = choose_goal(db, seen, staged=fetch is None and db.verdict is None)
    if goal is not None and waits_for_others(db, seen, goal):
        return queued(db, seen, choose_goal(db, seen, staged=False))
    lost = recovery(db, seen, goal) if goal is not None else None
    move = lost or (rollout(db, seen, goal) if goal is not None else _nothing_to_serve(db, seen))
    if move.bad is not None:
        return move
    steps = (*protection(db, seen), *move.steps, *(fetch.steps if fetch else ()), *preserve(db, seen))
    if not steps:
        steps = collect_garbage(db, seen, settled=fetch is None and move.reason == Reason.SERVING)
        steps = (*steps, *stale_checks(db, seen))
    waits = (move.check_again, fetch.check_again if fetch is not None else None)
    again = min((wait for wait in waits if wait is not None), default=STEADY)
    notes = (lost.message if fetch is not None and lost is not None else None, snapshot_trouble(db, seen))
    told = fetch or move
    message = " ".join((told.message, *(note for note in notes if note and note not in told.message)))
    return replace(told, message=message, steps=steps, check_again=again)


def _groundwork(db: FaceDatabase, seen: Observed) -> Plan | None:
    """What pods need beside a release: the Service, the volume of the users' state, their account."""
    if seen.service_key != db.service_key:
        what = "Creating" if seen.service_key is None else "Mending"
        return Plan(Reason.ROLLING_OUT, f"{what} the Service.", (EnsureService(),), timedelta(0))
    # One that is going away is left to go: pods that run keep it, and another would have its name.
    if seen.state is None:
        step = CreateClaim(Component.STATE, db.sidecar.state.size)
        return Plan(Reason.ROLLING_OUT, "Creating the volume for users' state.", (step,), timedelta(0))
    if db.sidecar.updates and seen.access_key != names.ACCESS_KEY:
        return Plan(Reason.ROLLING_OUT, "Creating the pods' account.", (EnsureAccess(),), timedelta(0))
    return None


def choose_goal(db: FaceDatabase, seen: Observed, *, staged: bool) -> Goal | None:
    """The revision that shall serve now: what the spec asks for once it is staged, else the last good."""
    good = db.record.last_good
    if staged:
        own, claim = pods_source(db, seen, db.release_key), seen.claim(db.claim_name)
        facts = own.verified if own is not None else claim.verified if claim is not None else None
        on_trial = good is None or good.revision_key != db.revision_key
        digest = facts.digest if facts is not None else db.digest
        return Goal(db.version, digest, db.claim_name, db.release_key, db.revision_key, on_trial, own)
    if good is None:
        return None
    # Pods of the last good release keep their own settings; only if its Deployment was deleted by
    # somebody is it made again, from the settings of today, but with its models.
    kept = seen.workload(good.revision_key) is not None
    models = models_of_good(db, seen)
    revision, image = (good.revision_key, None) if kept else _made_anew(db, good, models)
    own = pods_source(db, seen, good.release_key)
    key = good.release_key
    return Goal(good.version, good.digest, good.claim, key, revision, False, own, image, models)


def _made_anew(db: FaceDatabase, good: Good, models: str) -> tuple[str, str | None]:
    """The revision of a good release whose Deployment is gone, and its image where today's was refused."""
    key = good.release_key
    today = {db.revision_of(key), db.running(None, models).revision_of(key)}
    refused = not today.isdisjoint(b.revision_key for b in db.record.bad)
    image = good.image if refused else None
    return db.running(image, models).revision_of(key), image


def _nothing_to_serve(db: FaceDatabase, seen: Observed) -> Plan:
    bad = db.verdict
    reason = bad.reason if bad else Reason.NOT_SERVING
    message = bad.message if bad else "No release has been rolled out yet."
    return Plan(reason, message, clear(db, seen) if bad else (), check_again=STEADY)
