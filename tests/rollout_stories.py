"""Small steps that stories about rollouts are told in."""

from __future__ import annotations

from typing import Any

from facedb_operator.facts import Pod, Workload
from world import World

A, B, C = "2026.02.12", "2026.02.18", "2026.02.25"
Moments = list[tuple[int, int]]


def serving_a(spec: dict[str, Any], strategy: str = "Rolling", replicas: int = 1, **rollout: Any) -> World:
    """A world in which A serves and is good; a bake is for those that come after it."""
    later = {**spec["rollout"], "strategy": strategy, **rollout}
    spec["rollout"] = {**later, "bake": "0s"}
    spec["sidecar"]["replicas"] = replicas
    world = World(spec)
    world.settle()
    assert world.serving() == [A] * replicas
    world.spec = {**world.spec, "rollout": later}
    return world


def watched(world: World) -> Moments:
    """Filled at every second: how many pods of A and of B are in traffic, each time that it changes."""
    seen: Moments = []

    def look(world: World) -> None:
        now = world.serving()
        moment = (now.count(A), now.count(B))
        if not seen or seen[-1] != moment:
            seen.append(moment)

    world.watch = look
    return seen


def until(world: World, reason: str, limit_s: int = 200) -> None:
    """Passes and seconds until the condition Ready has this reason."""
    for _ in range(limit_s):
        world.one_pass()
        world.tick()
        if world.condition("Ready")[1] == reason:
            return
    raise AssertionError(f"{reason} never came: {world.status['conditions']}")


def wait(world: World, seconds: int) -> None:
    """So many passes, one a second."""
    for _ in range(seconds):
        world.one_pass()
        world.tick()


def say(world: World, verb: str, token: str = "1") -> None:
    """Somebody sets an annotation."""
    world.annotations = {**world.annotations, f"facedb.dev/{verb}": token}


def workload(world: World, version: str) -> Workload:
    """The Deployment of a version."""
    return next(w for w in world.workloads.values() if w.version == version)


def pods_of(world: World, version: str) -> list[Pod]:
    """Pods of a version that are not leaving."""
    keys = {w.revision_key for w in world.workloads.values() if w.version == version}
    return [p for p in world.pods.values() if p.revision_key in keys and not p.deleting]


def gates(world: World, version: str) -> list[bool | None]:
    """How the gates of a version's pods stand."""
    return [p.gate for p in pods_of(world, version)]
