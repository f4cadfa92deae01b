"""What users, Flux and kubectl wait read: conditions and events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from facedb_operator.names import Condition
from facedb_operator.status import invalid_status, merge_conditions
from facedb_operator.status.events import events_of
from world import World
from world_objects import outcome

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
SECOND, CORRUPT = "2026.02.18", "2026.03.01"


def conditions(world: World) -> dict[str, str]:
    return {c["type"]: c["status"] for c in world.status["conditions"]}


def test_kstatus_reads_progress_then_success_then_failure(spec: dict[str, Any]) -> None:
    world = World(
        spec, fetches=lambda v: outcome(v, ok=v != CORRUPT, reason="WrongChecksum", permanent=v == CORRUPT)
    )
    world.one_pass()
    assert (conditions(world)["Reconciling"], conditions(world)["Stalled"]) == ("True", "False")
    world.settle()
    assert (conditions(world)["Reconciling"], conditions(world)["Stalled"]) == ("False", "False")
    assert (
        conditions(world)["Ready"]
        == conditions(world)["Available"]
        == conditions(world)["Verified"]
        == "True"
    )
    world.apply(version=CORRUPT)
    world.settle()
    assert (conditions(world)["Reconciling"], conditions(world)["Stalled"]) == ("False", "True")
    assert (conditions(world)["Ready"], conditions(world)["Available"]) == ("False", "True")
    assert world.condition("Verified") == ("False", "WrongChecksum")
    assert world.condition("Degraded")[0] == "True"


def test_ready_is_never_both_true_and_of_an_older_generation(spec: dict[str, Any]) -> None:
    world = World(spec)
    world.settle()
    world.apply(version=SECOND)
    world.one_pass()
    ready = next(c for c in world.status["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["observedGeneration"]) == ("False", world.generation)


@given(st.lists(st.sampled_from(["True", "False", "Unknown"]), min_size=2, max_size=6))
def test_the_transition_time_moves_only_with_the_status(statuses: list[str]) -> None:
    listed: list[dict[str, Any]] = []
    for number, status in enumerate(statuses):
        before = listed[0] if listed else None
        now = NOW + timedelta(minutes=number)
        listed = merge_conditions(listed, {Condition.READY: (status, "R", "m")}, number, now)
        same = before is not None and before["status"] == status
        assert (
            before is not None and listed[0]["lastTransitionTime"] == before["lastTransitionTime"]
        ) == same


def test_an_event_tells_of_a_change_once(spec: dict[str, Any]) -> None:
    world = World(spec)
    old = world.status
    world.one_pass()
    db = world.database()
    events = events_of(db, old, world.status, NOW)
    assert events
    assert all(e["involvedObject"]["uid"] == "u-1" and e["type"] == "Normal" for e in events)
    assert events_of(db, world.status, world.status, NOW) == ()


def test_a_refusal_is_a_warning(spec: dict[str, Any]) -> None:
    world = World(spec, fetches=lambda v: outcome(v, ok=False, reason="WrongChecksum", permanent=True))
    world.settle()
    db = world.database()
    assert {e["type"] for e in events_of(db, {}, world.status, NOW)} == {"Warning"}


def test_an_invalid_spec_keeps_what_the_status_remembers() -> None:
    body = {
        "metadata": {"generation": 3},
        "status": {"lastGood": {"version": "2026.02.12"}, "conditions": []},
    }
    status = invalid_status(body, "spec.source", "names no source", NOW)
    assert status["lastGood"] == {"version": "2026.02.12"}
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert "spec.source" in ready["message"]
