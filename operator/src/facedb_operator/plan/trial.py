"""A trial: how far it has come, and whether it has failed. Pure.

A revision is on trial from its first pod until it has served alone for ``rollout.bake``. It fails when a pod
crashes again and again, cannot load the release or serves another one, when a check finds something, when
nothing comes further for ``rollout.progressDeadline``, and during the bake when any container ends.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from facedb_operator.facts import Observed, Pod, Workload
from facedb_operator.names import Reason
from facedb_operator.plan import checks
from facedb_operator.plan.pods import (
    MOST_RESTARTS,
    Goal,
    good_pods,
    in_traffic,
    is_good,
    live,
    others,
    restarted_since,
    serves,
)
from facedb_operator.plan.strategies import Shape, in_steps, share
from facedb_operator.record import Bad, Target
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.rollout import OnFailure, When
from facedb_operator.steps import Walk

# In these nothing could come further: the deadline counts from their end.
STANDING_STILL = frozenset(
    {Reason.SUSPENDED, Reason.HIBERNATED, Reason.PAUSED, Reason.FROZEN, Reason.RETRYING, Reason.QUEUED}
)
# What one sort of progress is worth, so that a later sort outweighs all of the earlier ones.
_STARTED, _ABLE, _SERVING, _STEP = 10, 50, 100, 10_000


def remembered(db: FaceDatabase, goal: Goal) -> Walk:
    """How far the trial had come when status was last written."""
    at = current(db, goal.revision_key)
    if at is None or not goal.on_trial:
        return Walk()
    return Walk(at.step, at.step_since, at.alone_since, at.promoted, at.accepted)


def current(db: FaceDatabase, revision_key: str) -> Target | None:
    """The rollout that status tells of, if it is this revision's."""
    target = db.record.target
    return target if target is not None and target.revision_key == revision_key else None


def stood_still(db: FaceDatabase, revision_key: str) -> bool:
    """Whether the last pass let nothing move."""
    target = current(db, revision_key)
    return target is not None and target.state in STANDING_STILL


def advance(db: FaceDatabase, seen: Observed, goal: Goal, walk: Walk) -> Walk:
    """How far the trial has come by now."""
    up = len(seen.serving(goal.revision_key))
    if in_steps(db, seen, goal, walk):
        if up < max(1, share(db, walk)):
            return replace(walk, step_since=None)
        walk = replace(walk, step_since=walk.step_since or seen.now)
        waits = checks.due(db, seen, goal, When.STEP, checks.after_step(walk.step)).waits
        over = pause_ends(db, walk) is not None and seen.now >= (pause_ends(db, walk) or seen.now)
        # One step a pass: the next one's pods are still to come.
        return Walk(walk.step + 1) if over and not waits else walk
    alone = up >= max(1, db.sidecar.replicas) and not any(in_traffic(seen, w) for w in others(seen, goal))
    return replace(walk, step_since=None, alone_since=walk.alone_since or (seen.now if alone else None))


def pause_ends(db: FaceDatabase, walk: Walk) -> datetime | None:
    """When the pause of the canary's step is over; None while only somebody's promotion ends it."""
    if walk.step_since is None:
        return None
    if walk.promoted or walk.accepted:
        return walk.step_since
    pause = db.rollout.steps[walk.step].pause
    return walk.step_since + pause if pause is not None else None


def bake_ends(db: FaceDatabase, walk: Walk) -> datetime | None:
    """When the bake is over; None while the goal does not serve alone."""
    if walk.alone_since is None:
        return None
    return walk.alone_since + (timedelta(0) if walk.accepted else db.rollout.bake)


def score(db: FaceDatabase, seen: Observed, revision_key: str, walk: Walk) -> int:
    """How far a rollout is, as a number that grows: pods seen, started, good, serving; old ones gone."""
    wanted = db.sidecar.replicas
    work = seen.workload(revision_key)
    mine = live(seen, revision_key)
    # Pods that come and go again and again are no progress.
    known = min(wanted, len(mine)) + _STARTED * min(wanted, sum(1 for p in mine if p.ip))
    able = _ABLE * len(good_pods(seen, work)) if work else 0
    gone = max(0, _STARTED - 1 - sum(1 for p in seen.pods if p.revision_key != revision_key))
    steps = _STEP * (len(db.rollout.steps) if walk.alone_since else walk.step)
    return 1 + known + able + _SERVING * len(seen.serving(revision_key)) + gone + steps


def judge(db: FaceDatabase, seen: Observed, goal: Goal, walk: Walk, wanted: Shape) -> Bad | None:
    """The reason why the goal's trial has failed, if it has."""
    work = seen.workload(goal.revision_key)
    if work is None or walk.accepted:
        return None
    found = (
        _first_fault(seen, work)
        or _fault_in_bake(seen, work, walk)
        or _check_failed(db, seen, goal, work)
        or _overdue(db, seen, work, walk, wanted)
    )
    if found is None:
        return None
    frozen = db.rollout.on_failure is OnFailure.FREEZE
    judged = verdict(db, seen, goal.digest, *found, frozen=frozen)
    return replace(judged, keys=(db.judged_key,))


