"""Moving traffic: which pods exist and whose readiness gate is open, until the goal serves alone.

Pure. Rolling forward, rolling back and plain upkeep are the same function with another goal: bring the
goal's pods up, open their gates once they answer with the right release, and only then close, drain and
remove the others. How many of each there may be meanwhile is the strategy's.
"""

from dataclasses import replace
from datetime import timedelta

from facedb_operator import names
from facedb_operator.facts import Observed, Workload
from facedb_operator.names import Reason
from facedb_operator.plan import checks
from facedb_operator.plan.keeping import is_verified
from facedb_operator.plan.pods import Goal, good_pods, in_traffic, is_good, left, live, others, restarted
from facedb_operator.plan.strategies import Shape, allowed, in_steps, shape
from facedb_operator.plan.trial import advance, bake_ends, broken, current, judge, pause_ends, remembered
from facedb_operator.record import Good
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.rollout import When
from facedb_operator.steps import CreateWorkload, DeleteWorkload, Plan, ScaleWorkload, SetGate, Step, Walk

LOOK_AGAIN = timedelta(seconds=1)
STEADY = timedelta(seconds=30)
_FROZEN_BEFORE = (Reason.FROZEN, Reason.RETRYING)


def rollout(db: FaceDatabase, seen: Observed, goal: Goal) -> Plan:
    """One pass towards ``goal`` serving with all its replicas and nobody else."""
    return _try(db, seen, goal) if goal.on_trial else _settle(db, seen, goal)


def clear(db: FaceDatabase, seen: Observed) -> tuple[Step, ...]:
    """Steps that take refused releases away, where there is no good one to go back to."""
    refused = {b.revision_key for b in db.record.bad}
    return tuple(
        DeleteWorkload(w.name) for w in seen.workloads if w.revision_key in refused and not w.deleting
    )


def closing(seen: Observed) -> tuple[Step, ...]:
    """Close the gates of pods that may not take traffic."""
    return tuple(
        SetGate(p.name, is_open=False, reason="Restarted" if restarted(p) else "NotReady")
        for w in seen.workloads
        if w.gated
        for p in live(seen, w.revision_key)
        if p.gate is True and not is_good(p, w)
    )


def _settle(db: FaceDatabase, seen: Observed, goal: Goal) -> Plan:
    """Keep a release serving that has proven itself, or bring it back."""
    wanted = shape(db, seen, goal, Walk())
    steps = _move(db, seen, goal, wanted)
    up = len(seen.serving(goal.revision_key))
    work = seen.workload(goal.revision_key)
    if work is not None and _has_enough(db, seen, goal, work):
        # Only now: until the record names this release, going back needs the others.
        tidy = tuple(DeleteWorkload(w.name) for w in others(seen, goal) if not w.deleting)
        good = _good(db, seen, goal, work) if up else None
        message = f"Serving {goal.version} with {up} of {db.sidecar.replicas} pods."
        again = LOOK_AGAIN if steps else STEADY
        return Plan(Reason.SERVING, message, (*steps, *tidy), check_again=again, good=good)
    reason = Reason.ROLLING_BACK if db.verdict is not None else Reason.REPAIRING
    return Plan(reason, _count(db, seen, goal), steps, check_again=LOOK_AGAIN)


def _try(db: FaceDatabase, seen: Observed, goal: Goal) -> Plan:
    """A release that has still to prove itself."""
    if (again := _afresh(db, seen, goal)) is not None:
        return again
    walk = remembered(db, goal)
    before = _hold(db, seen, goal, walk)
    wanted = shape(db, seen, goal, walk, held=bool(before.waits))
    if (bad := judge(db, seen, goal, walk, wanted)) is not None:
        return Plan(bad.reason, bad.message, bad=bad, walk=walk, check_again=timedelta(0))
    walk = advance(db, seen, goal, walk)
    late = _late_checks(db, seen, goal, walk)
    wanted = shape(db, seen, goal, walk, held=bool(before.waits))
    ends = bake_ends(db, walk)
    baked = ends is not None and seen.now >= ends and not late.waits
    # The old set stands by until the new one has proven itself, and is whole.
    proven = baked and (walk.accepted or len(seen.serving(goal.revision_key)) >= db.sidecar.replicas)
    steps = _move(db, seen, goal, replace(wanted, stand_by=wanted.stand_by and not proven))
    work = seen.workload(goal.revision_key)
    if work is not None and baked and not steps and _serves_alone(db, seen, goal, work):
        good = _good(db, seen, goal, work)
        message = f"Serving {goal.version} with {db.sidecar.replicas} of {db.sidecar.replicas} pods."
        return Plan(Reason.SERVING, message, check_again=timedelta(0), good=good, walk=walk)
    reason, message, again_in = _tell(db, seen, goal, walk, (*before.waits, *late.waits))
    return Plan(reason, message, (*steps, *before.steps, *late.steps), check_again=again_in, walk=walk)


