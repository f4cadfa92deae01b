"""The ways of keeping releases, and what can happen to them, for stories in the small world."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import world_storage
from facedb_operator.facts import Answer, Cluster, Workload
from world import World
from world_objects import good_answer

A, B, C = "2026.02.12", "2026.02.18", "2026.03.01"
CSI = Cluster(snapshot_class="csi-snapclass")
WAYS: dict[str, dict[str, Any]] = {
    "Volume": {"strategy": "Volume"},
    "Snapshot": {"strategy": "Snapshot"},
    "PerPod": {"strategy": "Auto", "distribution": "PerPod"},
}

Act = Callable[[World], None]
Law = Callable[[World], None]


def bump(version: str) -> Act:
    return lambda world: world.apply(version=version)


def nothing(_: World) -> None:
    """The first install."""


def failing(version: str) -> Law:
    """Pods of this version do not load it."""

    def answer(work: Workload) -> Answer:
        if work.version != version:
            return good_answer(work)
        return Answer(False, None, None, failed=True, reason="CorruptIndex", message="does not open")

    return lambda world: setattr(world, "answers", answer)


def lose_snapshots(world: World) -> None:
    for name in list(world.snapshots):
        world_storage.vanish(world, name)


def lose_everything(world: World) -> None:
    """Claims, snapshots and Deployments of all releases, at once."""
    lose_snapshots(world)
    for name in [c.name for c in world.claims.values() if c.version is not None]:
        world_storage.take(world, name)
    world.workloads.clear()
    world.pods.clear()


def as_shared(world: World) -> None:
    world.apply(storage={**world.spec["storage"], **WAYS["Snapshot"]})


def as_per_pod(world: World) -> None:
    world.apply(storage={**world.spec["storage"], **WAYS["PerPod"]})


def as_volumes(world: World) -> None:
    world.apply(storage={**world.spec["storage"], "strategy": "Volume", "distribution": "Shared"})


def build(spec: dict[str, Any], way: str, law: Law = nothing, crash_after: int | None = None) -> World:
    spec = copy.deepcopy(spec)
    spec["storage"] |= WAYS[way]
    world = World(spec, cluster=CSI, crash_after=crash_after)
    law(world)
    return world


def play(world: World, acts: tuple[Act, ...]) -> World:
    for act in acts:
        act(world)
        world.settle()
    return world
