"""Channels in the small world: what is asked, when something newer is taken, and what it waits for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channel_world import (
    APPROVE,
    GI,
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
from world_objects import digest_of


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
    assert f"kubectl facedb approve stash {B} --namespace default" in message(world)
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
    assert f"kubectl facedb approve stash {B}" in message(world)
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


def test_a_pinned_digest_that_gives_way_to_a_channel_is_not_fetched_again() -> None:
    source = Publisher(A)
    world = channel_world(source, policy="Automatic")
    channel = world.spec.pop("channel")
    world.spec |= {"version": A, "digest": digest_of(A)}
    world.settle()
    before, works = list(world.fetched), set(world.workloads)
    del world.spec["version"], world.spec["digest"]
    world.apply(channel=channel)
    world.settle()
    assert (world.fetched, set(world.workloads)) == (before, works)
    assert world.condition("Ready") == ("True", "Serving")
    # What comes after it is pinned by nobody.
    source.offers = B
    live(world, 3700)
    assert world.serving() == [B]
    assert "digest" not in world.status["desired"]


def test_a_digest_that_is_no_longer_pinned_is_no_reason_to_fetch_again() -> None:
    world = channel_world(Publisher(A))
    del world.spec["channel"]
    world.spec |= {"version": A, "digest": digest_of(A)}
    world.settle()
    before = list(world.fetched)
    del world.spec["digest"]
    world.apply()
    world.settle()
    assert world.fetched == before
    assert world.condition("Ready") == ("True", "Serving")
