"""Flux, Argo CD and kubectl wait read the status right in every pass of every story, and of any sequence."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import status_stories
from controller.test_rollouts import STORIES, Story, build, play
from facedb_operator.names import Condition
from facedb_operator.status import invalid_status, merge_conditions
from facedb_operator.steps import Plan
from kstatus import faults, kstatus
from world import EPOCH, Killed, World
from world_objects import base_spec, outcome

A, B, C = "2026.02.12", "2026.02.18", "2026.03.01"


class Reader:
    """Reads the status of a world after every pass, and objects to what no reader should ever see."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.before: dict[str, dict[str, Any]] = {}
        self.read: list[str] = []

    def a_pass(self) -> Plan | None:
        try:
            todo = self.world.one_pass()
        except Killed:
            self.world.crash_after = None
            return None
        self.judge()
        return todo

    def judge(self) -> None:
        world = self.world
        body = {"metadata": {"generation": world.generation}, "status": world.status}
        found = {c["type"]: c for c in world.status["conditions"]}
        assert len(found) == len(world.status["conditions"]), "a condition is there twice"
        for kind, condition in found.items():
            assert faults(condition) == [], kind
            last = self.before.get(kind)
            if last is not None:
                moved = condition["lastTransitionTime"] != last["lastTransitionTime"]
                assert moved <= (condition["status"] != last["status"]), f"{kind} moved without a change"
        both = {found["Reconciling"]["status"], found["Stalled"]["status"]}
        assert both != {"True"}, "Reconciling and Stalled at once"
        assert found["Reconciling"]["status"] == found["Progressing"]["status"]
        word = kstatus(body)
        wanted = world.spec.get("version") or (world.status.get("desired") or {}).get("version")
        if word == "Current":
            assert set(world.serving()) == {wanted}, f"Current, and {world.serving()} serves"
            assert found["Ready"]["observedGeneration"] == world.generation
        if found["Stalled"]["status"] == "True":
            assert word == "Failed"
            assert found["Ready"]["status"] == "False"
        self.before, self.read = found, [*self.read, word]


def live(world: World, seconds: int, reader: Reader | None = None) -> Reader:
    reader = reader or Reader(world)
    for _ in range(seconds):
        reader.a_pass()
        world.tick()
    return reader


def corrupt(version: str) -> Any:
    return outcome(version, ok=version != C, reason="WrongChecksum", permanent=version == C)


@pytest.mark.parametrize("story", status_stories.STORIES, ids=lambda s: s.__name__.strip("_"))
def test_every_status_of_the_stories_is_made_of_valid_conditions(story: Any) -> None:
    for status in story():
        assert [f for c in status["conditions"] for f in faults(c)] == []
        assert kstatus({"metadata": {"generation": status["observedGeneration"]}, "status": status})


@pytest.mark.parametrize("story", STORIES, ids=lambda s: s.name)
def test_every_story_of_rollouts_is_read_right_in_every_pass(story: Story) -> None:
    world = build(story, base_spec())
    reader, watch = Reader(world), world.watch

    def look(world: World) -> None:
        watch(world)
        reader.judge()

    world.watch = look
    play(story, world)
    assert reader.read[-1] == ("Current" if story.ready[0] == "True" else "Failed")


@pytest.mark.parametrize("strategy", ["Rolling", "BlueGreen", "Recreate", "Auto"])
def test_a_bump_is_in_progress_from_its_first_pass_until_it_serves(strategy: str) -> None:
    world = World(base_spec(), fetches=corrupt)
    world.spec["rollout"]["strategy"] = strategy
    reader = live(world, 60)
    assert reader.read[0] == "InProgress"
    assert reader.read[-1] == "Current"
    # Once it is Current nothing is in progress again by itself.
    assert "InProgress" not in reader.read[reader.read.index("Current") :]
    world.apply(version=B)
    # The operator has not looked yet: the generation alone says so.
    assert kstatus({"metadata": {"generation": world.generation}, "status": world.status}) == "InProgress"
    read = live(world, 90).read
    assert read[0] == "InProgress"
    assert read[-1] == "Current"
    assert "Failed" not in read


