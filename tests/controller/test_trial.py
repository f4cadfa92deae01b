"""A release on trial: what ends it, how long it has, and what counts against it while it bakes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import world_pods
from facedb_operator.facts import Answer, Workload
from rollout_stories import A, B, gates, pods_of, say, serving_a, until, wait, watched
from world import World
from world_objects import digest_of, good_answer


def degraded(version: str) -> Answer:
    """200, and not ready: what /ready says when an index was dropped, say."""
    return Answer(False, version, digest_of(version), failed=False, reason="", message="an index is gone")


def test_a_release_is_good_only_after_it_has_served_alone_for_the_bake(spec: dict[str, Any]) -> None:
    world = serving_a(spec, bake="60s")
    world.apply(version=B)
    until(world, "Baking")
    wait(world, 50)
    assert world.status["lastGood"]["version"] == A
    assert world.condition("Ready") == ("False", "Baking")
    world.settle()
    assert world.status["lastGood"]["version"] == B
    assert world.condition("Ready") == ("True", "Serving")


@pytest.mark.parametrize("strategy", ["Rolling", "BlueGreen", "Recreate"])
def test_a_container_that_ends_during_the_bake_brings_the_old_release_back(
    spec: dict[str, Any], strategy: str
) -> None:
    world = serving_a(spec, strategy, 2, bake="60s")
    world.apply(version=B)
    until(world, "Baking")
    wait(world, 5)
    world_pods.restart(world, pods_of(world, B)[0].name)
    seen = watched(world)
    world.settle()
    assert world.serving() == [A, A]
    assert world.status["bad"][-1]["reason"] == "Restarted"
    assert world.status["history"][-1]["outcome"] == "RolledBack"
    if strategy != "Recreate":
        assert all(sum(moment) >= 1 for moment in seen)


def test_a_pod_that_a_node_lost_during_the_bake_is_no_fault_of_the_release(spec: dict[str, Any]) -> None:
    world = serving_a(spec, replicas=2, bake="5m")
    world.apply(version=B)
    until(world, "Baking")
    # Longer than the progress deadline: the new pod has a deadline of its own.
    wait(world, 150)
    world.delete_pod(pods_of(world, B)[0].name)
    wait(world, 20)
    assert sorted(world.serving()) == [B, B]
    assert "bad" not in world.status or not world.status["bad"]
    wait(world, 150)
    assert world.condition("Ready") == ("True", "Serving")


def test_a_pod_that_stops_serving_during_the_bake_brings_the_old_release_back(spec: dict[str, Any]) -> None:
    world = serving_a(spec, bake="60s")
    world.apply(version=B)
    until(world, "Baking")
    world.moods[pods_of(world, B)[0].name] = degraded(B)
    world.settle()
    assert world.serving() == [A]
    assert world.status["bad"][-1]["reason"] == "Degraded"


def test_restarts_before_the_bake_are_not_counted_against_it(spec: dict[str, Any]) -> None:
    world = serving_a(spec, bake="30s")
    world.apply(version=B)
    while not any(p.ip for p in pods_of(world, B)):
        wait(world, 1)
    world_pods.restart(world, pods_of(world, B)[0].name)
    world.settle()
    assert world.serving() == [B]
    assert world.condition("Ready") == ("True", "Serving")


def test_a_crash_loop_ends_a_trial_before_its_deadline(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    world.answers = lambda work: None if work.version == B else good_answer(work)
    world.crashes = lambda pod, work: work.version == B and world.now.second % 5 == 0
    world.watch = one_serves
    begun = world.now
    world.apply(version=B)
    until(world, "RolledBack")
    assert (world.now - begun).total_seconds() < 60
    assert world.status["bad"][-1]["reason"] == "CrashLoop"
    assert "exit code 1" in world.status["bad"][-1]["message"]


def test_pods_that_come_and_go_are_no_progress(spec: dict[str, Any]) -> None:
    world = serving_a(spec, replicas=2)
    world.answers = lambda work: None if work.version == B else good_answer(work)
    world.apply(version=B)
    for number in range(200):
        wait(world, 1)
        if number % 7 == 0 and pods_of(world, B):
            world.delete_pod(pods_of(world, B)[0].name)
    assert world.status["bad"][-1]["reason"] == "ProgressDeadlineExceeded"
    assert sorted(world.serving()) == [A, A]


def test_the_deadline_does_not_run_while_paused_or_suspended(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    slow(world, B)
    world.apply(version=B)
    while not pods_of(world, B):
        wait(world, 1)
    say(world, "pause")
    wait(world, 200)
    world.annotations = {}
    wait(world, 30)
    world.apply(suspend=True)
    wait(world, 200)
    world.apply(suspend=False)
    wait(world, 30)
    assert not world.status["bad"]
    world.answers = good_answer
    world.settle()
    assert world.serving() == [B]


def test_the_gate_is_closed_when_the_container_restarts_until_it_serves_the_release_again(
    spec: dict[str, Any],
) -> None:
    world = serving_a(spec, replicas=2)
    name = pods_of(world, A)[0].name
    world_pods.restart(world, name)
    world.one_pass()
    assert world.pods[name].gate is False
    world.moods[name] = degraded(A)
    wait(world, 20)
    assert world.pods[name].gate is False
    del world.moods[name]
    wait(world, 20)
    assert world.pods[name].gate is True
    assert world.serving() == [A, A]


@pytest.mark.parametrize(
    "said", [degraded(A), Answer(True, B, "sha256:x", False, "", "")], ids=["degraded", "other"]
)
def test_the_gate_is_closed_when_a_pod_says_that_it_serves_something_else(
    spec: dict[str, Any], said: Answer
) -> None:
    world = serving_a(spec, replicas=2)
    name = pods_of(world, A)[0].name
    world.moods[name] = said
    wait(world, 2)
    assert sorted(gates(world, A), key=str) == [False, True]


def test_a_pod_that_does_not_answer_the_operator_keeps_its_traffic(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    world.watch = one_serves
    world.answers = lambda _: None
    wait(world, 20)
    assert gates(world, A) == [True]


def test_a_pod_that_was_restarted_and_does_not_answer_gets_no_traffic(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    world.answers = lambda _: None
    name = pods_of(world, A)[0].name
    # So quickly that no pass saw it down.
    world.pods[name] = replace(world.pods[name], restarts=1, started_at=world.now, answer=None)
    wait(world, 2)
    assert gates(world, A) == [False]


def test_a_superseded_rollout_stands_in_the_history(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    world.apply(version=B)
    while not pods_of(world, B):
        wait(world, 1)
    wait(world, 1)
    world.apply(version=A)
    world.settle()
    last = world.status["history"][-1]
    assert (last["version"], last["outcome"], last["reason"]) == (B, "Aborted", "Superseded")
    assert [w.version for w in world.workloads.values()] == [A]


def one_serves(world: World) -> None:
    """To be watched at every second."""
    assert world.serving()


def slow(world: World, version: str) -> None:
    """Pods of this version load, and do not come to an end of it."""

    def answers(work: Workload) -> Answer | None:
        return None if work.version == version else good_answer(work)

    world.answers = answers


def test_a_bake_in_which_a_quota_forbids_the_lost_pod_is_told_and_judged(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "BlueGreen", 2, bake="60s")
    world.apply(version=B)
    until(world, "Baking")
    world.quota = 'pods "stash" is forbidden: exceeded quota: pods, used: pods=3, limited: pods=3'
    world.delete_pod(pods_of(world, B)[0].name)
    wait(world, 30)
    message = next(c["message"] for c in world.status["conditions"] if c["type"] == "Ready")
    assert "exceeded quota" in message
    # The bake, and a deadline beyond it.
    wait(world, 190)
    assert world.serving() == [A, A]
    bad = world.status["bad"][-1]
    assert bad["reason"] == "ProgressDeadlineExceeded"
    assert "exceeded quota" in bad["message"]


def test_a_lost_pod_that_a_quota_forbids_is_told_of_what_serves_too(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Rolling", 2)
    world.quota = "exceeded quota: pods"
    world.delete_pod(next(iter(world.pods)))
    wait(world, 10)
    assert world.condition("Ready") == ("False", "Repairing")
    message = next(c["message"] for c in world.status["conditions"] if c["type"] == "Ready")
    assert "exceeded quota" in message
    world.quota = None
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")


def test_a_good_release_that_lost_its_deployment_comes_back_with_its_own_image_where_todays_was_refused(
    spec: dict[str, Any],
) -> None:
    spec["sidecar"]["image"] = "sidecar:1"
    world = serving_a(spec)
    broken = Answer(False, None, None, failed=True, reason="LoadFailed", message="no such library")
    world.answers = lambda work: broken if work.image == "sidecar:2" else good_answer(work)
    world.apply(sidecar={**world.spec["sidecar"], "image": "sidecar:2"})
    world.settle()
    assert world.serving() == [A]
    assert world.condition("Ready") == ("False", "RolledBack")
    for name in list(world.workloads):
        world.delete_workload(name)
    world.settle()
    assert world.serving() == [A]
    assert [w.image for w in world.workloads.values()] == ["sidecar:1"]
    assert world.condition("Ready") == ("False", "RolledBack")