def _afresh(db: FaceDatabase, seen: Observed, goal: Goal) -> Plan | None:
    """Tried again out of a freeze: the pods that failed go first, and all begins from the start."""
    at = current(db, goal.revision_key)
    work = seen.workload(goal.revision_key)
    if at is None or at.accepted or at.state not in _FROZEN_BEFORE or work is None:
        return None
    bad = broken(seen, work)
    if at.state != Reason.FROZEN and not bad:
        return None
    # A ReplicaSet takes pods that are not ready first.
    few = len(good_pods(seen, work))
    steps = (*closing(seen), *((ScaleWorkload(work.name, few),) if bad and work.replicas > few else ()))
    message = f"{goal.version} is tried again: {len(bad)} pods that failed leave first."
    return Plan(Reason.RETRYING, message, steps, check_again=LOOK_AGAIN, walk=Walk())


def _hold(db: FaceDatabase, seen: Observed, goal: Goal, walk: Walk) -> checks.Due:
    """The checks before the first pod of the goal takes traffic; once one did, none of them is made again."""
    if walk.accepted or _let_in(seen, goal, walk):
        return checks.Due()
    return checks.due(db, seen, goal, When.BEFORE_TRAFFIC, checks.BEFORE)


def _let_in(seen: Observed, goal: Goal, walk: Walk) -> bool:
    """Whether the goal was let into traffic: a check whose Job is lost, or changed, must not take it out."""
    work = seen.workload(goal.revision_key)
    if work is None:
        return False
    if not work.gated:
        # Its first pod takes traffic as soon as it is ready: only the second one has waited for the checks.
        return work.replicas > 1
    served = walk.step > 0 or walk.step_since is not None or walk.alone_since is not None
    return served or in_traffic(seen, work) > 0


def _late_checks(db: FaceDatabase, seen: Observed, goal: Goal, walk: Walk) -> checks.Due:
    """The checks after a step's pause, or at the end of the bake."""
    if walk.accepted:
        return checks.Due()
    if in_steps(db, seen, goal, walk):
        ends, when, moment = pause_ends(db, walk), When.STEP, checks.after_step(walk.step)
    else:
        ends, when, moment = bake_ends(db, walk), When.BAKE, checks.BAKE
    return checks.due(db, seen, goal, when, moment) if ends and seen.now >= ends else checks.Due()


def _tell(
    db: FaceDatabase, seen: Observed, goal: Goal, walk: Walk, waits: tuple[str, ...]
) -> tuple[Reason, str, timedelta]:
    """Reason, message, and when to look again, of a trial that has not ended."""
    work = seen.workload(goal.revision_key)
    if waits and work is not None and good_pods(seen, work):
        return Reason.CHECKING, f"{goal.version}: waiting for check {', '.join(waits)}.", LOOK_AGAIN
    if in_steps(db, seen, goal, walk) and walk.step_since is not None:
        steps, ends = db.rollout.steps, pause_ends(db, walk)
        at = f"step {walk.step + 1} of {len(steps)}, {steps[walk.step].percent} % of the pods"
        until = f"goes on at {ends:%H:%M:%S} UTC" if ends else "waits for the annotation facedb.dev/promote"
        wait = min(STEADY, max(LOOK_AGAIN, ends - seen.now)) if ends else STEADY
        return Reason.CANARY_PAUSED, f"{goal.version}: {at}; {until}.", wait
    ends = bake_ends(db, walk)
    if ends is not None and ends > seen.now and len(seen.serving(goal.revision_key)) >= db.sidecar.replicas:
        message = f"{goal.version} serves alone; it is good at {ends:%H:%M:%S} UTC if nothing happens."
        return Reason.BAKING, message, min(STEADY, max(LOOK_AGAIN, ends - seen.now))
    return Reason.ROLLING_OUT, _count(db, seen, goal), LOOK_AGAIN


def _serves_alone(db: FaceDatabase, seen: Observed, goal: Goal, work: Workload) -> bool:
    wanted = db.sidecar.replicas
    up = len(seen.serving(goal.revision_key))
    return work.replicas == wanted and up >= wanted and not left(seen, goal)


def _has_enough(db: FaceDatabase, seen: Observed, goal: Goal, work: Workload) -> bool:
    """Whether a proven release serves in full and alone; pods beyond what is wanted may still be leaving."""
    up = sum(1 for p in good_pods(seen, work) if p.ready)
    return min(up, work.replicas) >= db.sidecar.replicas and not left(seen, goal)


