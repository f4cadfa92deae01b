"""Models that are refused, or not there yet: pods mount only those that were verified, and these stay."""

from __future__ import annotations

from typing import Any

import pytest

from facedb_operator.names import Component
from rollout_stories import A, B, C, say, until, wait, workload
from world import World
from world_objects import outcome
from world_storage import take

FIRST, SECOND, WRONG = ("0" * 64, "1" * 64, "f" * 64)


def judged(sha256: str) -> Any:
    """What the Job of these models says."""
    return outcome("models", ok=sha256 != WRONG, reason="WrongChecksum", permanent=sha256 == WRONG)


def ask_for(world: World, sha256: str) -> None:
    """Somebody sets other models."""
    files = [{"name": "arcface.onnx", "size": 3, "sha256": sha256}]
    world.apply(models={**world.spec["models"], "files": files})


def serving_b(spec: dict[str, Any]) -> World:
    """B serves and is good, and A is kept."""
    world = World(spec, models=judged)
    world.settle()
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B]
    return world


def refused(spec: dict[str, Any]) -> World:
    """B serves, and the models that the spec asks for now are refused."""
    world = serving_b(spec)
    ask_for(world, WRONG)
    world.settle()
    assert world.condition("Ready") == ("False", "RolledBack")
    assert world.serving() == [B]
    return world


def verified(world: World) -> list[str]:
    """Hashes of the models that are there and verified."""
    found = [c for c in world.claims.values() if c.component is Component.MODELS and c.verified]
    return sorted(world.model_files[c.name] for c in found)


def test_a_rollback_under_refused_models_serves_with_those_that_were_good(spec: dict[str, Any]) -> None:
    world = refused(spec)
    say(world, "rollback", f"{A}-1")
    world.settle()
    assert world.serving() == [A]
    assert world.model_files[workload(world, A).models_claim] == FIRST
    assert verified(world) == [FIRST]


@pytest.mark.parametrize("older", [False, True], ids=["of today", "of a status that names no models"])
def test_a_deployment_that_was_deleted_under_refused_models_comes_back_as_it_was(
    spec: dict[str, Any], older: bool
) -> None:
    world = refused(spec)
    world.delete_workload(workload(world, B).name)
    if older:
        del world.status["lastGood"]["models"]
    world.settle()
    assert world.serving() == [B]
    assert world.model_files[workload(world, B).models_claim] == FIRST
    assert verified(world) == [FIRST]


@pytest.mark.parametrize("at", range(1, 12))
def test_a_kill_on_the_way_back_changes_nothing_of_that(spec: dict[str, Any], at: int) -> None:
    world = refused(spec)
    world.delete_workload(workload(world, B).name)
    say(world, "rollback", f"{A}-1")
    world.crash_after = at
    world.settle()
    assert world.serving() == [A]
    assert verified(world) == [FIRST]


def test_a_deployment_that_was_deleted_while_models_are_fetched_does_not_wait_for_them(
    spec: dict[str, Any],
) -> None:
    world = serving_b(spec)
    world.models = lambda sha256: None if sha256 == SECOND else judged(sha256)
    ask_for(world, SECOND)
    wait(world, 3)
    world.delete_workload(workload(world, B).name)
    wait(world, 30)
    assert world.serving() == [B]
    world.models = judged
    world.settle(limit_s=2000)
    assert world.serving() == [B]
    assert world.condition("Ready") == ("True", "Serving")
    assert verified(world) == [SECOND]


def test_other_models_are_a_rollout_also_where_the_deployment_was_deleted(spec: dict[str, Any]) -> None:
    spec["rollout"]["bake"] = "1h"
    world = World({**spec, "rollout": {**spec["rollout"], "bake": "0s"}}, models=judged)
    world.settle()
    world.apply(rollout=spec["rollout"])
    world.settle()
    ask_for(world, SECOND)
    until(world, "Baking")
    say(world, "abort")
    world.settle()
    world.delete_workload(workload(world, A).name)
    world.settle()
    assert world.serving() == [A]
    assert world.model_files[workload(world, A).models_claim] == FIRST


def test_lost_models_come_back_though_what_the_spec_asks_for_was_refused(spec: dict[str, Any]) -> None:
    world = serving_b(spec)
    world.fetches = lambda v: outcome(v, ok=v != C, reason="WrongChecksum", permanent=v == C)
    world.apply(version=C)
    world.settle()
    assert world.serving() == [B]
    work = workload(world, B)
    take(world, work.models_claim)
    world.delete_workload(work.name)
    world.settle()
    assert world.serving() == [B]
    assert verified(world) == [FIRST]


def test_lost_models_that_nothing_names_any_more_are_told_of(spec: dict[str, Any]) -> None:
    world = refused(spec)
    work = workload(world, B)
    take(world, work.models_claim)
    world.delete_workload(work.name)
    todo = world.settle()
    assert not world.workloads
    assert "models" in todo.message
    # The spec's models are the way out.
    ask_for(world, SECOND)
    world.settle()
    assert world.serving() == [B]
