"""Whatever users, drivers, thieves and kill -9 do: the last good release stays, and it ends steady."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import world_storage
from keeping_ways import CSI, WAYS, build
from world import Killed, World
from world_objects import base_spec, outcome

GOOD = ("2026.02.12", "2026.02.18", "2026.02.25")
CORRUPT = "2026.03.01"

actions = st.one_of(
    st.tuples(st.just("bump"), st.sampled_from([*GOOD, CORRUPT])),
    st.tuples(st.just("wait"), st.integers(1, 30)),
    st.tuples(st.just("kill after"), st.integers(1, 4)),
    st.tuples(st.just("way"), st.sampled_from(list(WAYS))),
    st.tuples(st.just("take claim"), st.integers(0, 3)),
    st.tuples(st.just("lose snapshot"), st.integers(0, 3)),
    st.tuples(st.just("no snapshots"), st.booleans()),
    st.tuples(st.just("roll back"), st.sampled_from(GOOD)),
    st.tuples(st.just("delete deployments"), st.just(0)),
)


# One case an action: a table.
def act(world: World, action: tuple[str, Any]) -> None:  # noqa: C901
    match action:
        case ("bump", version):
            world.apply(version=version)
        case ("wait", seconds):
            for _ in range(seconds):
                live(world)
        case ("kill after", steps):
            world.crash_after = steps
        case ("way", way):
            world.apply(storage={**base_spec()["storage"], **WAYS[way]})
        case ("take claim", number):
            for name in sorted(c.name for c in world.claims.values() if c.version)[number : number + 1]:
                world_storage.take(world, name)
        case ("lose snapshot", number):
            for name in sorted(world.snapshots)[number : number + 1]:
                world_storage.vanish(world, name)
        case ("no snapshots", gone):
            world.cluster = type(CSI)() if gone else CSI
        case ("roll back", version):
            world.annotations = {"facedb.dev/rollback": f"{version}-{world.generation}"}
        case _:
            for name in list(world.workloads):
                world.delete_workload(name)


def live(world: World) -> None:
    """One second with the operator at work, or being killed at it."""
    try:
        world.one_pass()
    except Killed:
        world.crash_after = None
    world.tick()


def moody(seed: int) -> World:
    """A world whose driver fails at random: snapshots, and volumes from snapshots."""
    world = build(base_spec(), "Snapshot")
    chance = random.Random(seed)
    world.snaps = lambda _: chance.choice([True, True, False, "driver says no"])
    world.binds = lambda _: chance.choice([True, False])
    world.fetches = lambda v: outcome(v, ok=v != CORRUPT, reason="WrongChecksum", permanent=v == CORRUPT)
    return world


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=25)
@given(sequence=st.lists(actions, max_size=10), last=st.sampled_from(GOOD), seed=st.integers(0, 99))
def test_any_sequence_of_events_ends_steady_with_what_was_asked_for(
    sequence: list[tuple[str, Any]], last: str, seed: int, way: str
) -> None:
    world = moody(seed)
    for action in sequence:
        act(world, action)
        live(world)
    world.cluster = CSI
    world.annotations = {"facedb.dev/retry": "last"}
    world.apply(version=last, storage={**base_spec()["storage"], **WAYS[way]})
    world.settle(limit_s=2000)
    # Somebody who deleted a volume under its pods does as the message says.
    if world.condition("Ready")[1] == "VolumeDeleted":
        act(world, ("delete deployments", 0))
    todo = world.settle(limit_s=2000)
    assert todo.steps == ()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.serving() == [last]
    assert not world.jobs
    kept = {c.key for c in world.claims.values() if c.version} | {
        s.release_key for s in world.snapshots.values()
    }
    assert len(kept) <= 2
    # One that was called off before its end may begin again.
    assert world.refused.count(CORRUPT) <= 1
    if way == "Volume":
        assert all(c.name not in world.snapshots for c in world.claims.values())
