"""Jobs of checks that are lost: nobody goes out of traffic for it, and no release is blamed for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from facedb_operator.facts import CheckRun
from rollout_stories import A, B, pods_of, say, serving_a, until, wait, watched
from world import World

SMOKE = {"name": "smoke", "when": "BeforeTraffic", "job": {"command": ["probe", "{pod}"]}}
SOAK = {"name": "soak", "when": "Bake", "http": {"url": "{service}/health"}}


def lose_the_job(world: World) -> None:
    """Somebody deletes it, or its time to live is over."""
    world.checks.clear()


def lengthen_the_deadline(world: World) -> None:
    world.apply(rollout={**world.spec["rollout"], "progressDeadline": "20m"})


def add_another_check(world: World) -> None:
    checks = [*world.spec["rollout"]["checks"], {**SMOKE, "name": "late"}]
    world.apply(rollout={**world.spec["rollout"], "checks": checks})


MEANWHILE = [lose_the_job, lambda world: say(world, "retry"), lengthen_the_deadline, add_another_check]
NAMES = ["the Job is gone", "a retry token", "another deadline", "another check"]


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=NAMES)
@pytest.mark.parametrize("gate", ["Required", "Disabled"])
@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("strategy", ["Auto", "Rolling", "BlueGreen", "Canary", "Recreate"])
def test_whoever_takes_traffic_keeps_it_when_a_check_before_traffic_would_have_to_be_made_again(
    spec: dict[str, Any], strategy: str, replicas: int, gate: str, meanwhile: Callable[[World], None]
) -> None:
    steps = [{"percent": 50, "pause": "5s"}]
    world = serving_a(spec, strategy, replicas, steps=steps, checks=[SMOKE], bake="60s", gate=gate)
    world.apply(version=B)
    until(world, "Baking")
    seen = watched(world)
    world.checked = lambda _: None
    meanwhile(world)
    wait(world, 30)
    assert seen == [(0, replicas)]
    world.checked = lambda _: True
    world.settle()
    assert seen == [(0, replicas)]
    assert world.serving() == [B] * replicas


@pytest.mark.parametrize("strategy", ["Rolling", "BlueGreen", "Canary"])
@pytest.mark.parametrize("after_s", range(1, 30, 2))
def test_a_rollout_goes_on_without_a_gap_whenever_the_job_of_a_check_before_traffic_is_lost(
    spec: dict[str, Any], strategy: str, after_s: int
) -> None:
    steps = [{"percent": 50, "pause": "5s"}]
    world = serving_a(spec, strategy, 2, steps=steps, checks=[SMOKE], bake="20s")
    seen = watched(world)
    world.apply(version=B)
    wait(world, after_s)
    lose_the_job(world)
    world.settle()
    assert world.serving() == [B, B]
    assert all(sum(moment) >= 2 for moment in seen)


def test_a_canary_whose_step_waits_keeps_its_traffic_when_the_job_before_traffic_is_gone(
    spec: dict[str, Any],
) -> None:
    world = serving_a(spec, "Canary", 2, steps=[{"percent": 50}], checks=[SMOKE])
    world.apply(version=B)
    until(world, "CanaryPaused")
    wait(world, 5)
    seen = watched(world)
    world.checked = lambda _: None
    lose_the_job(world)
    wait(world, 20)
    assert seen == [(1, 1)]
    assert world.condition("Ready")[1] == "CanaryPaused"


def test_a_frozen_release_that_takes_traffic_keeps_it_when_it_is_tried_again(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Rolling", 2, checks=[SMOKE, SOAK], bake="20s", onFailure="Freeze")
    world.checked = lambda run: run.check != "soak"
    world.apply(version=B)
    world.settle()
    assert (world.condition("Ready")[1], world.serving()) == ("Frozen", [B, B])
    seen = watched(world)
    world.checked = lambda _: True
    say(world, "retry")
    world.settle()
    assert seen == [(0, 2)]
    assert world.condition("Ready") == ("True", "Serving")


def test_a_check_before_traffic_holds_the_gate_of_a_pod_that_comes_back_before_anybody_was_let_in(
    spec: dict[str, Any],
) -> None:
    world = serving_a(spec, checks=[SMOKE])
    world.checked = lambda _: None
    seen = watched(world)
    world.apply(version=B)
    until(world, "Checking")
    world.delete_pod(pods_of(world, B)[0].name)
    lose_the_job(world)
    wait(world, 30)
    assert seen == [(1, 0)]


@pytest.mark.parametrize("steps", range(1, 12))
def test_a_check_whose_pod_was_taken_away_is_made_again_wherever_the_operator_is_killed(
    spec: dict[str, Any], steps: int
) -> None:
    world = serving_a(spec, checks=[SMOKE])
    world.checked = lambda run: True if run.attempt == 3 else "Evicted"
    world.crash_after = steps
    world.apply(version=B)
    world.settle()
    assert world.kills == 1
    assert world.serving() == [B]
    assert not world.checks


def test_a_check_whose_pod_was_taken_away_is_made_again(spec: dict[str, Any]) -> None:
    world = serving_a(spec, checks=[SMOKE])
    world.checked = lambda run: True if run.attempt == 3 else "Evicted: The node was low on memory."
    seen = watched(world)
    world.apply(version=B)
    until(world, "Checking")
    wait(world, 5)
    assert "Evicted: The node was low on memory." in said(world)
    world.settle()
    assert world.serving() == [B]
    assert all(sum(moment) >= 1 for moment in seen)
    assert not world.status.get("bad")
    assert not world.checks


def test_a_check_whose_pods_are_all_taken_away_fails_in_the_end(spec: dict[str, Any]) -> None:
    world = serving_a(spec, checks=[SMOKE])
    made: list[int] = []

    def evicted(run: CheckRun) -> str:
        made.append(run.attempt)
        return "Evicted: The node was low on memory."

    world.checked = evicted
    seen = watched(world)
    world.apply(version=B)
    world.settle()
    assert seen == [(1, 0)]
    assert max(made) == 5
    bad = world.status["bad"][-1]
    assert bad["reason"] == "CheckFailed"
    assert bad["message"] == (
        "Check smoke failed: it was made 5 times and found nothing (Evicted: The node was low on memory.)"
    )


def test_a_check_that_failed_by_itself_is_a_finding_whatever_took_other_pods_away(
    spec: dict[str, Any],
) -> None:
    world = serving_a(spec, checks=[SMOKE])
    made: list[int] = []

    def second_fails(run: CheckRun) -> bool | str:
        made.append(run.attempt)
        return "Preempting" if run.attempt == 1 else False

    world.checked = second_fails
    world.apply(version=B)
    world.settle()
    assert world.serving() == [A]
    assert max(made) == 2
    assert world.status["bad"][-1]["message"] == "Check smoke failed: as it was told"


def said(world: World) -> str:
    found: str = next(c["message"] for c in world.status["conditions"] if c["type"] == "Ready")
    return found
