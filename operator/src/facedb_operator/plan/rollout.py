"""Moving traffic: which pods exist and whose readiness gate is open, until the goal serves alone.

Pure. Rolling forward, rolling back and plain upkeep are the same function with another goal: bring the
goal's pods up, open their gates once they answer with the right release, and only then close, drain and
remove the others. With one GPU (Recreate) the others leave first.
"""

from dataclasses import dataclass
from datetime import timedelta

from facedb_operator.facts import Observed, Pod, Workload
from facedb_operator.names import Reason
from facedb_operator.record import Bad, Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.rollout import Strategy
from facedb_operator.steps import (
    CreateWorkload,
    DeleteWorkload,
    Plan,
    ScaleWorkload,
    SetGate,
    Step,
)

LOOK_AGAIN = timedelta(seconds=1)
STEADY = timedelta(seconds=30)
# Long enough for the scheduler to have judged the pod at least once.
UNSCHEDULABLE_AFTER = timedelta(seconds=3)
MOST_RESTARTS = 3


@dataclass(frozen=True)
class Goal:
    """The revision that shall serve. ``on_trial`` until it has been promoted once."""

    version: str
    digest: str | None
    claim: str
    release_key: str
    revision_key: str
    on_trial: bool


def rollout(db: FaceDatabase, seen: Observed, goal: Goal) -> Plan:
    """One pass towards ``goal`` serving with all its replicas and nobody else."""
    if goal.on_trial and (bad := judge(db, seen, goal)) is not None:
        return Plan(bad.reason, bad.message, bad=bad, check_again=timedelta(0))
    steps = (*_gates(db, seen, goal), *_replicas(db, seen, goal))
    up = len(seen.serving(goal.revision_key))
    wanted = db.sidecar.replicas
    others = _others(seen, goal)
    left = [p for w in others for p in seen.pods_of(w.revision_key)]
    work = seen.workload(goal.revision_key)
    if work is not None and work.replicas == wanted and up >= wanted and not left and not steps:
        tidy = tuple(DeleteWorkload(w.name) for w in others)
        message = f"Serving {goal.version} with {up} of {wanted} pods."
        return Plan(Reason.SERVING, message, tidy, check_again=STEADY, good=_good(goal, work) if up else None)
    message = f"{goal.version}: {up} of {wanted} pods serving{_leaving(left)}."
    return Plan(_reason(db, goal), message, steps, check_again=LOOK_AGAIN)


def clear(seen: Observed) -> tuple[Step, ...]:
    """Steps that take every workload away: there is nothing good to serve."""
    return tuple(DeleteWorkload(w.name) for w in seen.workloads if not w.deleting)


def is_good(pod: Pod, work: Workload) -> bool:
    """Whether a pod may take traffic: it runs, and says that it loaded exactly this release."""
    answer = pod.answer
    return (
        not pod.deleting
        and pod.containers_ready
        and answer is not None
        and answer.ready
        and answer.version == work.version
        and (work.digest is None or answer.digest == work.digest)
    )


def score(db: FaceDatabase, seen: Observed, revision_key: str) -> int:
    """How far a rollout is, as a number that grows: pods seen, running, serving; old pods gone."""
    mine = seen.pods_of(revision_key)
    running = sum(1 for p in mine if p.ip)
    others = sum(1 for p in seen.pods if p.revision_key != revision_key)
    return 1 + len(mine) + 10 * running + 100 * len(seen.serving(revision_key)) + max(0, 9 - others)


def judge(db: FaceDatabase, seen: Observed, goal: Goal) -> Bad | None:
    """The reason why the goal's trial has failed, if it has."""
    work = seen.workload(goal.revision_key)
    if work is None:
        return None
    for pod in seen.pods_of(goal.revision_key):
        if not pod.deleting and (found := _fault(pod, work)) is not None:
            return _bad(db, seen, goal, *found)
    since = max(db.record.target.progressed_at if db.record.target else work.created_at, work.created_at)
    deadline = db.rollout.progress_deadline
    # A pod that is good but not yet let in is progress that this very pass will make.
    if seen.now - since > deadline and not any(is_good(p, work) for p in seen.pods_of(goal.revision_key)):
        waits = [w for p in seen.pods_of(goal.revision_key) if (w := p.unschedulable or p.waiting)]
        why = f": {waits[0]}" if waits else ""
        message = f"{goal.version} made no progress for {deadline.total_seconds():.0f} s{why}"
        return _bad(db, seen, goal, Reason.PROGRESS_DEADLINE, message)
    return None


def _fault(pod: Pod, work: Workload) -> tuple[str, str] | None:
    if pod.restarts >= MOST_RESTARTS:
        exit_text = f", last exit: {pod.last_exit}" if pod.last_exit else ""
        return Reason.CRASH_LOOP, f"Pod {pod.name} restarted {pod.restarts} times{exit_text}"
    answer = pod.answer
    if answer is None:
        return None
    if answer.failed:
        return answer.reason or Reason.LOAD_FAILED, f"Pod {pod.name} cannot serve: {answer.message}"
    if answer.ready and not is_good(pod, work) and pod.containers_ready:
        found = f"{answer.version} ({answer.digest})"
        return (
            Reason.WRONG_RELEASE_SERVED,
            f"Pod {pod.name} serves {found}, not {work.version} ({work.digest})",
        )
    return None


