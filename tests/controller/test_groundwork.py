"""What stands before any pod: Service, the volume of the users' state, the pods' account."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from facedb_operator.names import Component
from facedb_operator.plan import plan
from facedb_operator.steps import (
    CreateClaim,
    DeleteAccess,
    DeleteClaim,
    EnsureAccess,
    EnsureService,
    OwnClaim,
)
from world import World

B = "2026.02.18"


def test_service_state_and_account_come_first_one_each_pass(world: World) -> None:
    first = [world.one_pass().steps for _ in range(3)]
    assert first == [(EnsureService(),), (CreateClaim(Component.STATE, "1Gi"),), (EnsureAccess(),)]


def test_parts_of_the_access_that_somebody_deleted_come_back(world: World) -> None:
    world.settle()
    world.access_key = ""
    assert world.one_pass().steps == (EnsureAccess(),)


def test_a_state_that_is_going_away_is_neither_replaced_nor_waited_for(world: World) -> None:
    world.settle()
    assert world.state is not None
    world.state = replace(world.state, deleting=True)
    assert world.settle().steps == ()
    assert world.condition("Ready") == ("True", "Serving")


def test_the_users_state_outlives_every_release(world: World) -> None:
    world.settle()
    born = world.state
    for version in (B, "2026.02.25", "2026.03.01", "2026.02.12"):
        world.apply(version=version)
        world.settle()
        assert world.state == born
    assert world.status["storage"]["claims"][-1] == {"name": "stash-state", "version": "state"}


def test_no_step_ever_names_the_state_for_deletion(world: World) -> None:
    world.settle()
    seen = world.observe()
    assert seen.state is not None
    for version in (B, world.spec["version"]):
        world.apply(version=version, storage={**world.spec["storage"], "keep": 1})
        for _ in range(40):
            later = replace(world.observe(), now=seen.now + timedelta(days=1))
            assert DeleteClaim(seen.state.name) not in plan(world.database(), later).steps
            world.one_pass()
            world.tick()


def state(world: World, policy: str) -> dict[str, Any]:
    return {**world.spec["sidecar"], "state": {"deletionPolicy": policy}}


def test_the_states_own_deletion_policy_may_change_at_any_time(world: World) -> None:
    world.settle()
    assert world.state is not None
    assert not world.state.owned
    for policy, owned in (("Delete", True), ("Retain", False)):
        world.apply(sidecar=state(world, policy))
        assert OwnClaim("stash-state", owned=owned) in world.one_pass().steps
        world.settle()
        assert world.state.owned is owned


def test_the_databases_deletion_policy_leaves_the_state_alone(world: World) -> None:
    world.settle()
    world.apply(deletionPolicy="Retain")
    world.settle()
    world.apply(deletionPolicy="Delete")
    world.settle()
    assert world.state is not None
    assert not world.state.owned


def test_access_is_taken_back_once_the_pods_without_it_serve(world: World) -> None:
    world.settle()
    world.apply(sidecar={**world.spec["sidecar"], "updates": "Disabled"})
    still = []
    for _ in range(60):
        steps = world.one_pass().steps
        if DeleteAccess() in steps:
            still.append((len(world.workloads), world.condition("Ready")))
        world.tick()
    assert still == [(1, ("True", "Serving"))]
    assert world.access_key is None
    assert world.settle().steps == ()


def test_another_stash_is_rolled_like_a_release_and_fetches_nothing(world: World) -> None:
    world.settle()
    fetched, jobs = list(world.fetched), []
    world.watch = lambda w: jobs.append(len(w.serving()))
    world.apply(sidecar={**world.spec["sidecar"], "stash": {"url": "http://stash:9999"}})
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.fetched == fetched
    # Somebody served in every second of it.
    assert min(jobs) >= 1
    assert max(jobs) == 2
