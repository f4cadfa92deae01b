"""Volumes whose size the spec leaves open: what the source says that the release takes, and a quarter."""

from __future__ import annotations

import pytest

from channel_world import (
    GI,
    A,
    B,
    Publisher,
    channel_world,
    found,
    live,
    lookups,
)
from facedb_operator.spec.sizes import DEFAULT_SIZE
from facedb_release.outcome import Outcome
from world import World
from world_objects import outcome


def pinned(publisher: Publisher) -> World:
    world = channel_world(publisher)
    world.spec = {**{k: v for k, v in world.spec.items() if k != "channel"}, "version": A}
    del world.spec["storage"]["size"]
    return world


def test_a_pinned_release_without_a_size_gets_a_volume_of_what_it_takes_and_a_quarter() -> None:
    source = Publisher("none")
    world = pinned(source)
    world.settle()
    assert {c.size for c in world.claims.values() if c.version == A} == {f"{5 * 1024 // 2}Mi"}
    world.apply(version=B)
    source.bytes = 1000
    world.settle()
    assert {c.size for c in world.claims.values() if c.version == B} == {"1024Mi"}
    assert source.asked == [A, B]
    assert lookups(world) == []
    assert world.serving() == [B]


def test_a_release_serves_on_while_the_size_of_the_next_one_is_asked_for() -> None:
    source = Publisher("none")
    world = pinned(source)
    world.settle()
    source.failing = outcome("?", ok=False, reason="SourceUnavailable")
    world.apply(version=B)
    for name in list(world.pods):
        world.delete_pod(name)
    live(world, 120, step=1)
    assert world.serving() == [A]
    assert world.condition("Ready") == ("False", "SourceUnavailable")


@pytest.mark.parametrize(
    "said", [None, outcome("?", ok=False, reason="WrongArchive", permanent=True), found(A)], ids=str
)
def test_a_release_whose_size_nobody_can_say_gets_the_default(said: Outcome | None) -> None:
    world = pinned(Publisher("none"))
    world.lookups = lambda _: said
    world.settle()
    assert {c.size for c in world.claims.values() if c.version == A} == {DEFAULT_SIZE}
    assert world.serving() == [A]
    assert lookups(world) == []


def test_a_derived_size_that_changes_is_no_reason_to_fetch_again() -> None:
    source = Publisher(A)
    world = channel_world(source)
    del world.spec["storage"]["size"]
    while not any(c.version for c in world.claims.values()):
        world.one_pass()
        world.tick()
    source.offers, source.bytes = B, 8 * GI
    world.annotations = {"facedb.dev/retry": "1"}
    world.settle()
    # The token asks for one more try, and another size for none.
    assert world.fetched.count(A) <= 2
    assert world.serving() == [B]


def test_switching_the_size_off_looks_nothing_up_for_what_serves() -> None:
    source = Publisher("none")
    world = pinned(source)
    world.spec["storage"]["size"] = "4Gi"
    world.settle()
    world.apply(storage={k: v for k, v in world.spec["storage"].items() if k != "size"})
    world.settle()
    assert source.asked == []
    assert world.serving() == [A]
