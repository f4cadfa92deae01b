"""How long nobody served: counted on where a failed rollout ended before its pods came back."""

from __future__ import annotations

from typing import Any

from prometheus_client import REGISTRY

from facedb_operator import metrics
from rollout_stories import B, serving_a, until
from world import World
from world_objects import good_answer


def test_the_gap_of_a_rollout_that_failed_ends_only_when_somebody_serves_again(spec: dict[str, Any]) -> None:
    world = serving_a(spec, "Recreate", progressDeadline="20s")
    world.answers = lambda work: None if work.version == B else good_answer(work)
    empty = 0

    def count(world: World) -> None:
        nonlocal empty
        empty += not world.serving()

    world.watch = count
    world.apply(version=B)
    until(world, "RollingBack")
    assert world.status["history"][-1]["unavailableSince"]
    world.settle()
    last = world.status["history"][-1]
    assert last["outcome"] == "RolledBack"
    assert "unavailableSince" not in last
    # A pass sees it a second late, and a moment is a whole second.
    assert abs(last["unavailableSeconds"] - empty) <= 3
    assert empty > 20


def test_a_gap_that_outlasts_its_rollout_is_counted_once_and_whole() -> None:
    ended = {"version": B, "outcome": "RolledBack", "startedAt": "2026-11-21T04:00:00Z"}
    entry = {**ended, "finishedAt": "2026-11-21T04:01:00Z", "unavailableSeconds": 2.0}
    closed = {**entry, "unavailableSeconds": 30.0}
    metrics.record_news("gaps", "stash", {}, {"history": [entry]})
    metrics.record_news("gaps", "stash", {"history": [entry]}, {"history": [closed]})
    metrics.record_news("gaps", "stash", {"history": [closed]}, {"history": [closed]})
    found = REGISTRY.get_sample_value(
        "facedb_unavailable_seconds_total", {"namespace": "gaps", "name": "stash"}
    )
    assert found == 30
    metrics.forget("gaps", "stash")
