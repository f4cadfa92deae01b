"""What kubectl describe tells: each thing that happens, once, under a word that the documents know."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from facedb_operator.facts import Answer, Cluster, Fleet, Workload
from facedb_operator.names import Event, Reason
from facedb_operator.status import invalid_status
from facedb_operator.status.events import MESSAGE_LIMIT, Subject, events_of
from facedb_release.errors import Reason as ReleaseReason
from kstatus import REASON
from world import EPOCH, World
from world_objects import base_spec, good_answer, outcome

REASONS = (Path(__file__).resolve().parents[2] / "docs" / "reasons.md").read_text()
A, B, C = "2026.02.12", "2026.02.18", "2026.03.01"


def told(
    world: World, seconds: int, until: Callable[[World], bool] = lambda _: False
) -> list[dict[str, Any]]:
    """The Events of so many seconds, as the reconciler makes them out of each pass's status."""
    found: list[dict[str, Any]] = []
    for _ in range(seconds):
        old, db = world.status, world.database()
        world.one_pass()
        found += events_of(db, old, world.status, world.now)
        world.tick()
        if until(world):
            break
    return found


def words(events: list[dict[str, Any]]) -> list[str]:
    return [e["reason"] for e in events]


def corrupt(version: str) -> Any:
    return outcome(version, ok=version != C, reason="WrongChecksum", permanent=version == C)


def fails_to_load(work: Workload) -> Answer | None:
    bad = Answer(False, None, None, failed=True, reason="CorruptIndex", message="does not open")
    return bad if work.version == B else good_answer(work)


@pytest.mark.parametrize("way", ["Shared", "PerPod"])
def test_a_snapshot_that_fails_is_a_warning_told_once_and_its_end_is_told_too(way: str) -> None:
    spec = base_spec()
    spec["storage"] |= {"distribution": way}
    world = World(spec, cluster=Cluster(snapshot_class="csi"))
    world.snaps = lambda _: "driver says no"
    (news,) = [e for e in told(world, 300) if e["reason"] == "SnapshotFailed"]
    assert news["type"] == "Warning"
    assert "driver says no" in news["message"]
    world.snaps = lambda _: True
    assert "SnapshotReady" in words(told(world, 60))
    assert world.condition("Ready") == ("True", "Serving")
    assert world.condition("Degraded")[0] == "False"


def test_a_first_install_is_told_from_fetching_to_serving() -> None:
    events = told(World(base_spec()), 60)
    named = words(events)
    for word in ("Fetching", "RolloutStarted", "Verified", "Promoted", "Serving"):
        assert named.count(word) == 1, f"{word} in {named}"
    assert named.index("RolloutStarted") < named.index("Verified") < named.index("Promoted")
    assert {e["type"] for e in events} == {"Normal"}


def test_a_bump_names_both_versions() -> None:
    world = World(base_spec())
    told(world, 60)
    world.apply(version=B)
    events = told(world, 60)
    begin = next(e for e in events if e["reason"] == "RolloutStarted")
    assert f"{A} → {B}" in begin["message"]
    assert next(e for e in events if e["reason"] == "Promoted")["message"].startswith(B)


def test_a_release_that_is_rolled_back_is_a_warning() -> None:
    world = World(base_spec(), answers=fails_to_load)
    told(world, 60)
    world.apply(version=B)
    events = told(world, 90)
    back = next(e for e in events if e["reason"] == "RolledBack")
    assert back["type"] == "Warning"
    assert "CorruptIndex" in back["message"]
    assert "Promoted" not in words(events)


def test_a_corrupt_release_is_a_warning_and_told_once() -> None:
    world = World(base_spec(), fetches=corrupt)
    told(world, 60)
    world.apply(version=C)
    events = told(world, 200)
    assert words(events).count("RolledBack") == 1
    assert words(events).count("WrongChecksum") == 1
    assert {e["type"] for e in events if e["reason"] in ("RolledBack", "WrongChecksum")} == {"Warning"}


def test_a_freeze_is_a_warning() -> None:
    spec = base_spec()
    spec["rollout"]["onFailure"] = "Freeze"
    world = World(spec, answers=fails_to_load)
    told(world, 60)
    world.apply(version=B)
    events = told(world, 90)
    assert [e["type"] for e in events if e["reason"] == "Frozen"] == ["Warning"]


