"""When pods of the goal cannot be made because its bytes are gone: get them back, keep serving meanwhile.

Pure. Somebody may have deleted a claim or a snapshot; the bytes may have changed at rest; or a release is
wanted again that is kept as a snapshot.
"""

from dataclasses import replace
from datetime import timedelta

from facedb_operator.facts import Observed, Workload
from facedb_operator.names import Reason
from facedb_operator.plan.keeping import CHANGED_AT_REST, is_verified, on_its_way
from facedb_operator.plan.pods import Goal, good_pods, live, others
from facedb_operator.plan.rollout import rollout
from facedb_operator.plan.staging import refetching, refetching_models
from facedb_operator.plan.volumes import is_lost
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import DeleteClaim, DeleteSnapshot, DeleteWorkload, Plan, ScaleWorkload, Step

LOOK_AGAIN = timedelta(seconds=1)


def recovery(db: FaceDatabase, seen: Observed, goal: Goal) -> Plan | None:
    """The next step towards pods of the goal, where its bytes are gone; None when they are there."""
    if (changed := _changed_at_rest(seen, goal)) is not None:
        return _hold(db, seen, goal, changed)
    if _stands(db, seen, goal):
        wait = on_its_way(db, seen, goal.release_key, goal.version)
        made = seen.workload(goal.revision_key) is not None
        return None if made or wait is None else _hold(db, seen, goal, wait)
    if not is_verified(seen, _models(db, seen, goal)):
        return _hold(db, seen, goal, refetching_models(db, seen))
    good = db.record.last_good
    # The wanted release's bytes are staging's part.
    staged_there = goal.release_key == db.release_key and db.verdict is None
    todo = refetching(db, seen, good) if good is not None and not staged_there else None
    if todo is None:
        todo = Plan(
            Reason.RESTORING, f"The bytes of {goal.version} are not there yet.", check_again=LOOK_AGAIN
        )
    return _hold(db, seen, goal, todo)


def _changed_at_rest(seen: Observed, goal: Goal) -> Plan | None:
    """Away with bytes that no pod serves, because they are not those that were verified; None otherwise.

    A volume made from the release's snapshot takes that snapshot along: it holds the same.
    """
    work = seen.workload(goal.revision_key)
    # A trial has its own judge; and what other pods still serve from is left to them.
    if goal.on_trial or work is None or good_pods(seen, work):
        return None
    if any(w.claim and w.claim == work.claim for w in others(seen, goal)):
        return None
    said = (p.answer for p in live(seen, goal.revision_key) if p.answer is not None)
    why = next((a.message for a in said if a.failed and a.reason in CHANGED_AT_REST), None)
    if why is None:
        return None
    claim = seen.claim(work.claim)
    source = claim.restored_from if claim is not None else work.snapshot
    own = seen.snapshot(goal.release_key)
    steps: tuple[Step, ...] = (DeleteClaim(claim.name),) if claim is not None else ()
    if own is not None and own.name == source:
        steps = (*steps, DeleteSnapshot(own.name))
    message = f"The bytes of {goal.version} changed at rest: {why} They are made anew."
    return Plan(Reason.RESTORING, message, steps, check_again=LOOK_AGAIN)


def _models(db: FaceDatabase, seen: Observed, goal: Goal) -> str:
    """The claim of the models that the goal's pods mount."""
    work = seen.workload(goal.revision_key)
    named = work.models_claim if work is not None else ""
    return named or db.running(None, goal.models).models_claim_name


def _stands(db: FaceDatabase, seen: Observed, goal: Goal) -> bool:
    """Whether pods of the goal run, or can be made."""
    if any(p.ip and not p.deleting for p in seen.pods_of(goal.revision_key)):
        return True
    if not is_verified(seen, _models(db, seen, goal)):
        return False
    work = seen.workload(goal.revision_key)
    if work is not None and work.snapshot:
        return any(s.name == work.snapshot and s.ready and not s.deleting for s in seen.snapshots)
    if work is None and goal.snapshot is not None:
        return True
    claim = seen.claim(goal.claim)
    return claim is not None and claim.verified is not None and not is_lost(claim, seen)


def _hold(db: FaceDatabase, seen: Observed, goal: Goal, todo: Plan) -> Plan:
    """What serves goes on serving; pods that wait for the lost bytes must not see them half there."""
    waiting = seen.workload(goal.revision_key)
    steps: tuple[Step, ...] = (DeleteWorkload(waiting.name),) if waiting is not None else ()
    now = max(
        (w for w in seen.workloads if w.revision_key != goal.revision_key and not w.deleting),
        key=lambda w: (len(seen.serving(w.revision_key)), w.created_at),
        default=None,
    )
    if now is not None and seen.serving(now.revision_key):
        upkeep = rollout(db, seen, _as_goal(now))
        steps = (*steps, *(s for s in upkeep.steps if not _is_of(s, waiting)))
    return replace(todo, steps=(*steps, *todo.steps), good=None, bad=None)


def _as_goal(work: Workload) -> Goal:
    return Goal(work.version, work.digest, work.claim, work.release_key, work.revision_key, on_trial=False)


def _is_of(step: Step, work: Workload | None) -> bool:
    return work is not None and isinstance(step, ScaleWorkload | DeleteWorkload) and step.name == work.name
