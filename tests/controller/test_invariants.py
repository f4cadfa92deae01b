"""Whatever users, nodes and kill -9 do in whatever order: nothing impossible happens, and it ends steady."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from world import Killed, World
from world_objects import base_spec, outcome

GOOD = ("2026.02.12", "2026.02.18", "2026.02.25")
CORRUPT = "2026.03.01"

actions = st.one_of(
    st.tuples(st.just("bump"), st.sampled_from([*GOOD, CORRUPT])),
    st.tuples(st.just("wait"), st.integers(1, 20)),
    st.tuples(st.just("kill after"), st.integers(1, 4)),
    st.tuples(st.just("delete pod"), st.integers(0, 3)),
    st.tuples(st.just("scale"), st.integers(1, 3)),
    st.tuples(st.just("retry"), st.integers(0, 9)),
    st.tuples(st.just("strategy"), st.sampled_from(["Auto", "Rolling", "Recreate"])),
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
        case ("delete pod", number):
            for name in sorted(world.pods)[number : number + 1]:
                world.delete_pod(name)
        case ("scale", replicas):
            world.apply(sidecar={**world.spec["sidecar"], "replicas": replicas})
        case ("retry", token):
            world.annotations = {"facedb.dev/retry": str(token)}
        case ("strategy", strategy):
            world.apply(rollout={**world.spec["rollout"], "strategy": strategy})
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


@settings(max_examples=60, deadline=None)
@given(st.lists(actions, max_size=12), st.sampled_from(GOOD))
def test_any_sequence_of_events_ends_steady_with_what_was_asked_for(
    sequence: list[tuple[str, Any]], last: str
) -> None:
    world = World(
        copy.deepcopy(base_spec()),
        fetches=lambda v: outcome(v, ok=v != CORRUPT, reason="WrongChecksum", permanent=v == CORRUPT),
    )
    for action in sequence:
        act(world, action)
        live(world)
    world.apply(version=last)
    todo = world.settle()
    assert todo.steps == ()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.serving() == [last] * world.spec["sidecar"]["replicas"]
    assert {w.version for w in world.workloads.values()} == {last}
    # No Job is left behind, and no more volumes than are kept.
    assert not world.jobs
    assert len([c for c in world.claims.values() if c.version]) <= 2