def test_a_rollout_that_waits_for_others_is_told() -> None:
    world = World(base_spec())
    told(world, 60)
    world.fleet = Fleet(may_begin=False, message="3 of 3 rollouts are under way.")
    world.apply(version=B)
    events = told(world, 30)
    assert [e["type"] for e in events if e["reason"] == "Queued"] == ["Normal"]


def test_a_pause_is_told_when_it_comes_and_when_it_goes() -> None:
    world = World(base_spec())
    told(world, 60)
    world.annotations = {"facedb.dev/pause": "1"}
    assert words(told(world, 5)).count("Paused") == 1
    world.annotations = {}
    assert "Resumed" in words(told(world, 5))


def test_an_offer_is_told_once_and_so_is_the_choice() -> None:
    spec = base_spec()
    del spec["version"]
    spec["channel"] = {"policy": "Notify", "interval": "1m"}
    offer = [A]
    world = World(spec, lookups=lambda _: outcome(offer[0], ok=True, reason="Found"))
    assert words(told(world, 60)).count("Chosen") == 1
    offer[0] = B
    events = told(world, 150)
    update = [e for e in events if e["reason"] == "UpdateAvailable"]
    assert [e["type"] for e in update] == ["Normal"]
    assert B in update[0]["message"]
    world.annotations = {"facedb.dev/approve": f"{B}-1"}
    chosen = [e for e in told(world, 60) if e["reason"] == "Chosen"]
    assert [B in e["message"] for e in chosen] == [True]


def test_a_snapshot_is_told_when_it_is_ready() -> None:
    world = World(base_spec(), cluster=Cluster(snapshot_class="fast"))
    events = told(world, 90)
    assert words(events).count("SnapshotReady") == 1


def test_a_spec_that_cannot_be_read_is_a_warning() -> None:
    body = {"metadata": {"generation": 2}, "status": {}}
    status = invalid_status(body, "spec.source", "names no source", EPOCH)
    events = events_of(Subject("stash", "default", "u-1"), {}, status, EPOCH)
    assert [(e["reason"], e["type"]) for e in events] == [("InvalidSpec", "Warning")]


def test_the_same_news_again_is_the_same_object() -> None:
    """A source that fails, works and fails again is one Event whose count grows."""
    world = World(base_spec())
    told(world, 60)
    world.apply(version=B)
    turns = iter(range(1000))
    world.fetches = lambda v: outcome(v, ok=False, reason=("SourceUnavailable", "NoSpace")[next(turns) % 2])
    events = told(world, 200)
    named: dict[str, set[str]] = {}
    for event in events:
        named.setdefault(event["reason"], set()).add(event["metadata"]["name"])
    assert len([e for e in events if e["reason"] == "SourceUnavailable"]) > 1
    assert {word: len(names) for word, names in named.items()} == dict.fromkeys(named, 1)


def test_another_database_of_the_same_name_has_its_own_events() -> None:
    status = invalid_status({"metadata": {"generation": 2}}, "spec.source", "names no source", EPOCH)
    made = [events_of(Subject("stash", "default", uid), {}, status, EPOCH)[0] for uid in ("u-1", "u-2")]
    assert made[0]["metadata"]["name"] != made[1]["metadata"]["name"]


@pytest.mark.parametrize("word", ["Not A Word!", "", "x" * 2000])
def test_an_event_is_one_that_the_api_server_takes(word: str) -> None:
    condition = {"type": "Ready", "status": "False", "reason": word, "message": "m" * 5000}
    event = events_of(Subject("stash", "default", "u-1"), {}, {"conditions": [condition]}, EPOCH)[0]
    assert REASON.fullmatch(event["reason"])
    assert len(event["reason"]) <= 1024
    assert len(event["message"]) <= MESSAGE_LIMIT
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", event["metadata"]["name"])


def test_every_reason_of_an_event_is_explained_and_exists() -> None:
    section = REASONS.partition("\n## Events\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    told_of = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert told_of == {*Event, Reason.PAUSED}


def test_no_word_means_two_things() -> None:
    # A condition's reason is an Event's reason too; the words of their own must not be among them.
    assert {str(e) for e in Event} & ({str(r) for r in ReleaseReason} | {str(r) for r in Reason}) <= {
        "Promoted"
    }
