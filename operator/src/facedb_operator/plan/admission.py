"""Rollouts of many databases, spread by the operator's settings: one that has not begun waits. Pure."""

from datetime import timedelta

from facedb_operator.facts import Observed
from facedb_operator.names import Reason
from facedb_operator.plan.pods import Goal
from facedb_operator.plan.rollout import rollout
from facedb_operator.plan.trial import current
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import Plan

STEADY = timedelta(seconds=30)


def waits_for_others(db: FaceDatabase, seen: Observed, goal: Goal) -> bool:
    """Whether a rollout may not begin yet. With Recreate it begins before its Deployment is made."""
    at = current(db, goal.revision_key)
    begun = seen.workload(goal.revision_key) is not None or (
        at is not None and at.state == Reason.ROLLING_OUT
    )
    return goal.on_trial and not begun and not seen.fleet.may_begin


def queued(db: FaceDatabase, seen: Observed, good: Goal | None) -> Plan:
    """The pass of one that waits: what serves is kept serving."""
    steps = rollout(db, seen, good).steps if good is not None else ()
    return Plan(Reason.QUEUED, seen.fleet.message, steps, check_again=STEADY)
