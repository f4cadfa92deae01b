"""Whole stories in a small world: until steady, and again with the operator killed after every step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from facedb_operator.facts import Answer, Workload
from facedb_release.outcome import Outcome
from world import World
from world_objects import good_answer, good_fetch, outcome

A, B, C = "2026.02.12", "2026.02.18", "2026.03.01"


@dataclass(frozen=True)
class Story:
    """A world's laws, what the user does one after the other, and how it ends."""

    name: str
    acts: tuple[dict[str, Any], ...]
    serving: tuple[str, ...]
    ready: tuple[str, str]
    history: tuple[tuple[str, str], ...]
    strategy: str = "Rolling"
    replicas: int = 1
    gpus: int | None = None
    fetches: Callable[[str], Outcome | None] = good_fetch
    answers: Callable[[Workload], Answer | None] = good_answer
    may_be_dark: bool = False


def corrupt(version: str) -> Outcome:
    return outcome(version, ok=version != C, reason="WrongChecksum", permanent=version == C)


def failing(version: str) -> Callable[[Workload], Answer | None]:
    def answer(work: Workload) -> Answer:
        if work.version != version:
            return good_answer(work)
        return Answer(False, None, None, failed=True, reason="CorruptIndex", message="does not open")

    return answer


def wrong_digest(work: Workload) -> Answer:
    return good_answer(work) if work.version != B else Answer(True, B, "sha256:other", False, "", "")


def silent(work: Workload) -> Answer | None:
    return good_answer(work) if work.version != B else None


DONE_A, DONE_B = (A, "Succeeded"), (B, "Succeeded")
STORIES = (
    Story("first install", ({},), (A,), ("True", "Serving"), (DONE_A,)),
    Story("bump", ({}, {"version": B}), (B,), ("True", "Serving"), (DONE_A, DONE_B)),
    Story(
        "bump of three pods",
        ({}, {"version": B}),
        (B, B, B),
        ("True", "Serving"),
        (DONE_A, DONE_B),
        replicas=3,
    ),
    Story(
        "corrupt release",
        ({}, {"version": C}),
        (A,),
        ("False", "RolledBack"),
        (DONE_A, (C, "RolledBack")),
        fetches=corrupt,
    ),
    Story(
        "corrupt first release",
        ({"version": C},),
        (),
        ("False", "WrongChecksum"),
        ((C, "Failed"),),
        fetches=corrupt,
        may_be_dark=True,
    ),
    Story(
        "release that does not load",
        ({}, {"version": B}),
        (A,),
        ("False", "RolledBack"),
        (DONE_A, (B, "RolledBack")),
        answers=failing(B),
    ),
    Story(
        "release that does not load, three pods",
        ({}, {"version": B}),
        (A, A, A),
        ("False", "RolledBack"),
        (DONE_A, (B, "RolledBack")),
        answers=failing(B),
        replicas=3,
    ),
    Story(
        "pod that serves another digest",
        ({}, {"version": B}),
        (A,),
        ("False", "RolledBack"),
        (DONE_A, (B, "RolledBack")),
        answers=wrong_digest,
    ),
    Story(
        "pod that never answers",
        ({}, {"version": B}),
        (A,),
        ("False", "RolledBack"),
        (DONE_A, (B, "RolledBack")),
        answers=silent,
    ),
    Story(
        "one GPU, Recreate",
        ({}, {"version": B}),
        (B,),
        ("True", "Serving"),
        (DONE_A, DONE_B),
        strategy="Recreate",
        gpus=1,
        may_be_dark=True,
    ),
    Story(
        "one GPU, Auto",
        ({}, {"version": B}),
        (B,),
        ("True", "Serving"),
        (DONE_A, DONE_B),
        strategy="Auto",
        gpus=1,
        may_be_dark=True,
    ),
    Story(
        "two GPUs and two pods, Auto",
        ({}, {"version": B}),
        (B, B),
        ("True", "Serving"),
        (DONE_A, DONE_B),
        strategy="Auto",
        gpus=2,
        replicas=2,
    ),
    *(
        Story(
            f"one GPU, {strategy}, release that does not load",
            ({}, {"version": B}),
            (A,),
            ("False", "RolledBack"),
            (DONE_A, (B, "RolledBack")),
            strategy=strategy,
            gpus=1,
            answers=failing(B),
            may_be_dark=True,
        )
        for strategy in ("Recreate", "Auto")
    ),
    Story(
        "corrupt release and back",
        ({}, {"version": C}, {"version": A}),
        (A,),
        ("True", "Serving"),
        (DONE_A, (C, "RolledBack")),
        fetches=corrupt,
    ),
)


def build(story: Story, spec: dict[str, Any], crash_after: int | None = None) -> World:
    spec = copy.deepcopy(spec)
    spec["rollout"]["strategy"] = story.strategy
    spec["sidecar"]["replicas"] = story.replicas
    return World(
        spec,
        gpus=story.gpus,
        fetches=story.fetches,
        answers=story.answers,
        crash_after=crash_after,
        watch=lambda world: never_dark(world, story),
    )


def never_dark(world: World, story: Story) -> None:
    """Once something served, something always serves; Rolling keeps every pod's worth."""
    now = world.serving()
    world.served_once = world.served_once or len(now) == story.replicas
    if world.served_once and not story.may_be_dark:
        least = story.replicas if story.strategy == "Rolling" else 1
        assert len(now) >= least, f"{len(now)} pods serve at {world.now}"


def play(story: Story, world: World) -> World:
    for act in story.acts:
        if act:
            world.apply(**act)
        world.settle()
    return world


def judge(story: Story, world: World) -> None:
    assert sorted(world.serving()) == sorted(story.serving)
    assert world.condition("Ready") == story.ready
    assert world.status["observedGeneration"] == world.generation
    told = [(h["version"], h["outcome"]) for h in world.status["history"]]
    assert tuple(told[-len(story.history) :]) == story.history or told == list(story.history)


@pytest.mark.parametrize("story", STORIES, ids=lambda s: s.name)
def test_every_story_ends_as_told(story: Story, spec: dict[str, Any]) -> None:
    judge(story, play(story, build(story, spec)))


@pytest.mark.parametrize("story", STORIES, ids=lambda s: s.name)
def test_an_operator_killed_after_any_step_ends_the_same(story: Story, spec: dict[str, Any]) -> None:
    steps = play(story, build(story, spec)).steps_done
    assert steps > 3
    for number in range(1, steps + 1):
        world = play(story, build(story, spec, crash_after=number))
        assert world.kills == 1, f"was not killed after step {number}"
        judge(story, world)


def test_the_gap_of_one_gpu_is_measured(spec: dict[str, Any]) -> None:
    story = next(s for s in STORIES if s.name == "one GPU, Recreate")
    history = play(story, build(story, spec)).status["history"]
    assert history[0]["unavailableSeconds"] == 0
    assert 3 <= history[1]["unavailableSeconds"] <= 30
