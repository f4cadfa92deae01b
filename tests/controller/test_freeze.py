"""onFailure: Freeze. After a failed rollout all stands still until somebody decides; so does a paused one."""

from __future__ import annotations

from typing import Any

import pytest

import world_pods
from facedb_operator.facts import Answer, Workload
from rollout_stories import A, B, C, gates, pods_of, say, serving_a, until, wait, watched
from world import World
from world_objects import good_answer


def broken(version: str) -> Any:
    """Pods of this version cannot load it."""

    def answers(work: Workload) -> Answer:
        if work.version != version:
            return good_answer(work)
        return Answer(False, None, None, failed=True, reason="CorruptIndex", message="does not open")

    return answers


def frozen_at_first_pod(spec: dict[str, Any], replicas: int = 2) -> World:
    world = serving_a(spec, replicas=replicas, onFailure="Freeze")
    world.answers = broken(B)
    world.apply(version=B)
    world.settle()
    assert world.condition("Ready") == ("False", "Frozen")
    return world


def frozen_in_bake(spec: dict[str, Any], strategy: str = "Rolling") -> World:
    world = serving_a(spec, strategy, 2, onFailure="Freeze", bake="5m")
    world.apply(version=B)
    until(world, "Baking")
    world_pods.restart(world, pods_of(world, B)[0].name)
    world.settle()
    assert world.condition("Ready") == ("False", "Frozen")
    return world


def test_nothing_moves_while_frozen(spec: dict[str, Any]) -> None:
    world = frozen_at_first_pod(spec)
    done, pods = world.steps_done, set(world.pods)
    world.apply(sidecar={**world.spec["sidecar"], "replicas": 3})
    world.settle()
    assert (world.steps_done, set(world.pods)) == (done, pods)
    assert world.serving() == [A, A]
    assert world.condition("Stalled") == ("True", "Frozen")
    for way in ("promote", "abort", "retry"):
        assert f"facedb.dev/{way}" in message(world)


def test_a_broken_pod_loses_its_traffic_while_frozen_and_gets_it_back(spec: dict[str, Any]) -> None:
    world = frozen_at_first_pod(spec)
    name = pods_of(world, A)[0].name
    world_pods.restart(world, name)
    world.one_pass()
    assert world.pods[name].gate is False
    world.settle()
    assert world.serving() == [A, A]


@pytest.mark.parametrize("state", ["frozen", "frozen in the bake", "paused"])
def test_a_pod_that_a_node_lost_serves_again_while_all_stands_still(spec: dict[str, Any], state: str) -> None:
    if state == "paused":
        world = serving_a(spec, replicas=2)
        say(world, "pause")
    else:
        world = frozen_at_first_pod(spec) if state == "frozen" else frozen_in_bake(spec)
    before = world.serving()
    serving = [p.name for p in world.pods.values() if p.ready]
    for name in serving:
        world.delete_pod(name)
    world.settle()
    assert world.serving() == before


def test_an_abort_ends_a_freeze_and_goes_back(spec: dict[str, Any]) -> None:
    world = frozen_in_bake(spec)
    assert world.serving() == [B, B]
    seen = watched(world)
    say(world, "abort")
    world.settle()
    assert world.serving() == [A, A]
    assert all(sum(moment) >= 2 for moment in seen)
    assert [(h["version"], h["outcome"]) for h in world.status["history"]] == [
        (A, "Succeeded"),
        (B, "Aborted"),
    ]


def test_a_promotion_ends_a_freeze_and_takes_the_release_as_it_is(spec: dict[str, Any]) -> None:
    world = frozen_in_bake(spec)
    say(world, "promote")
    world.settle()
    assert world.serving() == [B, B]
    assert world.condition("Ready") == ("True", "Serving")
    assert not world.status["bad"]
    assert world.status["history"][-1]["outcome"] == "Succeeded"


def test_an_accepted_release_that_does_not_serve_never_takes_the_place_of_the_good_one(
    spec: dict[str, Any],
) -> None:
    world = frozen_at_first_pod(spec)
    say(world, "promote")
    world.settle()
    assert world.serving() == [A, A]
    assert world.status["lastGood"]["version"] == A
    say(world, "abort")
    world.settle()
    assert world.serving() == [A, A]
    assert not pods_of(world, B)


def test_a_retry_ends_a_freeze_with_fresh_pods(spec: dict[str, Any]) -> None:
    world = frozen_at_first_pod(spec)
    failed = {p.name for p in pods_of(world, B)}
    world.answers = good_answer
    say(world, "retry")
    world.settle()
    assert world.serving() == [B, B]
    assert not failed & set(world.pods)


def test_a_retry_that_fails_again_freezes_again(spec: dict[str, Any]) -> None:
    world = frozen_at_first_pod(spec)
    say(world, "retry")
    wait(world, 3)
    assert world.condition("Ready")[1] != "Frozen"
    world.settle()
    assert world.condition("Ready") == ("False", "Frozen")
    assert len(world.status["bad"]) == 2


@pytest.mark.parametrize("strategy", ["Rolling", "BlueGreen"])
def test_another_spec_ends_a_freeze_without_a_gap(spec: dict[str, Any], strategy: str) -> None:
    world = frozen_in_bake(spec, strategy)
    world.watch = one_serves
    world.apply(version=C)
    world.settle()
    assert world.serving() == [C, C]
    assert world.condition("Ready") == ("False", "Baking")


def test_a_paused_rollout_moves_nothing_and_goes_on_afterwards(spec: dict[str, Any]) -> None:
    world = serving_a(spec, replicas=3)
    world.apply(version=B)
    while B not in world.serving():
        wait(world, 1)
    say(world, "pause", "true")
    world.one_pass()
    done = world.steps_done
    world.apply(sidecar={**world.spec["sidecar"], "replicas": 4})
    world.settle()
    assert world.steps_done == done
    assert world.status["target"]["state"] == "Paused"
    world.annotations = {}
    world.settle()
    assert world.serving() == [B] * 4


def test_a_paused_database_begins_no_fetch(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    say(world, "pause")
    world.apply(version=B)
    world.settle()
    assert world.fetched.count(B) == 0
    assert gates(world, A) == [True]
    world.annotations = {"facedb.dev/pause": "false"}
    world.settle()
    assert world.serving() == [B]


def one_serves(world: World) -> None:
    """To be watched at every second."""
    assert world.serving()


def message(world: World) -> str:
    found: str = next(c["message"] for c in world.status["conditions"] if c["type"] == "Ready")
    return found
