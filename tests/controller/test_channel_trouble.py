"""Channels whose source fails, whose releases are refused, and that people change or stop."""

from __future__ import annotations

from channel_world import (
    APPROVE,
    A,
    B,
    C,
    Publisher,
    channel_world,
    live,
    lookups,
    message,
    update,
)
from world_objects import good_fetch, outcome


def test_a_pinned_version_is_bound_to_no_window_and_keeps_serving_into_the_channel_and_back() -> None:
    closed = {"days": ["Mon"], "start": "00:00", "duration": "1h"}
    source = Publisher(A)
    world = channel_world(source)
    world.spec = {**{k: v for k, v in world.spec.items() if k != "channel"}, "version": B}
    world.settle()
    made = set(world.workloads)
    channel = {"policy": "Automatic", "window": closed}
    world.spec = {**{k: v for k, v in world.spec.items() if k != "version"}, "channel": channel}
    world.generation += 1
    world.settle()
    assert world.status["desired"]["version"] == B
    source.offers = C
    live(world, 3700)
    assert update(world) == ("True", "OutsideWindow")
    world.spec = {**{k: v for k, v in world.spec.items() if k != "channel"}, "version": B}
    world.generation += 1
    world.settle()
    assert set(world.workloads) == made
    assert not any(c["type"] == "UpdateAvailable" for c in world.status["conditions"])
    assert "available" not in world.status


def test_a_release_of_the_channel_that_was_refused_is_left_for_a_newer_one() -> None:
    source = Publisher(A)
    world = channel_world(source, policy="Automatic")
    world.fetches = lambda v: outcome(v, ok=v != B, reason="WrongChecksum", permanent=v == B)
    world.settle()
    source.offers = B
    live(world, 3700)
    assert world.condition("Ready") == ("False", "RolledBack")
    assert world.serving() == [A]
    source.offers = C
    live(world, 3700)
    assert world.serving() == [C]
    assert world.fetched.count(B) == 1


def test_a_refused_release_that_the_publisher_withdraws_gives_way_to_the_one_that_serves() -> None:
    source = Publisher(A)
    world = channel_world(source, policy="Automatic")
    world.fetches = lambda v: outcome(v, ok=v != B, reason="WrongChecksum", permanent=v == B)
    world.settle()
    source.offers = B
    live(world, 3700)
    source.offers = A
    live(world, 3700)
    assert world.condition("Ready") == ("True", "Serving")
    assert world.status["desired"]["version"] == A
    # The same release again: it was refused, and only a retry token makes another try.
    source.offers = B
    live(world, 3700)
    assert update(world) == ("True", "RefusedBefore")
    assert world.fetched.count(B) == 1
    world.annotations = {"facedb.dev/retry": "1"}
    world.fetches = good_fetch
    live(world, 120, step=1)
    assert world.serving() == [B]


def test_a_source_that_does_not_answer_is_asked_again_with_growing_patience() -> None:
    source = Publisher(A)
    source.failing = outcome("?", ok=False, reason="SourceUnavailable")
    world = channel_world(source)
    live(world, 200, step=1)
    assert world.condition("Ready") == ("False", "SourceUnavailable")
    assert world.condition("Reconciling")[0] == "True"
    assert update(world) == ("Unknown", "SourceUnavailable")
    assert 4 <= len(source.asked) <= 6
    assert len(lookups(world)) == 1
    source.failing = None
    live(world, 400)
    assert world.serving() == [A]


def test_a_permanent_failure_is_told_and_asked_again_only_after_the_interval() -> None:
    source = Publisher(A)
    source.failing = outcome("?", ok=False, reason="InvalidManifest", permanent=True)
    world = channel_world(source)
    live(world, 3000)
    assert world.condition("Stalled") == ("True", "InvalidManifest")
    assert world.condition("Reconciling")[0] == "False"
    assert len(source.asked) == 1
    source.failing = None
    live(world, 1200)
    assert world.serving() == [A]


def test_a_failing_source_disturbs_nothing_that_serves() -> None:
    source = Publisher(A)
    world = channel_world(source)
    world.settle()
    source.failing = outcome("?", ok=False, reason="SourceUnavailable")
    live(world, 2 * 3600)
    assert world.condition("Ready") == ("True", "Serving")
    assert update(world) == ("False", "UpToDate")
    assert "SourceUnavailable" in message(world)


def test_what_the_publisher_has_withdrawn_is_not_taken() -> None:
    source = Publisher(A)
    world = channel_world(source)
    world.settle()
    source.offers = B
    live(world, 3700)
    source.failing = outcome("?", ok=False, reason="VersionNotFound")
    live(world, 3700)
    world.annotations = {APPROVE: f"{B}-1"}
    live(world, 60, step=1)
    assert world.serving() == [A]
    assert update(world) == ("Unknown", "VersionNotFound")


def test_nothing_is_chosen_while_the_database_is_paused_or_suspended() -> None:
    source = Publisher(A)
    world = channel_world(source, policy="Automatic")
    world.settle()
    world.annotations = {"facedb.dev/pause": "1"}
    source.offers = B
    live(world, 3700)
    assert world.serving() == [A]
    assert world.status["desired"]["version"] == A
    world.apply(suspend=True)
    world.annotations = {}
    asked = len(source.asked)
    live(world, 3700)
    assert len(source.asked) == asked
    assert world.serving() == [A]
    world.apply(suspend=False)
    live(world, 3700)
    assert world.serving() == [B]
