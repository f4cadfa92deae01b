"""What people decide by annotation: it counts once, wherever the operator is killed."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from rollout_stories import A, B, C, pods_of, say, serving_a, until, wait, watched
from world import World

STEPS = [{"percent": 25}, {"percent": 50}, {"percent": 75}]


def test_a_promotion_ends_the_pause_of_one_step_only(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Canary", 4, steps=STEPS)
    world.apply(version=B)
    world.settle()
    assert world.serving().count(B) == 1
    say(world, "promote")
    world.settle()
    assert world.serving().count(B) == 2
    say(world, "promote", "2")
    world.settle()
    assert world.serving().count(B) == 3


def test_a_promotion_ends_the_bake(spec: dict[str, Any]) -> None:
    world = serving_a(spec, bake="1h")
    world.apply(version=B)
    until(world, "Baking")
    say(world, "promote")
    wait(world, 20)
    assert world.condition("Ready") == ("True", "Serving")
    assert world.status["lastGood"]["version"] == B


@pytest.mark.parametrize("strategy", ["Rolling", "BlueGreen", "Canary"])
def test_an_abort_goes_back_and_the_release_is_not_tried_again(spec: dict[str, Any], strategy: str) -> None:
    steps = {"steps": STEPS} if strategy == "Canary" else {"bake": "10m"}
    world = serving_a(spec, strategy, 4, **steps)
    world.apply(version=B)
    until(world, "CanaryPaused" if strategy == "Canary" else "Baking")
    seen = watched(world)
    say(world, "abort")
    world.settle()
    assert world.serving() == [A] * 4
    assert all(sum(moment) >= 4 for moment in seen)
    assert world.condition("Ready")[0] == "False"
    assert world.status["bad"][-1]["reason"] == "Aborted"
    assert world.status["history"][-1]["outcome"] == "Aborted"
    say(world, "retry")
    wait(world, 30)
    assert pods_of(world, B)


def test_an_abort_while_bytes_are_fetched_ends_that_too(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    world.apply(version=B)
    wait(world, 2)
    assert world.jobs
    say(world, "abort")
    world.settle()
    assert world.serving() == [A]
    assert not world.jobs
    assert world.status["history"][-1]["outcome"] == "Aborted"


@pytest.mark.parametrize("verb", ["abort", "promote", "rollback"])
def test_a_verb_that_decides_nothing_is_dealt_with_and_says_so(spec: dict[str, Any], verb: str) -> None:
    world = serving_a(spec)
    before = world.steps_done
    say(world, verb, "2020.01.01-1")
    todo = world.one_pass()
    assert "Nothing to" in todo.message
    assert world.status["handled"] == {verb: "2020.01.01-1"}
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.steps_done == before
    # The same token does not wait for a rollout that comes later.
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B]


@pytest.mark.parametrize("verb", ["abort", "promote"])
def test_a_verb_for_no_rollout_does_not_wait_for_the_end_of_a_suspension(
    spec: dict[str, Any], verb: str
) -> None:
    world = serving_a(spec)
    world.apply(suspend=True)
    say(world, verb)
    assert "Nothing to" in world.one_pass().message
    world.apply(version=B)
    world.settle()
    assert world.serving() == [A]
    world.apply(suspend=False)
    world.settle()
    assert world.serving() == [B]


def test_an_abort_of_a_rollout_that_is_suspended_counts_afterwards(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    world.apply(version=B)
    wait(world, 2)
    world.apply(suspend=True)
    say(world, "abort")
    assert "Nothing to" not in world.one_pass().message
    world.apply(suspend=False)
    world.settle()
    assert world.serving() == [A]
    assert world.status["history"][-1]["outcome"] == "Aborted"


def test_a_rollback_serves_a_kept_release_without_a_fetch(spec: dict[str, Any]) -> None:
    world = serving_a(spec, replicas=2)
    world.apply(version=B)
    world.settle()
    fetched = list(world.fetched)
    seen = watched(world)
    say(world, "rollback", f"{A}-1")
    world.settle()
    assert world.serving() == [A, A]
    assert world.fetched == fetched
    assert all(sum(moment) >= 2 for moment in seen)
    assert world.status["bad"][-1]["reason"] == "RolledBackByUser"
    assert world.status["lastGood"]["version"] == A
    assert world.status["handled"] == {"rollback": f"{A}-1"}
    last = world.status["history"][-1]
    assert (last["version"], last["outcome"], last["reason"]) == (B, "RolledBack", "RolledBackByUser")
    # What the spec asks for comes back by another spec, or by a retry.
    say(world, "retry")
    world.settle()
    assert world.serving() == [B, B]


def test_a_rollback_during_a_rollout_goes_to_the_named_release(spec: dict[str, Any]) -> None:
    spec["storage"]["keep"] = 3
    world = serving_a(spec, bake="10m")
    world.apply(version=B)
    until(world, "Baking")
    wait(world, 610)
    world.settle()
    world.apply(version=C)
    until(world, "Baking")
    say(world, "rollback", f"{A}-1")
    world.settle()
    assert world.serving() == [A]
    assert world.status["bad"][-1]["version"] == C


def test_a_rollback_to_a_release_that_is_not_kept_moves_nothing_and_names_those_that_are(
    spec: dict[str, Any],
) -> None:
    world = serving_a(spec)
    world.apply(version=B)
    world.settle()
    say(world, "rollback", "2020.01.01-1")
    todo = world.one_pass()
    assert f"kept are {A}, {B}" in todo.message
    world.settle()
    assert world.serving() == [B]


def stories() -> list[Any]:
    canary = {"strategy": "Canary", "steps": [{"percent": 50}]}
    return [
        pytest.param("promote", canary, "CanaryPaused", [B, B], id="promote a canary"),
        pytest.param("promote", {"bake": "1h"}, "Baking", [B, B], id="promote a bake"),
        pytest.param("abort", canary, "CanaryPaused", [A, A], id="abort a canary"),
        pytest.param("abort", {"bake": "1h"}, "Baking", [A, A], id="abort a bake"),
        pytest.param("rollback", {}, "Serving", [A, A], id="roll back"),
    ]


@pytest.mark.parametrize(("verb", "rollout", "at", "end"), stories())
def test_a_verb_counts_once_wherever_the_operator_is_killed(
    spec: dict[str, Any], verb: str, rollout: dict[str, Any], at: str, end: list[str]
) -> None:
    world = serving_a(spec, **{"strategy": "Rolling", "replicas": 2, **rollout})
    world.apply(version=B)
    until(world, at)
    if at == "Serving":
        world.settle()
    say(world, verb, f"{A}-1")
    steps = told(copy.deepcopy(world), None, end)
    for number in range(1, steps + 1):
        told(copy.deepcopy(world), number, end)


def told(world: World, crash_after: int | None, end: list[str]) -> int:
    """The story to its end; the steps that it took."""
    before, world.crash_after = world.steps_done, crash_after
    world.settle()
    assert world.serving() == end
    outcomes = [h["outcome"] for h in world.status["history"]]
    assert outcomes.count("Aborted") + outcomes.count("RolledBack") <= 1
    assert len(world.status["bad"]) <= 1
    assert world.kills == (0 if crash_after is None else 1)
    return world.steps_done - before


def test_a_volume_that_is_still_to_be_made_from_a_lost_snapshot_is_no_kept_release(
    spec: dict[str, Any],
) -> None:
    world = serving_a(spec)
    world.apply(version=B)
    world.settle()
    old = next(c for c in world.claims.values() if c.version == A)
    # It was restored, and before a pod came the snapshot went: nothing will ever be on it.
    world.claims[old.name] = replace(old, bound=False, restored_from="gone")
    say(world, "rollback", f"{A}-1")
    world.one_pass()
    assert world.status["lastGood"]["version"] == B
    message = next(c["message"] for c in world.status["conditions"] if c["type"] == "Ready")
    assert f"{A} is not kept" in message
    assert world.serving() == [B]
