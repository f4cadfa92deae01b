"""Whole stories in a small world: until steady, and again with the operator killed after every step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from facedb_operator.facts import Answer, Workload
from facedb_release.outcome import Outcome
from world import World, good_answer, good_fetch, outcome

A, B, C = "2026.02.12", "2026.02.18", "2026.03.01"
TOKEN = "facedb.dev/retry"


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
    world.watch = lambda w: never_dark(w, STORIES[0])
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
