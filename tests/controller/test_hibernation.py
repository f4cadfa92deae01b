"""No replicas: no pod runs, every volume stays, and waking up needs no download."""

from __future__ import annotations

from typing import Any

import pytest

from kstatus import kstatus
from rollout_stories import A, B, C, pods_of, serving_a, until, wait
from world import World
from world_objects import outcome


def scaled(world: World, replicas: int) -> None:
    world.apply(sidecar={**world.spec["sidecar"], "replicas": replicas})


def test_it_keeps_every_volume_and_wakes_without_a_download(spec: dict[str, Any]) -> None:
    world = serving_a(spec, replicas=2)
    fetched, claims = list(world.fetched), set(world.claims)
    scaled(world, 0)
    world.settle()
    assert (world.serving(), world.pods) == ([], {})
    assert world.state is not None
    assert world.condition("Ready") == ("True", "Hibernated")
    assert world.condition("Available") == ("False", "NotServing")
    assert kstatus({"metadata": {"generation": world.generation}, "status": world.status}) == "Current"
    scaled(world, 2)
    world.settle()
    assert world.serving() == [A, A]
    assert (world.fetched, set(world.claims)) == (fetched, claims)
    assert world.status["history"][-1]["outcome"] == "Succeeded"


def test_its_budget_goes_and_whose_the_volumes_are_is_still_decided(spec: dict[str, Any]) -> None:
    world = serving_a(spec, replicas=2)
    assert world.budget_key is not None
    scaled(world, 0)
    world.settle()
    assert world.budget_key is None
    world.apply(deletionPolicy="Retain")
    world.settle()
    assert world.claims
    assert not any(claim.owned for claim in world.claims.values())


def test_another_version_waits_for_the_pods_and_is_not_refused_for_having_had_none(
    spec: dict[str, Any],
) -> None:
    world = serving_a(spec)
    scaled(world, 0)
    world.settle()
    world.apply(version=B)
    world.settle()
    assert world.condition("Ready") == ("False", "Hibernated")
    assert B not in world.fetched
    scaled(world, 1)
    world.settle()
    assert world.serving() == [B]
    assert "bad" not in world.status or world.status["bad"] == []


def test_a_rollout_goes_on_where_it_was_and_its_deadline_did_not_run(spec: dict[str, Any]) -> None:
    world = serving_a(spec, replicas=2, bake="1m")
    world.apply(version=B)
    until(world, "RollingOut")
    scaled(world, 0)
    wait(world, 1000)
    assert (world.serving(), pods_of(world, B)) == ([], [])
    scaled(world, 2)
    world.settle()
    assert world.serving() == [B, B]
    assert world.status["bad"] == []


def test_what_was_refused_stays_refused(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    world.fetches = lambda v: outcome(v, ok=False, reason="WrongChecksum", permanent=True)
    world.apply(version=B)
    world.settle()
    scaled(world, 0)
    world.settle()
    assert world.condition("Ready") == ("False", "Hibernated")
    scaled(world, 1)
    world.settle()
    assert world.serving() == [A]
    assert world.fetched.count(B) == 1


@pytest.mark.parametrize("steps", range(3))
def test_an_operator_killed_meanwhile_ends_the_same(spec: dict[str, Any], steps: int) -> None:
    world = serving_a(spec, replicas=2)
    scaled(world, 0)
    world.crash_after = steps
    world.settle()
    scaled(world, 1)
    world.settle()
    assert world.serving() == [A]


def test_a_release_whose_deployment_is_left_from_an_earlier_try_has_its_whole_time(
    spec: dict[str, Any],
) -> None:
    world = serving_a(spec)
    world.apply(version=B)
    until(world, "RollingOut")
    scaled(world, 0)
    wait(world, 2)
    world.apply(version=C)
    wait(world, 1000)
    world.apply(version=B)
    scaled(world, 2)
    world.settle()
    assert world.serving() == [B, B]
    assert world.status["bad"] == []
