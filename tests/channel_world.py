"""A small world whose database follows a channel, and the publisher that it asks."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

from facedb_operator.names import Component
from facedb_release.outcome import Outcome
from world import Killed, World
from world_objects import base_spec

A, B, C = "2026.02.12", "2026.02.18", "2026.03.01"
APPROVE = "facedb.dev/approve"
GI = 2**30


def found(version: str, **said: Any) -> Outcome:
    return Outcome(ok=True, reason="Found", message="found", permanent=False, version=version, **said)


class Publisher:
    """A source that offers one version at a time, and counts how often it was asked."""

    def __init__(self, *versions: str) -> None:
        self.offers = versions[0]
        self.asked: list[str] = []
        self.failing: Outcome | None = None
        self.bytes: int | None = 2 * GI

    def __call__(self, wanted: str) -> Outcome:
        self.asked.append(wanted)
        version = wanted if wanted[:1].isdigit() else self.offers
        return self.failing or found(version, bytes_unpacked=self.bytes, name=f"Release {version}")


def channel_world(publisher: Publisher, **channel: Any) -> World:
    spec = copy.deepcopy(base_spec())
    del spec["version"]
    spec["channel"] = {"policy": "Notify", "interval": "1h", **channel}
    return World(spec, lookups=publisher)


def live(world: World, seconds: int, step: int = 60) -> None:
    """Time passes with the operator at work: second by second first, then in larger steps."""
    end = world.now + timedelta(seconds=seconds)
    while world.now < end:
        try:
            world.one_pass()
        except Killed:
            world.crash_after = None
            world.kills += 1
        world.tick(step if world.now + timedelta(seconds=60) < end else 1)


def update(world: World) -> tuple[str, str]:
    return world.condition("UpdateAvailable")


def message(world: World, kind: str = "UpdateAvailable") -> str:
    return str(next(c for c in world.status["conditions"] if c["type"] == kind)["message"])


def lookups(world: World) -> list[str]:
    return [j.name for j in world.jobs.values() if j.component is Component.LOOKUP]
