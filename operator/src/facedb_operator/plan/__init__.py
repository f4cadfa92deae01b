"""Observed facts → the next steps. Called only by ``handlers.reconcile``. Never talks to the API.

Pure: same inputs, same answer; no clock, no network. Two movements run side by side: *staging* gets the
bytes of the desired release, *rollout* brings the goal into traffic, where the goal is the desired release
once it is staged and not known bad, and the last good one otherwise. Going back is only another goal.
"""

from dataclasses import replace
from datetime import timedelta

from facedb_operator import names
from facedb_operator.facts import Claim, FetchJob, JobState, Observed
from facedb_operator.names import Component, Reason
from facedb_operator.plan.channel import channel
from facedb_operator.plan.rollout import Goal, clear, rollout
from facedb_operator.plan.staging import staging, stale_jobs
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import (
    CreateClaim,
    DeleteAccess,
    DeleteClaim,
    DeleteJob,
    EnsureAccess,
    EnsureService,
    OwnClaim,
    Plan,
    Step,
)

STEADY = timedelta(seconds=30)


def plan(db: FaceDatabase, seen: Observed) -> Plan:
    """Choose what to do next. Safe to follow at any time, any number of times."""
    if db.suspend:
        return Plan(Reason.SUSPENDED, "Suspended by spec.suspend: nothing is changed until it is false.")
    if (groundwork := _groundwork(db, seen)) is not None:
        return groundwork
    look = channel(db, seen)
    return look.first if look.first is not None else look.beside(_serve(db, seen))


def _serve(db: FaceDatabase, seen: Observed) -> Plan:
    """Bring the wanted release into traffic, or keep the last good one there."""
    fetch = staging(db, seen)
    # A fresh verdict is written down before anything is done about it.
    if fetch is not None and fetch.bad is not None:
        return fetch
    goal = choose_goal(db, seen, staged=fetch is None and db.verdict is None)
    move = rollout(db, seen, goal) if goal is not None else _nothing_to_serve(db, seen)
    if move.bad is not None:
        return move
    steps = (*move.steps, *(fetch.steps if fetch else ()))
    if not steps:
        steps = collect_garbage(db, seen, settled=fetch is None and move.reason == Reason.SERVING)
    waits = (move.check_again, fetch.check_again if fetch is not None else None)
    again = min((wait for wait in waits if wait is not None), default=STEADY)
    if fetch is not None:
        return replace(fetch, steps=steps, check_again=again)
    return replace(move, steps=steps, check_again=again)


def _groundwork(db: FaceDatabase, seen: Observed) -> Plan | None:
    """What pods need beside a release: the Service, the volume of the users' state, their account."""
    if seen.service_key != db.service_key:
        return Plan(Reason.ROLLING_OUT, "Creating the Service.", (EnsureService(),), timedelta(0))
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
        claim = seen.claim(db.claim_name)
        facts = claim.verified if claim else None
        on_trial = good is None or good.revision_key != db.revision_key
        digest = facts.digest if facts else db.digest
        return Goal(db.version, digest, db.claim_name, db.release_key, db.revision_key, on_trial)
    if good is None:
        return None
    # Pods of the last good release keep their own settings; only if its Deployment was deleted by
    # somebody is it made again, from the settings of today.
    kept = seen.workload(good.revision_key) is not None
    revision = good.revision_key if kept else db.revision_of(good.release_key)
    return Goal(good.version, good.digest, good.claim, good.release_key, revision, on_trial=False)


def _nothing_to_serve(db: FaceDatabase, seen: Observed) -> Plan:
    bad = db.verdict
    reason = bad.reason if bad else Reason.NOT_SERVING
    message = bad.message if bad else "No release has been rolled out yet."
    return Plan(reason, message, clear(seen) if bad else (), check_again=STEADY)


def collect_garbage(db: FaceDatabase, seen: Observed, *, settled: bool) -> tuple[Step, ...]:
    """Delete what nobody needs: Jobs that have answered, claims of refused releases, claims beyond ``keep``.

    Args:
        db: the database.
        seen: what there is.
        settled: the goal serves and nothing is being fetched; only then do verified releases go.
    """
    needed = _needed_claims(db, seen)
    idle = [c for c in seen.claims if c.name not in needed and not c.deleting and not _written(seen)]
    spare = max(0, db.storage.keep - sum(1 for c in seen.claims if c.name in needed and _is_release(c)))
    kept = sorted((c for c in idle if _is_release(c) and c.verified), key=lambda c: c.created_at)[::-1][
        :spare
    ]
    gone = [c for c in idle if c not in kept and (settled or (c.verified is None and _is_release(c)))]
    jobs = [DeleteJob(j.name) for j in _idle_jobs(db, seen, {c.name for c in gone}) if not j.deleting]
    owners = [OwnClaim(c.name, owned=not db.retain) for c in seen.claims if c.owned == db.retain]
    return (*jobs, *owners, *_unwanted(db, seen, settled), *(DeleteClaim(c.name) for c in gone))


def _unwanted(db: FaceDatabase, seen: Observed, settled: bool) -> tuple[Step, ...]:
    """The state's owner, as only the state's own field decides; and access that the spec has taken back."""
    keep = db.sidecar.state.retain
    state = seen.state
    owner = (OwnClaim(state.name, owned=not keep),) if state is not None and state.owned == keep else ()
    closed = settled and not db.sidecar.updates and seen.access_key is not None
    return (*owner, *((DeleteAccess(),) if closed else ()))


def _idle_jobs(db: FaceDatabase, seen: Observed, gone: set[str]) -> list[FetchJob]:
    """Jobs whose answer is written down, and those in the way: a claim stays while a pod names it."""
    waiting = {c.name for c in seen.claims if c.verified is None and not c.deleting} - gone
    ended = [j for j in seen.fetches if j.state is not JobState.RUNNING]
    done = [j for j in ended if j.claim not in waiting]
    superseded = [j for j in ended if any(k.key == j.key and k.attempt > j.attempt for k in seen.fetches)]
    return list(dict.fromkeys((*done, *superseded, *stale_jobs(db, seen))))


def _is_release(claim: Claim) -> bool:
    return claim.component is Component.RELEASE


def _written(seen: Observed) -> bool:
    return any(j.state is JobState.RUNNING for j in seen.fetches)


def _needed_claims(db: FaceDatabase, seen: Observed) -> set[str]:
    """Claims that must stay: the last good release's, those of every Deployment, the wanted ones."""
    needed = {db.models_claim_name}
    for work in seen.workloads:
        needed |= {work.claim, work.models_claim}
    if db.record.last_good is not None:
        needed.add(db.record.last_good.claim)
    if db.verdict is None:
        needed.add(db.claim_name)
    return needed
