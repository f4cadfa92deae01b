"""Checks of a rollout: what each one holds up, what it ends, and that its Job is made once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facedb_operator.facts import Answer, CheckRun, Workload
from rollout_stories import A, B, gates, pods_of, say, serving_a, until, wait, watched
from world import World
from world_objects import good_answer

SMOKE = {"name": "smoke", "when": "BeforeTraffic", "job": {"command": ["probe", "{pod}"]}}
ERRORS = {
    "name": "errors",
    "when": "Step",
    "prometheus": {"url": "http://prometheus", "query": "rate(errors[1m])", "max": "0.1"},
}
SOAK = {"name": "soak", "when": "Bake", "http": {"url": "{service}/health"}}
RECALL = {"name": "recall", "recall": {"min": "0.95"}}
LATENCY = {"name": "latency", "latency": {"maxRatio": "1.5"}}


def measuring(version: str, recall: float | None = 1.0, query_ms: float | None = 2.0) -> Any:
    """Pods of this version tell these numbers; others 1.0 and 2 ms."""

    def answers(work: Workload) -> Answer:
        mine = work.version == version
        return replace(good_answer(work), recall=recall if mine else 1.0, query_ms=query_ms if mine else 2.0)

    return answers


def verdicts(**by_check: bool | None) -> Any:
    """How the Jobs of these checks end."""
    return lambda run: by_check.get(run.check, True)


def test_a_check_before_traffic_holds_the_gate_of_the_first_pod(spec: dict[str, Any]) -> None:
    world = serving_a(spec, replicas=2, checks=[SMOKE])
    world.checked = verdicts(smoke=None)
    seen = watched(world)
    world.apply(version=B)
    until(world, "Checking")
    wait(world, 20)
    assert seen == [(2, 0)]
    assert gates(world, B) == [None]
    world.checked = verdicts(smoke=True)
    world.settle()
    assert world.serving() == [B, B]


def test_a_failed_check_before_traffic_lets_nobody_see_the_release(spec: dict[str, Any]) -> None:
    world = serving_a(spec, checks=[SMOKE])
    world.checked = verdicts(smoke=False)
    seen = watched(world)
    world.apply(version=B)
    world.settle()
    assert seen == [(1, 0)]
    bad = world.status["bad"][-1]
    assert bad["reason"] == "CheckFailed"
    assert "smoke" in bad["message"]
    # For people to read; and no second one is made.
    assert [run.check for run in world.checks.values()] == ["smoke"]


def test_a_check_is_made_again_only_for_a_new_retry_token(spec: dict[str, Any]) -> None:
    world = serving_a(spec, checks=[SMOKE])
    made: list[str] = []
    world.checked = lambda run: note(made, run, ends_well=False)
    world.apply(version=B)
    world.settle()
    assert len(set(made)) == 1
    say(world, "retry")
    world.checked = lambda run: note(made, run, ends_well=True)
    world.settle()
    assert len(set(made)) == 2
    assert world.serving() == [B]
    assert not world.checks


@pytest.mark.parametrize(
    "mended", [{"checks": []}, {"checks": [{**SMOKE, "timeout": "2m"}]}, {"progressDeadline": "20m"}]
)
def test_who_mends_the_conditions_of_a_trial_needs_no_token_for_another(
    spec: dict[str, Any], mended: dict[str, Any]
) -> None:
    world = serving_a(spec, checks=[SMOKE])
    world.checked = verdicts(smoke=False)
    world.apply(version=B)
    world.settle()
    assert world.serving() == [A]
    world.checked = verdicts(smoke=True)
    world.apply(rollout={**world.spec["rollout"], **mended})
    world.settle()
    assert world.serving() == [B]


def test_a_step_of_a_canary_is_checked_after_its_pause(spec: dict[str, Any]) -> None:
    world = serving_a(
        spec,
        "Canary",
        2,
        steps=[{"percent": 50, "pause": "20s"}, {"percent": 100, "pause": "5s"}],
        checks=[ERRORS],
    )
    world.apply(version=B)
    until(world, "CanaryPaused")
    wait(world, 15)
    assert not world.checks
    world.checked = verdicts(errors=False)
    world.settle()
    assert sorted(world.serving()) == [A, A]
    assert world.status["bad"][-1]["reason"] == "CheckFailed"


def test_every_step_of_a_canary_has_a_check_of_its_own(spec: dict[str, Any]) -> None:
    made: list[str] = []
    world = serving_a(
        spec,
        "Canary",
        2,
        steps=[{"percent": 50, "pause": "2s"}, {"percent": 100, "pause": "2s"}],
        checks=[ERRORS],
    )
    world.checked = lambda run: note(made, run, ends_well=True)
    world.apply(version=B)
    world.settle()
    assert len(set(made)) == 2
    assert world.serving() == [B, B]


def test_a_check_of_the_bake_is_made_at_its_end_and_can_still_bring_the_old_release_back(
    spec: dict[str, Any],
) -> None:
    world = serving_a(spec, "BlueGreen", 2, bake="30s", checks=[SOAK])
    world.checked = verdicts(soak=False)
    world.apply(version=B)
    until(world, "Baking")
    wait(world, 20)
    assert not world.checks
    seen = watched(world)
    world.settle()
    assert world.serving() == [A, A]
    assert all(sum(moment) >= 2 for moment in seen)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        (measuring(B, recall=0.9), "90.0%"),
        (measuring(B, recall=None), "does not tell"),
        (measuring(B, query_ms=3.5), "3.5 ms"),
        (measuring(B, query_ms=None), "does not tell"),
    ],
    ids=["low recall", "no recall", "slow", "no latency"],
)
def test_recall_and_latency_are_judged_before_traffic(spec: dict[str, Any], answers: Any, why: str) -> None:
    spec["rollout"]["checks"] = [RECALL, LATENCY]
    world = World(spec, answers=answers)
    world.settle()
    seen = watched(world)
    world.apply(version=B)
    world.settle()
    assert seen == [(1, 0)]
    assert world.status["bad"][-1]["reason"] == "CheckFailed"
    assert why in world.status["bad"][-1]["message"]


def test_latency_is_compared_with_what_was_remembered_when_nobody_else_is_up(spec: dict[str, Any]) -> None:
    spec["rollout"] |= {"checks": [LATENCY], "strategy": "Recreate"}
    world = World(spec, answers=measuring(B, query_ms=9.0))
    world.settle()
    assert world.status["lastGood"]["queryMilliseconds"] == 2.0
    world.apply(version=B)
    world.settle()
    assert world.serving() == [A]
    assert "9.0 ms" in world.status["bad"][-1]["message"]


def test_a_release_as_good_as_the_last_one_passes_its_checks(spec: dict[str, Any]) -> None:
    spec["rollout"]["checks"] = [RECALL, LATENCY, SMOKE, SOAK]
    world = World(spec, answers=measuring(B, recall=0.96, query_ms=2.9))
    world.settle()
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B]
    assert not world.checks


def test_jobs_of_a_rollout_that_another_spec_replaced_are_deleted(spec: dict[str, Any]) -> None:
    world = serving_a(spec, checks=[SMOKE])
    world.checked = verdicts(smoke=None)
    world.apply(version=B)
    until(world, "Checking")
    world.apply(version=A)
    world.settle()
    assert not world.checks
    assert not pods_of(world, B)


def test_checks_hold_traffic_by_the_number_of_pods_where_there_is_no_gate(spec: dict[str, Any]) -> None:
    world = serving_a(spec, replicas=3, checks=[SMOKE], gate="Disabled")
    world.checked = verdicts(smoke=None)
    world.apply(version=B)
    until(world, "Checking")
    wait(world, 20)
    assert (len(pods_of(world, A)), len(pods_of(world, B))) == (3, 1)
    world.checked = verdicts(smoke=True)
    world.settle()
    assert world.serving() == [B, B, B]


def note(made: list[str], run: CheckRun, *, ends_well: bool) -> bool:
    made.append(run.name)
    return ends_well
