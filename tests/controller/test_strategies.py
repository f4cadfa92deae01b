"""How one release takes over from another: who is in traffic at every second, under each strategy."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from facedb_operator.facts import Fleet
from rollout_stories import A, B, pods_of, say, serving_a, until, wait, watched, workload
from world import World
from world_objects import good_answer


def test_rolling_takes_one_pod_after_the_other_and_never_fewer_than_wanted(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Rolling", 3)
    seen = watched(world)
    world.apply(version=B)
    world.settle()
    assert seen[-1] == (0, 3)
    assert all(a + b >= 3 for a, b in seen)
    assert max(b - a for (_, a), (_, b) in pairwise(seen)) == 1


def test_rolling_has_never_more_than_one_pod_too_many(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Rolling", 3)
    most = 0

    def count(world: World) -> None:
        nonlocal most
        most = max(most, sum(1 for p in world.pods.values() if not p.deleting))

    world.watch = count
    world.apply(version=B)
    world.settle()
    assert most == 4


def test_blue_green_lets_the_whole_new_set_in_at_once(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "BlueGreen", 3)
    seen = watched(world)
    world.apply(version=B)
    world.settle()
    # Both sets serve for the one pass between the new set's coming in and the old set's leaving.
    assert seen == [(3, 0), (3, 3), (0, 3)]


def test_blue_green_waits_for_the_last_pod_of_the_new_set(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "BlueGreen", 2)
    world.answers = lambda work: None if work.version == B else good_answer(work)
    seen = watched(world)
    world.apply(version=B)
    wait(world, 30)
    first = pods_of(world, B)[0].name
    world.moods[first] = good_answer(workload(world, B))
    wait(world, 10)
    assert seen == [(2, 0)]


def test_blue_green_keeps_the_old_set_up_until_the_bake_is_over(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "BlueGreen", 2, bake="60s")
    world.apply(version=B)
    until(world, "Baking")
    wait(world, 20)
    assert sorted(world.serving()) == [B, B]
    assert len(pods_of(world, A)) == 2
    world.settle()
    assert pods_of(world, A) == []
    assert world.condition("Ready") == ("True", "Serving")


def test_blue_green_goes_back_within_two_passes_during_the_bake(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "BlueGreen", 2, bake="60s")
    world.apply(version=B)
    until(world, "Baking")
    seen = watched(world)
    say(world, "abort")
    wait(world, 4)
    assert seen[-1] == (2, 0)
    assert all(sum(moment) >= 2 for moment in seen)


STEPS = [{"percent": 25, "pause": "30s"}, {"percent": 50}]


def test_a_canary_goes_step_by_step_and_waits_for_a_promotion(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Canary", 4, steps=STEPS)
    seen = watched(world)
    world.apply(version=B)
    until(world, "CanaryPaused")
    assert sorted(world.serving()) == [A, A, A, B]
    begun = world.now
    while world.serving().count(B) < 2:
        wait(world, 1)
    assert world.now - begun >= timedelta(seconds=30)
    # The second step has no pause that ends by itself, however long it takes.
    world.settle()
    assert sorted(world.serving()) == [A, A, B, B]
    assert world.condition("Ready") == ("False", "CanaryPaused")
    say(world, "promote")
    world.settle()
    assert world.serving() == [B] * 4
    assert all(a + b >= 4 for a, b in seen)
    assert world.status["handled"] == {"promote": "1"}


def test_a_canary_of_one_pod_shares_its_traffic_with_the_old_one(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Canary", 1, steps=[{"percent": 20}])
    world.apply(version=B)
    world.settle()
    assert sorted(world.serving()) == [A, B]
    say(world, "promote")
    world.settle()
    assert world.serving() == [B]


def test_a_first_release_needs_no_canary(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Canary", 2, steps=STEPS)
    assert world.condition("Ready") == ("True", "Serving")


def test_a_step_that_asks_for_more_pods_has_the_deadline_of_its_own(spec: dict[str, Any]) -> None:
    world = serving_a(
        spec, "Canary", 4, steps=[{"percent": 25, "pause": "10m"}, {"percent": 50, "pause": "1s"}]
    )
    world.apply(version=B)
    until(world, "CanaryPaused")
    wait(world, 620)
    world.settle()
    assert world.serving() == [B] * 4


def test_a_canary_whose_second_pod_never_comes_goes_back(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Canary", 4, steps=STEPS)
    world.apply(version=B)
    until(world, "CanaryPaused")
    first = pods_of(world, B)[0].name
    world.moods[first] = good_answer(workload(world, B))
    world.answers = lambda work: None if work.version == B else good_answer(work)
    world.settle()
    assert world.serving() == [A] * 4
    assert world.status["bad"][-1]["reason"] == "ProgressDeadlineExceeded"


def test_a_canary_whose_pod_comes_and_goes_goes_back_within_two_deadlines(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Canary", 4, steps=[{"percent": 25, "pause": "30s"}])
    world.apply(version=B)
    until(world, "CanaryPaused")
    begun, (first, *_) = world.now, pods_of(world, B)
    good = good_answer(workload(world, B))
    moods = (good, replace(good, ready=False, message="warming up"))

    def flap(world: World) -> None:
        # Five seconds ready, five seconds not; its container goes on running.
        world.moods[first.name] = moods[int((world.now - begun).total_seconds()) // 5 % 2]

    world.watch = flap
    world.settle()
    assert world.serving() == [A] * 4
    assert world.status["bad"][-1]["reason"] == "ProgressDeadlineExceeded"
    ended = datetime.fromisoformat(world.status["bad"][-1]["at"])
    assert ended - begun < timedelta(minutes=4)


def test_a_canary_whose_node_goes_in_a_long_pause_has_time_to_come_back(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Canary", 4, steps=[{"percent": 25, "pause": "10m"}])
    world.apply(version=B)
    until(world, "CanaryPaused")
    wait(world, 300)
    world.delete_pod(pods_of(world, B)[0].name)
    wait(world, 60)
    assert world.condition("Ready")[1] == "CanaryPaused"
    wait(world, 660)
    assert world.serving() == [B] * 4


def test_recreate_starts_nothing_before_the_old_pods_are_gone(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Recreate", 2)
    world.watch = one_revision
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B, B]
    # Nor on the way back to a release whose Deployment is still there.
    world.apply(version=A)
    for _ in range(8):
        world.one_pass()
        world.tick()
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B, B]


def test_recreate_has_fetched_all_before_the_old_pod_leaves(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Recreate")

    def look(world: World) -> None:
        staged = any(c.version == B and c.verified for c in world.claims.values())
        assert staged or world.serving() == [A]

    world.watch = look
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B]


@pytest.mark.parametrize(
    ("gpus", "least"), [(1, 0), (2, 1)], ids=["no room: the old one goes first", "room: nobody waits"]
)
def test_auto_takes_the_old_pod_away_only_where_there_is_no_room(
    spec: dict[str, Any], gpus: int, least: int
) -> None:
    world = serving_a(spec, "Auto")
    world.gpus = gpus
    seen = watched(world)
    world.apply(version=B)
    world.settle()
    assert seen[-1] == (0, 1)
    assert min(a + b for a, b in seen) == least


def test_auto_leaves_the_old_pod_where_it_does_not_hold_what_the_new_one_lacks(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Auto", progressDeadline="30s")
    old = next(iter(world.workloads))
    world.workloads[old] = replace(world.workloads[old], holds=frozenset({"cpu", "memory"}))
    world.gpus = 1
    seen = watched(world)
    world.apply(version=B)
    wait(world, 10)
    assert "One waits: Unschedulable: " in world.status["conditions"][0]["message"]
    world.settle()
    assert seen == [(1, 0)]
    assert "Insufficient nvidia.com/gpu" in world.status["bad"][-1]["message"]


@pytest.mark.parametrize("strategy", ["Rolling", "BlueGreen", "Canary"])
def test_a_change_of_replicas_in_mid_roll_is_heeded_and_restarts_nothing(
    spec: dict[str, Any], strategy: str
) -> None:
    steps = {"steps": STEPS[1:]} if strategy == "Canary" else {}
    world = serving_a(spec, strategy, 2, **steps)
    world.apply(version=B)
    while not pods_of(world, B):
        wait(world, 1)
    names = set(world.workloads)
    world.apply(sidecar={**world.spec["sidecar"], "replicas": 4})
    wait(world, 40)
    assert len(world.serving()) >= 4
    assert set(world.workloads) <= names
    world.apply(sidecar={**world.spec["sidecar"], "replicas": 2})
    wait(world, 40)
    say(world, "promote")
    world.settle()
    assert world.serving() == [B, B]
    assert [h["version"] for h in world.status["history"]] == [A, B]


@pytest.mark.parametrize("strategy", ["Rolling", "BlueGreen", "Recreate"])
def test_without_gates_traffic_follows_readiness(spec: dict[str, Any], strategy: str) -> None:
    world = serving_a(spec, strategy, 2, gate="Disabled")
    seen = watched(world)
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B, B]
    assert all(p.gate is None for p in world.pods.values())
    if strategy != "Recreate":
        assert all(sum(moment) >= 2 for moment in seen)


def test_a_rollout_waits_for_other_databases_and_what_serves_is_kept(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Rolling")
    world.fleet = Fleet(may_begin=False, message="2 of 2 rollouts are under way.")
    world.apply(version=B)
    world.settle()
    assert world.condition("Ready") == ("False", "Queued")
    world.delete_pod(next(iter(world.pods)))
    world.settle()
    assert world.serving() == [A]
    # Once begun, it goes on.
    world.fleet = Fleet()
    until(world, "RollingOut")
    world.fleet = Fleet(may_begin=False)
    world.settle()
    assert world.serving() == [B]


def one_revision(world: World) -> None:
    """To be watched: pods of two revisions never exist side by side."""
    assert len({p.revision_key for p in world.pods.values()}) <= 1
