"""What the operator promises, whatever people, nodes, drivers and kill -9 do in whatever order.

Every strategy meets every way of keeping releases, every verb and every sort of failure here; the operator
may be killed after each single step. The other test_*_invariants look closer at one of them each.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.test_invariants import CORRUPT, GOOD, STRATEGIES, UNLOADABLE, act, end, rollouts, small_world
from facedb_operator.facts import JobState
from keeping_ways import CSI, WAYS
from world import Killed, World
from world_objects import outcome

Action = tuple[str, Any]
Law = Callable[[World], None]

VERSIONS = (*GOOD, CORRUPT, UNLOADABLE)
by_people = (
    st.tuples(st.just("bump"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.sampled_from(["retry", "promote", "abort", "pause"]), st.integers(0, 3)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("rollback"), st.sampled_from(GOOD)),
    st.tuples(st.just("channel"), st.sampled_from(["Notify", "Automatic"])),
    st.tuples(st.just("approve"), st.sampled_from(GOOD)),
    st.tuples(st.just("way"), st.sampled_from(list(WAYS))),
    st.tuples(st.just("keep"), st.integers(1, 3)),
    st.tuples(st.just("suspend"), st.booleans()),
)
by_fate = (
    st.tuples(st.sampled_from(["delete pod", "restart pod"]), st.integers(0, 3)),
    st.tuples(st.just("delete deployments"), st.just(0)),
    st.tuples(st.just("kill after"), st.integers(1, 4)),
)
# More than one pod does not fit on one GPU, and only Auto and Recreate can do with one.
wider = (
    st.tuples(st.just("scale"), st.integers(1, 3)),
    st.tuples(st.just("strategy"), st.sampled_from(STRATEGIES)),
)
# Releases have to come, and time has to pass, for anything to happen.
on_one_gpu = st.lists(st.one_of(*by_people, *by_people[:2], *by_fate), max_size=10)
stories = st.lists(st.one_of(*by_people, *by_people[:2], *by_fate, *wider), max_size=10)
few = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])


def a_world(strategy: str, way: str, rollout: dict[str, Any], seed: int = 0, **laws: Any) -> World:
    """A world of this strategy and way; its driver of snapshots fails now and then, where a seed says so."""
    world = small_world(strategy, rollout, cluster=CSI, **laws)
    world.spec["storage"] |= WAYS[way]
    world.lookups = offered
    if seed:
        chance = random.Random(seed)
        world.snaps = lambda _: chance.choice([True, True, False, "driver says no"])
        world.binds = lambda _: chance.choice([True, False])
    return world


def offered(wanted: str) -> Any:
    """What the publisher has: what is asked for by name, and else the newest, which is corrupt."""
    return outcome(wanted if wanted[:1].isdigit() else CORRUPT, ok=True, reason="Found")


def happen(world: World, action: Action) -> None:
    """What people and nodes do."""
    match action:
        case ("channel", policy):
            world.spec.pop("version", None)
            world.apply(channel={"policy": policy, "interval": "5m"})
        case ("bump", version):
            world.spec.pop("channel", None)
            world.apply(version=version)
        case ("approve", version):
            world.annotations = {**world.annotations, "facedb.dev/approve": f"{version}-{world.now:%S}"}
        case ("way", way):
            world.apply(storage={**world.spec["storage"], "distribution": "Shared", **WAYS[way]})
        case ("keep", number):
            world.apply(storage={**world.spec["storage"], "keep": number})
        case ("suspend", still):
            world.apply(suspend=still)
        case _:
            act(world, action)


def a_second(world: World, *, kill: bool) -> None:
    """One second with the operator at work; with ``kill`` it ends after each single step."""
    if kill:
        world.crash_after = 1
    try:
        world.one_pass()
    except Killed:
        world.crash_after = None
    world.tick()


def tell(world: World, story: list[Action], *, kill: bool = False) -> None:
    for action in story:
        if action[0] == "wait":
            for _ in range(action[1]):
                a_second(world, kill=kill)
        else:
            happen(world, action)
            a_second(world, kill=kill)


def until_it_serves(world: World, last: str, limit_s: int = 3000) -> None:
    """Somebody wants this version; the operator is killed after each step that it makes."""
    world.annotations = {"facedb.dev/retry": "the last"}
    world.spec.pop("channel", None)
    world.apply(version=last, suspend=False)
    for _ in range(limit_s):
        before = world.steps_done
        a_second(world, kill=True)
        told = world.status.get("observedGeneration") == world.generation
        if told and world.steps_done == before and world.condition("Ready") == ("True", "Serving"):
            return
    raise AssertionError(f"it does not converge: {world.status['conditions']}")


@few
@given(
    strategy=st.sampled_from(STRATEGIES),
    way=st.sampled_from(list(WAYS)),
    rollout=rollouts,
    story=stories,
    last=st.sampled_from(GOOD),
)
def test_plan_over_generated_worlds_with_a_crash_after_every_step_always_converges(
    strategy: str, way: str, rollout: dict[str, Any], story: list[Action], last: str
) -> None:
    world = a_world(strategy, way, rollout)
    tell(world, story, kill=True)
    until_it_serves(world, last)
    end(world, last)


@few
@given(
    strategy=st.sampled_from(STRATEGIES),
    way=st.sampled_from(list(WAYS)),
    rollout=rollouts,
    story=on_one_gpu,
    last=st.sampled_from(GOOD),
)
def test_never_two_gpu_pods_where_one_gpu_exists(
    strategy: str, way: str, rollout: dict[str, Any], story: list[Action], last: str
) -> None:
    def look(world: World) -> None:
        holders = [p.name for p in world.pods.values() if p.unschedulable is None]
        assert len(holders) <= 1, f"{holders} hold one GPU"
        if strategy == "Recreate":
            # Nor where no scheduler counts: on a shared device there is no second place either.
            assert len({p.revision_key for p in world.pods.values()}) <= 1

    world = a_world(strategy, way, rollout, gpus=1, watch=look)
    tell(world, story)
    # The others need a second place for their first new pod: they go back, or stand still, and do no harm.
    if strategy in ("Auto", "Recreate"):
        happen(world, ("suspend", False))
        world.spec.pop("channel", None)
        end(world, last)


@few
@given(
    strategy=st.sampled_from(STRATEGIES),
    way=st.sampled_from(list(WAYS)),
    rollout=rollouts,
    story=stories,
    seed=st.integers(0, 99),
    kill=st.booleans(),
)
def test_the_last_good_release_is_never_deleted(
    strategy: str, way: str, rollout: dict[str, Any], story: list[Action], seed: int, *, kill: bool
) -> None:
    # The world refuses any step or second after which neither its claim nor its snapshot is there.
    world = a_world(strategy, way, rollout, seed)
    world.settle(limit_s=2000)
    tell(world, [*story, ("wait", 60)], kill=kill)
    assert not world.lost
    good = world.status.get("lastGood")
    if good is not None:
        there = {c.name for c in world.claims.values() if c.verified and not c.deleting}
        there |= {s.name for s in world.snapshots.values() if s.ready and not s.deleting}
        assert good["claim"] in there


def no_job_for_what_was_refused(world: World) -> None:
    """To be watched: no Job is started for a release that status knows to be bad, on whatever ground."""
    db = world.database()
    good = db.record.last_good
    for job in world.jobs.values():
        mine = job.key == db.fetch_key and job.state is JobState.RUNNING
        # The lost bytes of the last good release may be fetched again.
        if db.verdict is not None and mine and (good is None or good.release_key != db.release_key):
            assert job.started_at <= db.verdict.at, f"{job.name} fetches what was refused"


@settings(few, max_examples=10)
@given(
    strategy=st.sampled_from(STRATEGIES),
    way=st.sampled_from(list(WAYS)),
    rollout=rollouts,
    story=stories,
    kill=st.booleans(),
)
def test_a_bad_digest_is_never_fetched_twice_without_a_token(
    strategy: str, way: str, rollout: dict[str, Any], story: list[Action], *, kill: bool
) -> None:
    world = a_world(strategy, way, rollout, watch=no_job_for_what_was_refused)
    tell(world, story, kill=kill)
    # Whatever has been: somebody wants it, and it is refused; somebody wants it again, and again.
    happen(world, ("suspend", False))
    # Pauses, and aborts that are still to come, end here.
    world.annotations = {"facedb.dev/retry": "one token"}
    happen(world, ("bump", CORRUPT))
    world.settle(limit_s=2000)
    before = world.fetched.count(CORRUPT)
    assert before >= 1
    for version in (GOOD[0], CORRUPT, GOOD[1], CORRUPT):
        happen(world, ("bump", version))
        world.settle(limit_s=2000)
    assert world.fetched.count(CORRUPT) == before
    world.annotations = {"facedb.dev/retry": "another token"}
    world.settle(limit_s=2000)
    assert world.fetched.count(CORRUPT) == before + 1