def _bad(db: FaceDatabase, seen: Observed, goal: Goal, reason: str, message: str) -> Bad:
    return Bad(goal.version, goal.digest, (db.trial_key,), reason, message, seen.now, goal.revision_key)


def _good(goal: Goal, work: Workload) -> Good:
    return Good(goal.version, goal.digest, goal.claim, goal.release_key, goal.revision_key, work.name)


def _others(seen: Observed, goal: Goal) -> list[Workload]:
    return [w for w in seen.workloads if w.revision_key != goal.revision_key]


def _spare(db: FaceDatabase, seen: Observed, goal: Goal) -> int:
    """How many pods of other revisions are still needed in traffic."""
    spare = db.sidecar.replicas - len(seen.serving(goal.revision_key))
    match db.rollout.strategy:
        case Strategy.RECREATE:
            return 0
        case Strategy.ROLLING:
            return spare
        case Strategy.BLUE_GREEN | Strategy.CANARY:
            return spare
        case Strategy.AUTO:
            return spare - 1 if _no_room(seen, goal) else spare


def _no_room(seen: Observed, goal: Goal) -> bool:
    """Whether a pod of the goal waits for resources that another pod may hold: surge is impossible.

    Anything else that keeps it from being scheduled, such as a wrong nodeSelector, would not be
    cured by taking an old pod away.
    """
    return any(
        p.unschedulable is not None
        and "Insufficient" in p.unschedulable
        and seen.now - p.created_at >= UNSCHEDULABLE_AFTER
        for p in seen.pods_of(goal.revision_key)
    )


def _allowed(db: FaceDatabase, seen: Observed, goal: Goal) -> dict[str, int]:
    """How many pods each other revision may keep in traffic while the goal is not up yet."""
    spare = _spare(db, seen, goal)
    refused = {b.revision_key for b in db.record.bad}
    good = db.record.last_good
    ranked = sorted(
        (w for w in _others(seen, goal) if not w.deleting and w.revision_key not in refused),
        key=lambda w: (good is not None and w.revision_key == good.revision_key, w.created_at),
        reverse=True,
    )
    allowed = {}
    for work in ranked:
        allowed[work.revision_key] = min(work.replicas, max(0, spare))
        spare -= allowed[work.revision_key]
    return allowed


def _gates(db: FaceDatabase, seen: Observed, goal: Goal) -> tuple[Step, ...]:
    """Gates that stand wrong: open for good pods of the goal, and for as many others as still needed."""
    allowed = _allowed(db, seen, goal)
    steps: list[Step] = []
    for work in seen.workloads:
        mine = [p for p in seen.pods_of(work.revision_key) if not p.deleting]
        able = sorted((p for p in mine if is_good(p, work)), key=lambda p: (not p.gate, p.created_at))
        if work.revision_key != goal.revision_key:
            able = able[: allowed.get(work.revision_key, 0)]
        for pod in mine:
            if pod in able and pod.gate is not True:
                steps.append(SetGate(pod.name, is_open=True, reason="Serving"))
            if pod not in able and pod.gate is True:
                reason = "Replaced" if is_good(pod, work) else "NotReady"
                steps.append(SetGate(pod.name, is_open=False, reason=reason))
    return tuple(steps)


def _replicas(db: FaceDatabase, seen: Observed, goal: Goal) -> tuple[Step, ...]:
    allowed = _allowed(db, seen, goal)
    steps: list[Step] = []
    for work in _others(seen, goal):
        keep = max(allowed.get(work.revision_key, 0), _in_traffic(seen, work))
        if not work.deleting and work.replicas > keep:
            steps.append(ScaleWorkload(work.name, keep))
    return (*steps, *_goal_replicas(db, seen, goal))


def _in_traffic(seen: Observed, work: Workload) -> int:
    """Pods of a leaving revision that are still in traffic; once out, their preStop hook drains them."""
    pods = [p for p in seen.pods_of(work.revision_key) if not p.deleting]
    return sum(1 for p in pods if p.ready or p.gate is True)


def _goal_replicas(db: FaceDatabase, seen: Observed, goal: Goal) -> tuple[Step, ...]:
    work = seen.workload(goal.revision_key)
    others = {w.revision_key for w in _others(seen, goal)}
    left = [p for p in seen.pods if p.revision_key in others]
    # The GPU is free only when the old pod is gone, not when it is merely NotReady.
    if work is None and db.rollout.strategy is Strategy.RECREATE and left:
        return ()
    # A Deployment of this name is still going away.
    if work is None and any(w.revision_key == goal.revision_key for w in seen.workloads):
        return ()
    up = len(seen.serving(goal.revision_key))
    wanted = db.sidecar.replicas
    # One more than serves, while others still hold traffic: a surge of one.
    aim = wanted if not left else min(wanted, up + 1)
    if work is None:
        return (CreateWorkload(goal.release_key, goal.version, goal.digest, goal.claim, aim),)
    if work.replicas < aim or work.replicas > wanted:
        return (ScaleWorkload(work.name, min(wanted, max(aim, work.replicas))),)
    return ()


def _reason(db: FaceDatabase, goal: Goal) -> Reason:
    if goal.on_trial:
        return Reason.ROLLING_OUT
    return Reason.ROLLING_BACK if db.verdict is not None else Reason.REPAIRING


def _leaving(left: list[Pod]) -> str:
    return f", {len(left)} of the old revision not gone yet" if left else ""
