"""Single moments of a database's life in the small world: retries, changes of mind, other people's hands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from facedb_operator.plan.retries import retry_delay
from facedb_operator.steps import CreateClaim, ScaleWorkload, SetGate, StartFetch
from facedb_release.outcome import Outcome
from rollout_stories import until, wait
from world import Killed, World
from world_objects import good_fetch, outcome

A, B, C = "2026.02.12", "2026.02.18", "2026.03.01"
TOKEN = "facedb.dev/retry"


def corrupt(version: str) -> Outcome:
    """The source's release C has a wrong checksum."""
    return outcome(version, ok=version != C, reason="WrongChecksum", permanent=version == C)


def one_serves(world: World) -> None:
    """To be watched at every tick."""
    assert world.serving()


def test_a_corrupt_release_is_fetched_once_and_again_only_with_a_new_token(spec: dict[str, Any]) -> None:
    world = World(spec, fetches=corrupt)
    world.settle()
    world.apply(version=C)
    world.settle()
    assert world.fetched.count(C) == 1
    assert world.status["bad"][0]["digest"]
    world.annotations = {TOKEN: "1"}
    world.settle()
    assert world.fetched.count(C) == 2
    world.settle()
    assert world.fetched.count(C) == 2
    assert world.status["handled"] == {"retry": "1"}


def test_a_corrupt_release_is_fetched_again_from_another_source(spec: dict[str, Any]) -> None:
    world = World(spec, fetches=corrupt)
    world.apply(version=C)
    world.settle()
    world.fetches = good_fetch
    world.apply(source={"http": {"urls": ["http://mirror/{version}.zip"]}})
    world.settle()
    assert world.serving() == [C]


def test_a_transient_failure_is_tried_again_until_it_passes(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    answers = iter([outcome(B, ok=False, reason="SourceUnavailable"), None, good_fetch(B)])
    world.fetches = lambda _: next(answers)
    world.apply(version=B)
    world.settle()
    assert world.serving() == [B]
    assert world.fetched.count(B) == 3


def test_a_source_that_asks_for_a_longer_pause_gets_it(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    refused = replace(outcome(B, ok=False, reason="SourceForbidden"), retry_after=120.0)
    answers = iter([refused, good_fetch(B)])
    world.fetches = lambda _: next(answers)
    world.apply(version=B)
    until(world, "SourceForbidden")
    wait(world, 110)
    assert world.fetched.count(B) == 1
    world.settle()
    assert world.serving() == [B]


@pytest.mark.parametrize(
    ("asked", "attempt", "waits_s"),
    [(None, 1, 10), (3.0, 1, 10), (120.0, 1, 120), (1e12, 1, 3600), (float("nan"), 2, 20), (-5.0, 9, 300)],
)
def test_a_pause_is_never_shorter_than_ours_nor_longer_than_an_hour(
    asked: float | None, attempt: int, waits_s: int
) -> None:
    refused = replace(outcome(B, ok=False, reason="SourceForbidden"), retry_after=asked)
    assert retry_delay(attempt, refused) == timedelta(seconds=waits_s)


def test_a_bump_during_a_download_stops_the_old_job(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    world.apply(version=B)
    for _ in range(3):
        world.one_pass()
        world.tick()
    world.apply(version=C)
    world.settle()
    assert world.serving() == [C]


def test_a_bump_during_a_rollout_goes_on_to_the_newest(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    world.apply(version=B)
    while not any(w.version == B for w in world.workloads.values()):
        world.one_pass()
        world.tick()
    world.apply(version=C)
    world.settle()
    assert world.serving() == [C]
    assert {w.version for w in world.workloads.values()} == {C}


def test_a_changed_version_has_its_volume_and_its_job_in_one_pass(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    world.apply(version=B)
    assert [type(step) for step in world.one_pass().steps] == [CreateClaim, StartFetch]
    world.settle()
    assert world.fetched.count(B) == 1


def test_a_volume_whose_operator_was_killed_before_its_job_gets_the_job_next(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    world.apply(version=B)
    world.crash_after = 1
    with pytest.raises(Killed):
        world.one_pass()
    assert [type(step) for step in world.one_pass().steps] == [StartFetch]
    world.settle()
    assert world.fetched.count(B) == 1
    assert world.serving() == [B]


def test_a_deployment_that_somebody_deleted_comes_back(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    world.workloads.clear()
    world.pods.clear()
    world.settle()
    assert world.serving() == [A]


def test_more_replicas_are_added_without_another_rollout(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    world.apply(sidecar={**spec["sidecar"], "replicas": 3})
    world.settle()
    assert world.serving() == [A, A, A]
    assert len(world.status["history"]) == 1


def test_a_changed_image_is_rolled_through_the_same_gate(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    before = set(world.workloads)
    world.watch = one_serves
    world.apply(sidecar={**spec["sidecar"], "image": "sidecar:2"})
    world.settle()
    assert world.serving() == [A]
    assert not before & set(world.workloads)


def test_nothing_is_done_while_suspended(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    done = world.steps_done
    world.apply(version=B, suspend=True)
    world.settle()
    assert world.steps_done == done
    assert world.condition("Ready")[1] == "Suspended"
    world.apply(suspend=False)
    world.settle()
    assert world.serving() == [B]


def test_kept_releases_are_as_many_as_asked_for_and_the_last_good_one_always(spec: dict[str, Any]) -> None:
    world = World(spec, fetches=good_fetch)
    for version in (A, B, C, "2026.03.02"):
        world.apply(version=version)
        world.settle()
    kept = {c.version for c in world.claims.values() if c.version}
    assert kept == {C, "2026.03.02"}


def test_a_volume_that_was_too_small_is_made_anew(spec: dict[str, Any]) -> None:
    world = World(spec, fetches=lambda v: outcome(v, ok=False, reason="NoSpace"))
    world.apply()
    for _ in range(30):
        world.one_pass()
        world.tick()
    assert world.condition("Stalled") == ("True", "NoSpace")
    world.fetches = good_fetch
    world.apply(storage={**spec["storage"], "size": "8Gi"})
    world.settle()
    assert world.serving() == [A]


def test_claims_lose_their_owner_when_they_shall_be_retained(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    assert all(c.owned for c in world.claims.values())
    world.apply(deletionPolicy="Retain")
    world.settle()
    assert not any(c.owned for c in world.claims.values())


def test_fewer_replicas_leave_it_ready_in_every_pass_and_the_surplus_pod_is_out_of_traffic_first(
    spec: dict[str, Any],
) -> None:
    spec["sidecar"]["replicas"] = 2
    world = World(spec)
    world.settle()
    assert world.serving() == [A, A]
    world.watch = one_serves
    world.apply(sidecar={**spec["sidecar"], "replicas": 1})
    for _ in range(20):
        steps = world.one_pass().steps
        # A ReplicaSet chooses by readiness: one that still serves must not be the one that it takes.
        kinds = {type(step) for step in steps}
        assert not {SetGate, ScaleWorkload} <= kinds
        assert world.condition("Ready") == ("True", "Serving")
        assert world.condition("Reconciling")[0] == "False"
        world.tick()
    assert world.serving() == [A]
    assert len(world.pods) == 1
