"""Channels in the small world: what is asked, when something newer is taken, and what it waits for."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from facedb_operator.names import Component
from facedb_operator.spec.sizes import DEFAULT_SIZE
from facedb_release.outcome import Outcome
from world import Killed, World
from world_objects import base_spec, good_fetch, outcome

A, B, C = "2026.02.12", "2026.02.18", "2026.03.01"
APPROVE = "facedb.dev/approve"
GI = 2**30


def found(version: str, **said: Any) -> Outcome:
    return Outcome(ok=True, reason="Found", message="found", permanent=False, version=version, **said)


class Publisher:
    """A source that offers one version at a time, and counts how often it was asked."""

    def __init__(self, *versions: str) -> None:
        self.offers = versions[0]
        self.asked: list[str] = []
        self.failing: Outcome | None = None
        self.bytes: int | None = 2 * GI

    def __call__(self, wanted: str) -> Outcome:
        self.asked.append(wanted)
        version = wanted if wanted[:1].isdigit() else self.offers
        return self.failing or found(version, bytes_unpacked=self.bytes, name=f"Release {version}")


def channel_world(publisher: Publisher, **channel: Any) -> World:
    spec = copy.deepcopy(base_spec())
    del spec["version"]
    spec["channel"] = {"policy": "Notify", "interval": "1h", **channel}
    return World(spec, lookups=publisher)


def live(world: World, seconds: int, step: int = 60) -> None:
    """Time passes with the operator at work: second by second first, then in larger steps."""
    end = world.now + timedelta(seconds=seconds)
    while world.now < end:
        try:
            world.one_pass()
        except Killed:
            world.crash_after = None
            world.kills += 1
        world.tick(step if world.now + timedelta(seconds=60) < end else 1)


def update(world: World) -> tuple[str, str]:
    return world.condition("UpdateAvailable")


def message(world: World, kind: str = "UpdateAvailable") -> str:
    return str(next(c for c in world.status["conditions"] if c["type"] == kind)["message"])


def lookups(world: World) -> list[str]:
    return [j.name for j in world.jobs.values() if j.component is Component.LOOKUP]


@pytest.mark.parametrize("policy", ["Notify", "Automatic"])
def test_the_first_release_is_taken_at_once_whatever_policy_soak_and_window_say(policy: str) -> None:
    closed = {"days": ["Mon"], "start": "00:00", "duration": "1h"}
    world = channel_world(Publisher(B), policy=policy, soak="3d", window=closed)
    world.settle()
    assert world.serving() == [B]
    assert world.condition("Ready") == ("True", "Serving")
    assert world.status["desired"] == {"version": B, "resolvedFrom": "latest"}
    assert update(world) == ("False", "UpToDate")


def test_the_source_is_asked_once_an_interval_and_no_job_is_left() -> None:
    source = Publisher(A)
    world = channel_world(source)
    live(world, 4 * 3600)
    assert source.asked == ["latest"] * 4
    assert lookups(world) == []


def test_a_range_is_asked_for_as_it_is_written_and_another_one_at_once() -> None:
    source = Publisher(A)
    world = channel_world(source, range=">=2026.02 <2026.03")
    world.settle()
    world.apply(channel={"range": "2026.x"})
    live(world, 30, step=1)
    assert source.asked == [">=2026.02 <2026.03", "2026.x"]
    assert world.status["desired"] == {"version": A, "resolvedFrom": "2026.x"}


def test_a_new_retry_token_asks_at_once() -> None:
    source = Publisher(A)
    world = channel_world(source)
    world.settle()
    world.annotations = {"facedb.dev/retry": "1"}
    live(world, 30, step=1)
    assert len(source.asked) == 2


def test_what_is_offered_stands_in_status_with_the_moment_it_was_first_seen() -> None:
    source = Publisher(A)
    world = channel_world(source)
    world.settle()
    seen_at = world.status["available"]["seenAt"]
    live(world, 2 * 3600)
    offer = world.status["available"]
    assert (offer["version"], offer["seenAt"], offer["size"]) == (A, seen_at, 2 * GI)
    assert offer["checkedAt"] > seen_at
    assert offer["name"] == f"Release {A}"
    source.offers = B
    live(world, 3600)
    assert world.status["available"]["version"] == B
    assert world.status["available"]["seenAt"] > seen_at


def test_a_newer_version_waits_for_an_approval_and_is_taken_with_it() -> None:
    source = Publisher(A)
    world = channel_world(source)
    world.settle()
    source.offers = B
    live(world, 2 * 3600)
    assert world.serving() == [A]
    assert update(world) == ("True", "AwaitingApproval")
    assert f"{APPROVE}={B}-TOKEN" in message(world)
    assert world.condition("Ready") == ("True", "Serving")
    world.annotations = {APPROVE: f"{B}-0123456789ab"}
    world.settle()
    assert world.serving() == [B]
    assert world.status["handled"]["approve"] == f"{B}-0123456789ab"
    assert update(world) == ("False", "UpToDate")


def test_an_approval_of_a_version_that_is_not_on_offer_is_told_and_counts_once_it_is() -> None:
    source = Publisher(A)
    world = channel_world(source)
    world.settle()
    world.annotations = {APPROVE: f"{C}-1"}
    world.settle()
    assert update(world) == ("False", "NotOnOffer")
    assert C in message(world)
    source.offers = B
    live(world, 3700)
    assert update(world) == ("True", "NotOnOffer")
    assert "handled" not in world.status
    assert world.serving() == [A]
    source.offers = C
    live(world, 3700)
    assert world.serving() == [C]
    assert world.status["handled"] == {"approve": f"{C}-1"}


def test_an_approval_of_what_is_wanted_already_is_dealt_with() -> None:
    world = channel_world(Publisher(A))
    world.settle()
    world.annotations = {APPROVE: f"{A}-1"}
    world.settle()
    assert world.status["handled"] == {"approve": f"{A}-1"}
    assert update(world) == ("False", "UpToDate")


def test_an_automatic_channel_takes_what_is_newer_and_never_what_is_older() -> None:
    source = Publisher(B)
    world = channel_world(source, policy="Automatic")
    world.settle()
    source.offers = A
    live(world, 2 * 3600)
    assert world.serving() == [B]
    assert update(world) == ("False", "UpToDate")
    source.offers = C
    live(world, 2 * 3600)
    assert world.serving() == [C]


def test_versions_are_compared_as_dates_and_not_as_text() -> None:
    source = Publisher("2026.9.1")
    world = channel_world(source, policy="Automatic")
    world.settle()
    source.offers = "2026.10.1"
    live(world, 2 * 3600)
    assert world.serving() == ["2026.10.1"]


def test_a_version_soaks_from_when_it_was_first_seen() -> None:
    source = Publisher(A)
    world = channel_world(source, policy="Automatic", soak="2d")
    world.settle()
    source.offers = B
    live(world, 3700)
    first_seen = datetime.fromisoformat(world.status["available"]["seenAt"])
    assert update(world) == ("True", "Soaking")
    live(world, int((first_seen + timedelta(days=2) - world.now).total_seconds()) - 120, step=600)
    assert world.serving() == [A]
    live(world, 300)
    assert world.serving() == [B]


def test_an_approval_ends_the_soak() -> None:
    source = Publisher(A)
    world = channel_world(source, policy="Automatic", soak="2d")
    world.settle()
    source.offers = B
    world.annotations = {APPROVE: f"{B}-1"}
    live(world, 3700)
    assert world.serving() == [B]


@pytest.mark.parametrize("policy", ["Notify", "Automatic"])
def test_a_version_waits_for_the_window_and_says_when_it_opens(policy: str) -> None:
    # The world begins on Saturday 21 November 2026, 04:00 UTC.
    window = {"days": ["Sat"], "start": "22:00", "duration": "2h", "timeZone": "Europe/Berlin"}
    source = Publisher(A)
    world = channel_world(source, policy=policy, window=window)
    world.settle()
    source.offers = B
    world.annotations = {APPROVE: f"{B}-1"} if policy == "Notify" else {}
    live(world, 3700)
    assert update(world) == ("True", "OutsideWindow")
    assert "opens 2026-11-21 21:00 UTC" in message(world)
    assert "handled" not in world.status
    until = datetime(2026, 11, 21, 21, 0, tzinfo=UTC) - world.now
    live(world, int(until.total_seconds()) - 60, step=300)
    assert world.serving() == [A]
    live(world, 180)
    assert world.serving() == [B]


def test_a_pass_is_asked_for_at_the_moment_the_window_opens() -> None:
    window = {"start": "04:10", "duration": "1h"}
    source = Publisher(B)
    world = channel_world(source, policy="Automatic", window=window)
    world.settle()
    world.status["desired"]["version"] = A
    world.status["lastGood"]["version"] = A
    world.now = datetime(2026, 11, 21, 4, 9, 50, tzinfo=UTC)
    todo = world.one_pass()
    assert todo.check_again is not None
    assert todo.check_again <= timedelta(seconds=10)


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


STORIES: dict[str, tuple[dict[str, Any], Callable[[World], None], str]] = {
    "first install": ({}, lambda world: None, A),
    "automatic": ({"policy": "Automatic"}, lambda world: None, B),
    "approved": ({}, lambda world: world.annotations.update({APPROVE: f"{B}-1"}), B),
    "in the window": (
        {"policy": "Automatic", "window": {"start": "04:10", "duration": "1h"}},
        lambda world: None,
        B,
    ),
}


def play(name: str, crash_after: int | None) -> tuple[World, Publisher]:
    channel, act, _ = STORIES[name]
    source = Publisher(A)
    world = channel_world(source, interval="5m", **channel)
    del world.spec["storage"]["size"]
    world.crash_after = crash_after
    live(world, 120)
    source.offers = B
    act(world)
    live(world, 900)
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
    assert world.fetched.count(A) <= 1
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
