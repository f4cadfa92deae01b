"""Statuses as the operator writes them, out of stories played in the small world."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from facedb_operator.facts import Answer, Cluster
from world import World
from world_objects import base_spec, good_answer, outcome

NEXT = "2026.02.18"

Status = dict[str, Any]


def statuses() -> list[Status]:
    """Every status that the stories bring forth, each of its kind once: the same fields make a kind."""
    found: dict[str, Status] = {}
    for story in STORIES:
        for status in story():
            found.setdefault(_kind(status), status)
    return list(found.values())


def _kind(status: Status) -> str:
    """Which fields there are, and with which reason."""

    def shape(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: shape(part) for name, part in value.items()}
        if isinstance(value, list):
            return sorted({json.dumps(shape(part), sort_keys=True) for part in value})
        return type(value).__name__

    reasons = [c["reason"] for c in status["conditions"]]
    return json.dumps([shape(status), reasons], sort_keys=True)


def _play(world: World, seconds: int) -> list[Status]:
    found = []
    for _ in range(seconds):
        world.one_pass()
        found.append(world.status)
        world.tick()
    return found


def _bump(world: World, **spec: Any) -> list[Status]:
    found = _play(world, 40)
    world.apply(version=NEXT, **spec)
    return found + _play(world, 90)


def _quiet_bump() -> list[Status]:
    return _bump(World(base_spec()))


def _refused() -> list[Status]:
    bad = outcome(NEXT, ok=False, reason="WrongDigest", permanent=True)
    return _bump(World(base_spec(), fetches=lambda v: bad if v == NEXT else outcome(v, ok=True)))


def _died() -> list[Status]:
    return _bump(World(base_spec(), fetches=lambda v: None if v == NEXT else outcome(v, ok=True)))


def _cannot_load() -> World:
    failed = Answer(False, None, None, failed=True, reason="CorruptIndex", message="no")
    return World(base_spec(), answers=lambda w: failed if w.version == NEXT else good_answer(w))


def _rolled_back() -> list[Status]:
    return _bump(_cannot_load())


def _frozen() -> list[Status]:
    return _bump(_cannot_load(), rollout={**base_spec()["rollout"], "onFailure": "Freeze"})


def _canary() -> list[Status]:
    world = World(base_spec())
    world.apply(sidecar={**world.spec["sidecar"], "replicas": 3})
    steps = [{"percent": 34, "pause": "5s"}, {"percent": 67}]
    found = _bump(
        world, rollout={**base_spec()["rollout"], "strategy": "Canary", "steps": steps, "bake": "5s"}
    )
    world.annotations["facedb.dev/promote"] = "1"
    return found + _play(world, 60)


def _snapshots() -> list[Status]:
    return _bump(World(base_spec(), cluster=Cluster(snapshot_class="fast")))


def _channel() -> list[Status]:
    spec = base_spec()
    del spec["version"]
    world = World({**spec, "channel": {"policy": "Notify", "range": ">=2026.02"}})
    found = _play(world, 30)
    world.annotations["facedb.dev/approve"] = f"{NEXT}-1"
    return found + _play(world, 60)


def _verbs() -> list[Status]:
    world = World(base_spec())
    found = _bump(world)
    world.annotations |= {"facedb.dev/retry": "1", "facedb.dev/pause": "true"}
    found += _play(world, 3)
    world.apply(suspend=True)
    return found + _play(world, 3)


STORIES: tuple[Callable[[], list[Status]], ...] = (
    _quiet_bump,
    _refused,
    _died,
    _rolled_back,
    _frozen,
    _canary,
    _snapshots,
    _channel,
    _verbs,
)
