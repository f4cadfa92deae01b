"""A good release whose pods all crash again and again: the kept one before it comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facedb_operator.facts import Fleet
from rollout_stories import A, B, C, pods_of, say, serving_a, until, wait
from world import World


def crashing(world: World, version: str, waits: str = "40s") -> None:
    """Every pod of this version, whenever the operator looks: ended, and the kubelet waits so long."""

    def look(world: World) -> None:
        for pod in pods_of(world, version):
            world.pods[pod.name] = replace(
                pod,
                ready=False,
                containers_ready=False,
                answer=None,
                restarts=4,
                last_exit="Error (exit code 139)",
                waiting=f"CrashLoopBackOff: back-off {waits} restarting failed container=sidecar",
            )

    world.watch = look


def serving_b(spec: dict[str, Any], replicas: int = 1, **rollout: Any) -> World:
    """B serves and is good, and A is kept."""
    world = serving_a(spec, "Rolling", replicas, **rollout)
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B] * replicas
    return world


@pytest.mark.parametrize(("replicas", "waits"), [(1, "40s"), (2, "1m20s"), (1, "5m0s")])
def test_the_release_before_takes_over_and_the_crashing_one_is_not_tried_again(
    spec: dict[str, Any], replicas: int, waits: str
) -> None:
    world = serving_b(spec, replicas)
    crashing(world, B, waits)
    wait(world, 60)
    assert world.serving() == [A] * replicas
    assert world.condition("Ready") == ("False", "RolledBack")
    bad = world.status["bad"][-1]
    assert (bad["version"], bad["reason"]) == (B, "CrashLoop")
    assert "exit code 139" in bad["message"]
    assert world.status["lastGood"]["version"] == A
    assert world.status["history"][-1]["outcome"] == "RolledBack"


def test_the_one_that_takes_over_has_served_before(spec: dict[str, Any]) -> None:
    world = serving_b({**spec, "storage": {**spec["storage"], "keep": 3}})
    world.apply(version=C)
    until(world, "RollingOut")
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B]
    assert any(claim.version == C and claim.verified for claim in world.claims.values())
    crashing(world, B)
    wait(world, 60)
    assert world.serving() == [A]
    assert world.status["lastGood"]["version"] == A


@pytest.mark.parametrize("waits", ["1s", "10s", "20s"])
def test_a_crash_now_and_then_is_no_crash_loop(spec: dict[str, Any], waits: str) -> None:
    world = serving_b(spec)
    crashing(world, B, waits)
    wait(world, 30)
    assert "bad" not in world.status or not world.status["bad"]


def test_one_pod_that_serves_is_enough_to_stay(spec: dict[str, Any]) -> None:
    world = serving_b(spec, 2)
    healthy = pods_of(world, B)[0]
    crashing(world, B)
    inner = world.watch

    def look(world: World) -> None:
        inner(world)
        world.pods[healthy.name] = replace(healthy, gate=True)

    world.watch = look
    wait(world, 30)
    assert not world.status.get("bad")


def test_nothing_is_decided_where_people_asked_to_decide_themselves(spec: dict[str, Any]) -> None:
    frozen = serving_b({**spec, "rollout": {**spec["rollout"], "onFailure": "Freeze"}})
    crashing(frozen, B)
    wait(frozen, 30)
    assert not frozen.status.get("bad")


def test_nothing_is_decided_while_it_is_paused(spec: dict[str, Any]) -> None:
    world = serving_b(spec)
    say(world, "pause")
    crashing(world, B)
    wait(world, 30)
    assert not world.status.get("bad")


def test_without_a_kept_release_there_is_nothing_to_go_back_to(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    crashing(world, A)
    wait(world, 30)
    assert not world.status.get("bad")


def test_a_kept_release_that_has_never_served_is_no_way_back(spec: dict[str, Any]) -> None:
    spec["storage"]["keep"] = 3
    world = serving_b(spec)
    world.fleet = Fleet(may_begin=False)
    world.apply(version=C)
    world.settle()
    assert C in world.fetched
    # Fetched, and taken back before any pod of it was made.
    world.apply(version=B)
    world.settle()
    crashing(world, B)
    wait(world, 60)
    assert world.serving() == [A]
    assert world.status["lastGood"]["version"] == A