def test_a_refused_release_is_failed_and_the_way_back_is_current() -> None:
    world = World(base_spec(), fetches=corrupt)
    live(world, 60)
    world.apply(version=C)
    assert live(world, 60).read[-1] == "Failed"
    world.apply(version=A)
    assert live(world, 60).read[-1] == "Current"


def test_a_suspended_database_is_current_only_if_it_serves_what_is_wanted() -> None:
    world = World(base_spec())
    live(world, 60)
    world.apply(suspend=True)
    assert live(world, 5).read[-1] == "Current"
    world.apply(version=B)
    read = live(world, 5).read
    assert set(read) == {"InProgress"}
    assert world.condition("Reconciling")[0] == "False"


def test_a_paused_database_says_so_and_is_neither_reconciling_nor_stalled() -> None:
    world = World(base_spec())
    live(world, 60)
    assert world.condition("Paused") == ("False", "NotPaused")
    world.annotations = {"facedb.dev/pause": "1"}
    assert live(world, 5).read[-1] == "Current"
    assert world.condition("Paused") == ("True", "Paused")
    world.apply(version=B)
    assert set(live(world, 5).read) == {"InProgress"}
    assert (world.condition("Reconciling")[0], world.condition("Stalled")[0]) == ("False", "False")
    assert world.serving() == [A]
    world.annotations = {}
    assert live(world, 60).read[-1] == "Current"


def test_an_invalid_spec_is_failed_whatever_was_under_way() -> None:
    world = World(base_spec())
    live(world, 3)
    body = {"metadata": {"generation": 7}, "status": world.status}
    status = invalid_status(body, "spec.source", "names no source", world.now)
    assert kstatus({**body, "status": status}) == "Failed"
    assert {c["type"]: c["status"] for c in status["conditions"]}["Progressing"] == "False"
    assert [f for c in status["conditions"] for f in faults(c)] == []


@given(st.text(), st.text(max_size=40000))
def test_whatever_a_job_or_a_pod_calls_its_reason_the_condition_is_valid(reason: str, message: str) -> None:
    made = merge_conditions([], {Condition.READY: ("False", reason, message)}, 1, EPOCH)
    assert faults(made[0]) == []


actions = st.one_of(
    st.tuples(st.just("version"), st.sampled_from([A, B, C])),
    st.tuples(st.just("live"), st.integers(1, 40)),
    st.tuples(st.just("kill after"), st.integers(1, 4)),
    st.tuples(st.just("delete pod"), st.integers(0, 3)),
    st.tuples(st.just("replicas"), st.integers(1, 3)),
    st.tuples(st.just("strategy"), st.sampled_from(["Auto", "Rolling", "BlueGreen", "Recreate"])),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("retry"), st.integers(0, 3)),
)


# One case an action: a table.
def act(world: World, reader: Reader, action: tuple[str, Any]) -> None:  # noqa: C901
    match action:
        case ("version", version):
            world.apply(version=version)
        case ("live", seconds):
            live(world, seconds, reader)
        case ("kill after", steps):
            world.crash_after = steps
        case ("delete pod", number):
            for name in sorted(world.pods)[number : number + 1]:
                world.delete_pod(name)
        case ("replicas", replicas):
            world.apply(sidecar={**world.spec["sidecar"], "replicas": replicas})
        case ("strategy", strategy):
            world.apply(rollout={**world.spec["rollout"], "strategy": strategy})
        case ("suspend", still):
            world.apply(suspend=still)
        case ("pause", still):
            world.annotations = {**world.annotations, "facedb.dev/pause": "1" if still else ""}
        case (_, token):
            world.annotations = {**world.annotations, "facedb.dev/retry": str(token)}


@settings(max_examples=40)
@given(st.lists(actions, max_size=12))
def test_whatever_happens_no_pass_says_what_is_not_so(sequence: list[tuple[str, Any]]) -> None:
    world = World(copy.deepcopy(base_spec()), fetches=corrupt)
    reader = live(world, 20)
    for action in sequence:
        act(world, reader, action)
        live(world, 1, reader)
    world.annotations = {}
    world.apply(version=B, suspend=False)
    while reader.read[-3:] != ["Current"] * 3:
        assert world.now - EPOCH < timedelta(hours=1), world.status["conditions"]
        live(world, 1, reader)
