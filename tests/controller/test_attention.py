"""Time in which nobody looked, and clocks that are set: no release is refused for them, no retry lost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

import world_pods
from facedb_operator.facts import Observed
from facedb_operator.observe.attention import SKEW, Attention, past_claims, past_jobs
from rollout_stories import A, B, say, until, wait
from world import EPOCH, World
from world_objects import good_fetch, outcome

KEY = ("default", "stash")
DAY = timedelta(days=1)


@dataclass
class Watched(World):
    """The small world, seen as the observer sees the large one."""

    attention: Attention = field(default_factory=Attention)

    def observe(self) -> Observed:
        seen, now = super().observe(), self.now
        jobs, claims = tuple(past_jobs(seen.jobs, now)), tuple(past_claims(seen.claims, now))
        return replace(seen, jobs=jobs, claims=claims, since=self.attention.since(KEY, now))


def serving_a(spec: dict[str, Any]) -> Watched:
    world = Watched(spec)
    world.settle()
    assert world.serving() == [A]
    return world


def unavailable(version: str) -> Any:
    return outcome(version, ok=False, reason="SourceUnavailable")


@pytest.mark.parametrize("gap", [timedelta(hours=1), DAY, -DAY], ids=["an hour", "a day ahead", "a day back"])
def test_a_rollout_in_whose_middle_nobody_looked_goes_on(spec: dict[str, Any], gap: timedelta) -> None:
    """The power was cut, or no operator ran, or the clock was set: pods start anew and load for a while."""
    world = serving_a(spec)
    world.apply(version=B)
    until(world, "RollingOut")
    wait(world, 3)
    world.now += gap
    for name in list(world.pods):
        world_pods.restart(world, name)
    world.one_pass()
    world.settle()
    assert world.serving() == [B]
    assert world.status["bad"] == []


@pytest.mark.parametrize("gap", [timedelta(0), DAY, -DAY], ids=["no gap", "a day ahead", "a day back"])
def test_pods_that_never_come_are_given_up_all_the_same(spec: dict[str, Any], gap: timedelta) -> None:
    world = serving_a(spec)
    good = world.answers
    world.answers = lambda work: good(work) if work.version == A else None
    world.apply(version=B)
    until(world, "RollingOut")
    wait(world, 3)
    world.now += gap
    world.settle()
    assert world.serving() == [A]
    assert world.status["bad"][-1]["reason"] == "ProgressDeadlineExceeded"


@pytest.mark.parametrize("gap", [DAY, -DAY], ids=["ahead", "back"])
def test_a_clock_that_is_set_neither_loses_a_retry_nor_brings_many(
    spec: dict[str, Any], gap: timedelta
) -> None:
    world = serving_a(spec)
    world.fetches = unavailable
    world.apply(version=B)
    wait(world, 20)
    tried = world.fetched.count(B)
    world.now += gap
    wait(world, 60)
    # One at once; from then on as patiently as before.
    assert tried < world.fetched.count(B) <= tried + 3
    world.fetches = good_fetch
    say(world, "retry")
    world.settle()
    assert world.serving() == [B]


def test_it_is_looked_at_since_the_first_pass_after_a_gap() -> None:
    attention = Attention()
    moments = [EPOCH + timedelta(seconds=s) for s in (0, 60, 120, 900, 930, 100, 160)]
    since = [attention.since(KEY, moment) for moment in moments]
    assert since == [moments[n] for n in (0, 0, 0, 3, 3, 5, 5)]
    attention.forget(KEY)
    assert attention.since(KEY, moments[-1]) == moments[-1]


def test_clocks_that_differ_a_little_are_believed(spec: dict[str, Any]) -> None:
    world = serving_a(spec)
    claims = list(world.claims.values())
    newest = max(c.created_at for c in claims)
    assert past_claims(claims, newest - SKEW) == claims
    assert past_claims(claims, newest - DAY) != claims