def _good(db: FaceDatabase, seen: Observed, goal: Goal, work: Workload) -> Good:
    # What it took when it was recorded: a moment of load shall not move the bar.
    before = db.record.last_good
    known = before.query_ms if before is not None and before.revision_key == goal.revision_key else None
    ms = known if known is not None else checks.query_ms(seen, goal.revision_key)
    key = goal.revision_key
    return Good(
        goal.version,
        goal.digest,
        goal.claim,
        goal.release_key,
        key,
        work.name,
        ms,
        work.image,
        names.models_key(db.name, work.models_claim),
    )


def _move(db: FaceDatabase, seen: Observed, goal: Goal, wanted: Shape) -> tuple[Step, ...]:
    kept = allowed(db, seen, goal, wanted)
    return (*_gates(seen, goal, wanted, kept), *_replicas(db, seen, goal, wanted, kept))


def _gates(seen: Observed, goal: Goal, wanted: Shape, kept: dict[str, int]) -> tuple[Step, ...]:
    """Gates that stand wrong: open for good pods of the goal, and for as many others as still needed."""
    opened: list[Step] = []
    closed: list[Step] = list(closing(seen))
    for work in seen.workloads:
        if not work.gated:
            continue
        able = good_pods(seen, work)
        most = wanted.let_in if work.revision_key == goal.revision_key else kept.get(work.revision_key, 0)
        opened += [SetGate(p.name, is_open=True, reason="Serving") for p in able[:most] if p.gate is not True]
        closed += [SetGate(p.name, is_open=False, reason="Replaced") for p in able[most:] if p.gate is True]
    return (*opened, *closed)


def _replicas(
    db: FaceDatabase, seen: Observed, goal: Goal, wanted: Shape, kept: dict[str, int]
) -> tuple[Step, ...]:
    steps: list[Step] = []
    last = db.record.last_good
    for work in others(seen, goal):
        if work.deleting:
            continue
        mine = last is not None and work.revision_key == last.revision_key
        keep = kept.get(work.revision_key, 0)
        # Out of traffic first, and drained: a gate is closed before its pod is taken away.
        least = max(keep, in_traffic(seen, work)) if work.gated else keep
        if wanted.stand_by and mine and work.gated:
            least = max(least, min(work.replicas, db.sidecar.replicas))
        if work.replicas > least or (wanted.refill and mine and work.replicas < keep):
            steps.append(ScaleWorkload(work.name, least))
    return (*steps, *_goal_replicas(db, seen, goal, wanted))


def _goal_replicas(db: FaceDatabase, seen: Observed, goal: Goal, wanted: Shape) -> tuple[Step, ...]:
    work = seen.workload(goal.revision_key)
    if work is not None:
        to = min(wanted.most, max(wanted.aim, work.replicas))
        # Out of traffic first: a ReplicaSet takes pods that are not ready before those that serve.
        to = min(work.replicas, max(to, in_traffic(seen, work))) if work.gated and to < work.replicas else to
        return (ScaleWorkload(work.name, to),) if to != work.replicas else ()
    # A Deployment of this name is still going away; or old pods have to leave first; or its bytes come back.
    leaving = any(w.revision_key == goal.revision_key for w in seen.workloads)
    if leaving or (wanted.aim == 0 and left(seen, goal)) or not _staged(db, seen, goal):
        return ()
    source = (goal.release_key, goal.version, goal.digest, goal.claim)
    return (CreateWorkload(*source, wanted.aim, goal.snapshot, goal.image, goal.models),)


def _staged(db: FaceDatabase, seen: Observed, goal: Goal) -> bool:
    if not is_verified(seen, db.running(None, goal.models).models_claim_name):
        return False
    if goal.snapshot is not None:
        return goal.snapshot.ready
    return is_verified(seen, goal.claim)


def _count(db: FaceDatabase, seen: Observed, goal: Goal) -> str:
    up, old = len(seen.serving(goal.revision_key)), left(seen, goal)
    leaving = f", {len(old)} of the old revision not gone yet" if old else ""
    waits = [w for p in live(seen, goal.revision_key) if (w := p.unschedulable or p.waiting)]
    why = f" One waits: {waits[0]}" if waits else ""
    work = seen.workload(goal.revision_key)
    if work is not None and work.trouble:
        why = f"{why} The cluster makes no more: {work.trouble}"
    return f"{goal.version}: {up} of {db.sidecar.replicas} pods serving{leaving}.{why}"
