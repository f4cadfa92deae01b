"""How releases are kept, as whole stories, in Volume, Snapshot and PerPod; and killed after every step."""

from __future__ import annotations

from typing import Any

import pytest

from keeping_ways import (
    WAYS,
    A,
    Act,
    B,
    C,
    Law,
    build,
    bump,
    failing,
    lose_everything,
    lose_snapshots,
    nothing,
    play,
)
from world import World

# Story: the law of the world, and what happens, act after act, each until all is quiet.
STORIES: dict[str, tuple[Law, tuple[Act, ...]]] = {
    "bump and back": (nothing, (nothing, bump(B), bump(A))),
    "three bumps": (nothing, (nothing, bump(B), bump(C))),
    "refused release": (failing(B), (nothing, bump(B))),
    "snapshots get lost": (nothing, (nothing, bump(B), lose_snapshots, bump(A))),
    "everything gets lost": (nothing, (nothing, bump(B), lose_everything)),
    "refused release, then everything gets lost": (failing(B), (nothing, bump(B), lose_everything)),
}
# What serves at the end, and what must have been fetched by then.
ENDS: dict[str, tuple[str, list[str]]] = {
    "bump and back": (A, [A, B]),
    "three bumps": (C, [A, B, C]),
    "refused release": (A, [A, B]),
    "snapshots get lost": (A, [A, B, A]),
    "everything gets lost": (B, [A, B, B]),
    "refused release, then everything gets lost": (A, [A, B, A]),
}
OTHERWISE: dict[tuple[str, str], list[str]] = {
    # Releases on volumes of their own lose nothing with their snapshots.
    ("Volume", "snapshots get lost"): [A, B],
    # Nothing but the pods holds the release that serves.
    ("PerPod", "snapshots get lost"): [A, B, B, A],
}
TOLD = [(way, story) for way in WAYS for story in STORIES]


def judge(world: World, way: str, story: str) -> None:
    version, fetched = ENDS[story]
    assert world.serving() == [version]
    releases = [v for v in world.fetched if v != "models"]
    assert releases == OTHERWISE.get((way, story), fetched)
    assert not world.jobs
    assert len({c.key for c in world.claims.values() if c.version} | set(_keys(world))) <= 2
    match way:
        case "Volume":
            assert not world.snapshots
        case "Snapshot":
            # The one that serves is on a volume; all that are kept are snapshots.
            assert [c.version for c in world.claims.values() if c.version] == [version]
            assert version in _snapshots(world)
        case "PerPod":
            assert [c for c in world.claims.values() if c.version] == []
            assert version in _snapshots(world)


def _keys(world: World) -> list[str]:
    return [s.release_key for s in world.snapshots.values()]


def _snapshots(world: World) -> list[str]:
    return [s.version for s in world.snapshots.values() if s.ready]


@pytest.mark.parametrize(("way", "story"), TOLD)
def test_every_story_ends_with_what_is_kept_in_its_place(spec: dict[str, Any], way: str, story: str) -> None:
    law, acts = STORIES[story]
    world = play(build(spec, way, law), acts)
    judge(world, way, story)
    assert world.status["storage"]["strategy"] == ("Volume" if way == "Volume" else "Snapshot")


# Volumes are killed in test_rollouts already, and a third bump is like the second.
KILLED = [
    ("Volume", "everything gets lost"),
    *((way, story) for way in ("Snapshot", "PerPod") for story in STORIES if story != "three bumps"),
]


@pytest.mark.parametrize(("way", "story"), KILLED)
def test_killed_after_any_step_it_ends_the_same(spec: dict[str, Any], way: str, story: str) -> None:
    law, acts = STORIES[story]
    steps = play(build(spec, way, law), acts).steps_done
    for number in range(1, steps + 1):
        world = play(build(spec, way, law, crash_after=number), acts)
        assert world.kills == 1, f"was not killed after step {number}"
        judge(world, way, story)
