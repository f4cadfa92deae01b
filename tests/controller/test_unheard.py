"""A refusal that a Job tells when nobody asks for its release any more is remembered all the same."""

from __future__ import annotations

from typing import Any

import pytest

from facedb_operator.facts import JobState
from rollout_stories import A, B, C, until
from world import World
from world_objects import outcome


def refused_unasked(spec: dict[str, Any], *, passes_meanwhile: bool) -> World:
    """A serves; B was wanted, and its Job refused it in the second in which C was asked for instead."""
    world = World(spec)
    world.fetches = lambda v: outcome(v, ok=v != B, reason="WrongChecksum", permanent=v == B)
    world.apply(version=A)
    world.settle()
    world.apply(version=B)
    until(world, "Fetching")
    while any(j.state is JobState.RUNNING for j in world.jobs.values()) or not world.jobs:
        if passes_meanwhile or not world.jobs:
            world.one_pass()
        world.tick()
    world.apply(version=C)
    return world


@pytest.mark.fault("release is refused when the spec has moved on")
@pytest.mark.parametrize("passes_meanwhile", [True, False], ids=["at the last second", "operator was down"])
def test_a_release_refused_when_nobody_asks_any_more_is_not_fetched_again(
    spec: dict[str, Any], passes_meanwhile: bool
) -> None:
    world = refused_unasked(spec, passes_meanwhile=passes_meanwhile)
    world.settle()
    assert world.serving() == [C]
    assert world.condition("Ready") == ("True", "Serving")
    assert world.condition("Stalled")[0] == "False"
    assert [(b["version"], b["reason"]) for b in world.status["bad"]] == [(B, "WrongChecksum")]
    assert not world.jobs
    world.apply(version=B)
    world.settle()
    assert world.fetched.count(B) == 1
    assert world.condition("Stalled") == ("True", "RolledBack")
    assert world.serving() == [C]


def test_a_retry_token_fetches_it_again(spec: dict[str, Any]) -> None:
    world = refused_unasked(spec, passes_meanwhile=False)
    world.settle()
    world.fetches = lambda v: outcome(v, ok=True)
    world.annotations = {"facedb.dev/retry": "1"}
    world.apply(version=B)
    world.settle()
    assert world.fetched.count(B) == 2
    assert world.serving() == [B]


def test_a_job_goes_once_what_it_has_said_is_written_down(spec: dict[str, Any]) -> None:
    world = refused_unasked(spec, passes_meanwhile=False)
    refusing = {j.name for j in world.jobs.values() if j.outcome is not None and j.outcome.permanent}
    assert refusing
    while not world.status["bad"]:
        assert refusing <= set(world.jobs)
        world.one_pass()
        world.tick()
    world.settle()
    assert not world.jobs
