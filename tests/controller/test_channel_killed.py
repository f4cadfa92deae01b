"""Stories of channels with the operator killed after every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from channel_world import (
    APPROVE,
    A,
    B,
    Publisher,
    channel_world,
    live,
    lookups,
)
from world import World

STORIES: dict[str, tuple[dict[str, Any], Callable[[World], None], str]] = {
    "first install": ({}, lambda world: None, A),
    "automatic": ({"policy": "Automatic"}, lambda world: None, B),
    "approved": ({}, lambda world: world.annotations.update({APPROVE: f"{B}-1"}), B),
    "in the window": (
        {"policy": "Automatic", "window": {"start": "04:04", "duration": "1h"}},
        lambda world: None,
        B,
    ),
}


def play(name: str, crash_after: int | None) -> tuple[World, Publisher]:
    channel, act, _ = STORIES[name]
    source = Publisher(A)
    world = channel_world(source, interval="3m", **channel)
    del world.spec["storage"]["size"]
    world.crash_after = crash_after
    live(world, 60, step=1)
    source.offers = B
    act(world)
    live(world, 420)
    return world, source


@pytest.mark.parametrize("name", STORIES)
def test_an_operator_killed_after_any_step_asks_as_often_and_ends_the_same(name: str) -> None:
    whole, source = play(name, None)
    assert whole.serving() == [STORIES[name][2]]
    for number in range(1, whole.steps_done + 1):
        world, again = play(name, number)
        assert world.kills == 1, f"was not killed after step {number}"
        assert world.serving() == whole.serving()
        assert again.asked == source.asked
        assert lookups(world) == []
