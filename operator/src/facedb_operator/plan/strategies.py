"""How many pods of the goal and of others may be up, and in traffic, while one takes over. Pure.

Rolling: one more than are wanted, one after the other. BlueGreen: the whole new set comes up beside the old
one and takes over at once. Canary: Rolling, in steps. Recreate: the old ones are gone before the new ones
start. Auto: Rolling, and where the scheduler finds no room for one more, an old pod goes first.
"""

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from facedb_operator.facts import Observed, Pod, Workload
from facedb_operator.plan.pods import Goal, good_pods, left, live, others
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.rollout import Strategy
from facedb_operator.steps import Walk

# Long enough for the scheduler to have judged the pod at least once.
UNSCHEDULABLE_AFTER = timedelta(seconds=3)
# The scheduler's word for a resource that no node has enough of.
_SHORT_OF = re.compile(r"Insufficient (\w[\w./-]*\w)")


@dataclass(frozen=True)
class Shape:
    """What there shall be now.

    Attributes:
        aim: pods of the goal, at least, if they are not there yet.
        most: pods of the goal, at most.
        let_in: pods of the goal in traffic, at most.
        keep: pods of others in traffic, together.
        refill: whether the last good release may get more pods, to make up ``keep``.
        stand_by: whether the last good release's pods stay up without traffic.
    """

    aim: int
    most: int
    let_in: int
    keep: int
    refill: bool = False
    stand_by: bool = False


def shape(db: FaceDatabase, seen: Observed, goal: Goal, walk: Walk, *, held: bool = False) -> Shape:
    """What there shall be now.

    Args:
        db: the database.
        seen: what there is.
        goal: the revision that shall serve.
        walk: how far its trial has come.
        held: a check holds the gate of its first pod.
    """
    match db.rollout.strategy:
        case Strategy.RECREATE:
            found = _recreate(db, seen, goal)
        case Strategy.BLUE_GREEN:
            found = _blue_green(db, seen, goal, walk)
        case Strategy.CANARY:
            found = _canary(db, seen, goal, walk)
        case Strategy.ROLLING:
            found = _rolling(db, seen, goal, db.sidecar.replicas)
        case Strategy.AUTO:
            found = _rolling(db, seen, goal, db.sidecar.replicas)
            if _no_room(seen, goal):
                found = replace(found, keep=max(0, found.keep - 1))
    return _held(db, seen, goal, found) if held else found


def _held(db: FaceDatabase, seen: Observed, goal: Goal, found: Shape) -> Shape:
    """While a check holds the first pod's gate."""
    if db.rollout.gated:
        return replace(found, let_in=0)
    # Without a gate only the number of pods can hold the traffic; where there is no room, the old ones go.
    few = replace(found, aim=min(found.aim, 1), most=1)
    crowded = db.rollout.strategy is Strategy.RECREATE or _no_room(seen, goal)
    return few if crowded else replace(few, keep=db.sidecar.replicas)


def in_steps(db: FaceDatabase, seen: Observed, goal: Goal, walk: Walk) -> bool:
    """Whether the trial is at one of the canary's steps: there is somebody to share the traffic with."""
    if not goal.on_trial or db.rollout.strategy is not Strategy.CANARY or db.record.last_good is None:
        return False
    beside = seen.workload(db.record.last_good.revision_key)
    return beside is not None and walk.step < len(db.rollout.steps)


def share(db: FaceDatabase, walk: Walk) -> int:
    """How many pods the canary's step asks for: its percentage, rounded up."""
    percent = db.rollout.steps[walk.step].percent
    return -(-db.sidecar.replicas * percent // 100)


def allowed(db: FaceDatabase, seen: Observed, goal: Goal, found: Shape) -> dict[str, int]:
    """How many pods each other revision may keep in traffic: the last good first, the refused last.

    A refused release's good pods leave only as others come: going back shall cost no capacity.
    """
    refused = {b.revision_key for b in db.record.bad}
    good = db.record.last_good

    def rank(work: Workload) -> tuple[bool, bool, float]:
        is_last_good = good is not None and work.revision_key == good.revision_key
        return (is_last_good, work.revision_key not in refused, work.created_at.timestamp())

    spare = found.keep
    kept = {}
    for work in sorted((w for w in others(seen, goal) if not w.deleting), key=rank, reverse=True):
        first, trusted, _ = rank(work)
        most = work.replicas if trusted or first else len(good_pods(seen, work))
        if first and found.refill:
            most = max(most, found.keep)
        kept[work.revision_key] = min(most, spare)
        spare -= kept[work.revision_key]
    return kept


def _recreate(db: FaceDatabase, seen: Observed, goal: Goal) -> Shape:
    """The GPU is free only when the old pod is gone, not when it is merely out of traffic."""
    wanted = db.sidecar.replicas
    work = seen.workload(goal.revision_key)
    running = work.replicas if work else 0
    return Shape(min(wanted, running) if left(seen, goal) else wanted, wanted, wanted, 0)


def _rolling(db: FaceDatabase, seen: Observed, goal: Goal, most: int) -> Shape:
    wanted, up, old = db.sidecar.replicas, len(seen.serving(goal.revision_key)), left(seen, goal)
    # One more than are wanted in all; also when somebody asks for more of them meanwhile.
    aim = max(1, wanted + 1 - sum(1 for p in old if not p.deleting)) if old else wanted
    return Shape(min(most, aim), most, most, max(0, wanted - up))


def _blue_green(db: FaceDatabase, seen: Observed, goal: Goal, walk: Walk) -> Shape:
    wanted, up = db.sidecar.replicas, len(seen.serving(goal.revision_key))
    work = seen.workload(goal.revision_key)
    able = good_pods(seen, work) if work else []
    elsewhere = any(p.ready and not p.deleting for p in left(seen, goal))
    switched = len(able) >= wanted or any(p.gate for p in able) or not elsewhere
    over = up >= wanted or (walk.alone_since is not None and up > 0)
    before = not over and walk.alone_since is None
    return Shape(
        wanted,
        wanted,
        wanted if switched else 0,
        # Both sets take traffic for the moment between the new one's coming in and the old one's leaving.
        0 if over else wanted,
        refill=before and goal.on_trial,
        stand_by=goal.on_trial,
    )


def _canary(db: FaceDatabase, seen: Observed, goal: Goal, walk: Walk) -> Shape:
    wanted = db.sidecar.replicas
    if not in_steps(db, seen, goal, walk):
        return _rolling(db, seen, goal, wanted)
    most = share(db, walk)
    found = _rolling(db, seen, goal, most)
    # Where one pod is wanted, half the traffic is the smallest share.
    least = 0 if db.rollout.steps[walk.step].percent >= 100 else min(1, wanted)
    return replace(found, keep=max(least, found.keep), refill=True)


def _no_room(seen: Observed, goal: Goal) -> bool:
    """Whether a pod of the goal waits for resources that pods of others hold: surge is impossible.

    Anything else that keeps it from being scheduled, such as a wrong nodeSelector or a GPU that no old
    pod has, would not be cured by taking an old pod away.
    """
    held = frozenset(name for w in others(seen, goal) for name in w.holds)
    return any(_waits_for_room(seen, p, held) for p in live(seen, goal.revision_key))


def _waits_for_room(seen: Observed, pod: Pod, held: frozenset[str]) -> bool:
    short = frozenset(_SHORT_OF.findall(pod.unschedulable or ""))
    return bool(short) and short <= held and seen.now - pod.created_at >= UNSCHEDULABLE_AFTER
