"""kstatus reads every state right that a database can be in: offers, canaries, bakes, freezes, sleep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.test_invariants import STRATEGIES, UNLOADABLE, rollouts
from controller.test_kstatus import Reader, live
from controller.test_promises import a_world, few, happen, stories
from keeping_ways import WAYS
from world import World
from world_objects import found_lookup

A, B = "2026.02.12", "2026.02.18"
# Nothing moves, and somebody wanted it so.
STILL = {"Suspended", "Paused", "Hibernated"}


class Strict(Reader):
    """Objects to more: one of Ready, Reconciling and Stalled is True, unless somebody wants it still."""

    def judge(self) -> None:
        world = self.world
        found = {c["type"]: c for c in world.status["conditions"]}
        three = ("Ready", "Reconciling", "Stalled")
        true = [kind for kind in three if found[kind]["status"] == "True"]
        if found["Ready"]["reason"] in STILL:
            assert set(true) <= {"Ready"}, true
        else:
            assert len(true) == 1, (true, found["Ready"])
        assert world.status["observedGeneration"] == world.generation
        assert {found[kind]["observedGeneration"] for kind in three} == {world.generation}
        assert all(found[kind]["status"] in ("True", "False") for kind in three)
        super().judge()


def canary(world: World) -> None:
    world.apply(
        version=B, rollout={**world.spec["rollout"], "strategy": "Canary", "steps": [{"percent": 20}]}
    )


def baking(world: World) -> None:
    world.apply(version=B, rollout={**world.spec["rollout"], "bake": "10m"})


def frozen(world: World) -> None:
    world.apply(version=UNLOADABLE, rollout={**world.spec["rollout"], "onFailure": "Freeze"})


def offered(world: World) -> None:
    del world.spec["version"]
    world.lookups = found_lookup
    world.apply(channel={"policy": "Notify", "interval": "5m"})


def suspended(world: World) -> None:
    world.apply(version=B, suspend=True)


def suspended_in_mid_canary(world: World) -> None:
    canary(world)
    live(world, 60)
    world.apply(suspend=True)


def paused_in_mid_canary(world: World) -> None:
    canary(world)
    live(world, 60)
    world.annotations = {"facedb.dev/pause": "1"}


# State → how it comes about, what kstatus says, and Ready's reason.
STATES: dict[str, tuple[Callable[[World], None], str, str]] = {
    "a canary that waits for a promotion": (canary, "InProgress", "CanaryPaused"),
    "a bake": (baking, "InProgress", "Baking"),
    "a freeze": (frozen, "Failed", "Frozen"),
    "an offer that waits for an approval": (offered, "Current", "Serving"),
    "suspended with another version wanted": (suspended, "InProgress", "Suspended"),
    "suspended in the middle of a canary": (suspended_in_mid_canary, "InProgress", "Suspended"),
    "paused in the middle of a canary": (paused_in_mid_canary, "InProgress", "Paused"),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_read_as_what_it_is(state: str) -> None:
    come, word, reason = STATES[state]
    world = a_world("Rolling", "Volume", {})
    live(world, 60, Strict(world))
    come(world)
    reader = live(world, 60, Strict(world))
    assert reader.read[-1] == word
    assert world.condition("Ready")[1] == reason
    # And it stays so, by itself.
    assert set(live(world, 30, Strict(world)).read) == {word}
    if state.startswith("an offer"):
        assert world.condition("UpdateAvailable") == ("True", "AwaitingApproval")


@few
@given(
    strategy=st.sampled_from(STRATEGIES),
    way=st.sampled_from(list(WAYS)),
    rollout=rollouts,
    story=stories,
    seed=st.integers(0, 99),
)
def test_in_whatever_state_it_is_no_pass_says_what_is_not_so(
    strategy: str, way: str, rollout: dict[str, Any], story: list[tuple[str, Any]], seed: int
) -> None:
    world = a_world(strategy, way, rollout, seed)
    reader = live(world, 30, Strict(world))
    for action in story:
        if action[0] == "wait":
            live(world, action[1], reader)
        else:
            happen(world, action)
            live(world, 1, reader)
    live(world, 30, reader)
