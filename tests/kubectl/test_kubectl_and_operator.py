"""What the plugin lets through is what the operator acts on, at each moment of stories in the small world."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from facedb_kubectl.errors import Refused
from facedb_kubectl.readings import look
from facedb_kubectl.rules import judge, version_for
from facedb_kubectl.tokens import new_mark, token
from facedb_kubectl.view import View
from rollout_stories import B, C, say, serving_a
from world import World
from world_objects import base_spec

JUDGED = ("promote", "abort", "rollback")
STEPS = [{"percent": 25}, {"percent": 50, "pause": "20s"}]

Story = Callable[[], World]


def view_of(world: World) -> View:
    """The database as the API shows it."""
    db = world.database()
    meta = {"name": db.name, "namespace": db.namespace, "generation": db.generation}
    body = {
        "metadata": {**meta, "annotations": world.annotations},
        "spec": world.spec,
        "status": world.status,
    }
    return look(body, world.now)


def rolling() -> World:
    world = serving_a(base_spec(), replicas=2)
    world.apply(version=B)
    return world


def canary() -> World:
    world = serving_a(base_spec(), "Canary", 4, steps=STEPS)
    world.apply(version=B)
    return world


def baking() -> World:
    world = serving_a(base_spec(), bake="30s")
    world.apply(version=B)
    return world


def aborted() -> World:
    world = serving_a(base_spec(), bake="1h")
    world.apply(version=B)
    for _ in range(40):
        world.one_pass()
        world.tick()
    say(world, "abort")
    return world


def third() -> World:
    world = serving_a(base_spec())
    world.apply(version=B)
    world.settle()
    world.apply(version=C)
    return world


STORIES = {"rolling": rolling, "canary": canary, "baking": baking, "aborted": aborted, "third": third}


def refusal(view: View, verb: str) -> tuple[str | None, str]:
    """The version that would be asked for, and why it is refused; empty when it is not."""
    try:
        version = version_for(verb, view, None)
        judge(verb, view, version)
    except Refused as why:
        return None, str(why)
    return version, ""


def moments(story: Story) -> list[World]:
    """The story at each new reason of Ready, and at its end."""
    world, found, reasons = story(), [], set[str]()
    for _ in range(120):
        world.one_pass()
        reason = world.condition("Ready")[1]
        if reason not in reasons:
            reasons.add(reason)
            found.append(copy.deepcopy(world))
        world.tick()
    return [*found, world]


@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("verb", JUDGED)
def test_what_is_let_through_is_acted_on_and_what_is_refused_would_be_in_vain(name: str, verb: str) -> None:
    judged: list[Any] = []
    for world in moments(STORIES[name]):
        version, why = refusal(view_of(world), verb)
        if verb == "rollback" and version is None:
            continue
        reason = world.condition("Ready")[1]
        held = token(verb, version, new_mark())
        say(world, verb, held)
        message = world.one_pass().message
        judged.append((reason, why, "Nothing to" in message, message))
        assert world.status["handled"][verb] == held
    assert [each for each in judged if bool(each[1]) != each[2]] == []