def verdict(
    db: FaceDatabase, seen: Observed, digest: str | None, reason: str, message: str, *, frozen: bool = False
) -> Bad:
    """A judgement against the revision that the spec asks for, and this try at it."""
    return Bad(db.version, digest, (db.trial_key,), reason, message, seen.now, db.revision_key, frozen)


def broken(seen: Observed, work: Workload) -> list[Pod]:
    """Pods of a revision that have failed."""
    return [p for p in live(seen, work.revision_key) if _fault(p, work) is not None]


def _first_fault(seen: Observed, work: Workload) -> tuple[str, str] | None:
    # Pods of an earlier Deployment of this name, which are still going away, do not count.
    mine = (p for p in live(seen, work.revision_key) if p.created_at >= work.created_at)
    return next((found for p in mine if (found := _fault(p, work)) is not None), None)


def _fault(pod: Pod, work: Workload) -> tuple[str, str] | None:
    if pod.restarts >= MOST_RESTARTS:
        return Reason.CRASH_LOOP, f"Pod {pod.name} restarted {pod.restarts} times{_last_exit(pod)}"
    answer = pod.answer
    if answer is None:
        return None
    if answer.failed:
        return answer.reason or Reason.LOAD_FAILED, f"Pod {pod.name} cannot serve: {answer.message}"
    if answer.ready and not serves(pod, work) and pod.containers_ready:
        said = f"{answer.version} ({answer.digest})"
        return (
            Reason.WRONG_RELEASE_SERVED,
            f"Pod {pod.name} serves {said}, not {work.version} ({work.digest})",
        )
    return None


def _fault_in_bake(seen: Observed, work: Workload, walk: Walk) -> tuple[str, str] | None:
    since = walk.alone_since
    if since is None:
        return None
    for pod in live(seen, work.revision_key):
        if restarted_since(pod, since):
            return Reason.RESTARTED, f"Pod {pod.name} was restarted during the bake{_last_exit(pod)}"
        served = pod.started_at is not None and pod.started_at <= since
        if served and pod.answer is not None and not pod.answer.ready:
            return Reason.DEGRADED, f"Pod {pod.name} stopped serving during the bake: {pod.answer.message}"
    return None


def _check_failed(db: FaceDatabase, seen: Observed, goal: Goal, work: Workload) -> tuple[str, str] | None:
    found = checks.failure(db, seen, goal, work)
    return (Reason.CHECK_FAILED, found) if found else None


def _overdue(
    db: FaceDatabase, seen: Observed, work: Workload, walk: Walk, wanted: Shape
) -> tuple[str, str] | None:
    pods = live(seen, work.revision_key)
    behind = [p for p in pods if not is_good(p, work)]
    since = _watched(seen, _clock(db, work, walk, behind, few=len(pods) < wanted.aim))
    deadline = db.rollout.progress_deadline
    # Pods that are good but not yet let in are progress that this very pass will make.
    if len(pods) - len(behind) >= wanted.aim or since is None or seen.now - since <= deadline:
        return None
    waits = [w for w in (work.trouble, *(p.unschedulable or p.waiting for p in behind)) if w]
    why = f": {waits[0]}" if waits else ""
    message = f"{work.version} made no progress for {deadline.total_seconds():.0f} s{why}"
    return Reason.PROGRESS_DEADLINE, message


def _watched(seen: Observed, since: datetime | None) -> datetime | None:
    """The same moment, or when somebody began to look; a moment ahead is of before a clock was set back."""
    if since is None or seen.since is None:
        return since
    return max(since, seen.since) if since <= seen.now else seen.since


def _clock(db: FaceDatabase, work: Workload, walk: Walk, behind: list[Pod], *, few: bool) -> datetime | None:
    """Since when nothing has come further; None where nothing had to. ``few``: pods are missing."""
    if walk.alone_since is not None:
        # All was done before: a pod that lags now lags since it came, or since it stopped being ready. Where
        # none came for one that went, a quota say, nobody knows since when: the bake's end is when it had to.
        lags = max((max(p.created_at, p.ready_since or p.created_at) for p in behind), default=None)
        return bake_ends(db, walk) if lags is None and few else lags
    # The step's pods served until this pass.
    if walk.step_since is not None or stood_still(db, work.revision_key):
        return None
    target = current(db, work.revision_key)
    # Its first pass: the Deployment may be left from an earlier try.
    return max(target.progressed_at, work.created_at) if target else None


def _last_exit(pod: Pod) -> str:
    return f", last exit: {pod.last_exit}" if pod.last_exit else ""
