"""A database that is made anew under its old name, where volumes of the one before were retained."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from facedb_operator.names import Component
from facedb_operator.spec import FaceDatabase, parse_spec
from world import World

A, B, C = "2026.02.12", "2026.02.18", "2026.02.25"


@dataclass
class MadeAnew(World):
    """The same cluster, with a database of another uid."""

    uid: str = "u-1"

    def database(self) -> FaceDatabase:
        meta = {"name": "stash", "namespace": "default", "uid": self.uid, "generation": self.generation}
        body = {"metadata": meta, "spec": self.spec, "status": self.status}
        return parse_spec(json.loads(json.dumps(body)), default_image="sidecar:1")

    def deleted_and_made_anew(self) -> None:
        """What has an owner goes; nothing of the status stays."""
        self.uid, self.status, self.served_once, self.service_key = "u-2", {}, False, None
        self.workloads, self.pods, self.jobs = {}, {}, {}
        self.claims = {name: claim for name, claim in self.claims.items() if not claim.owned}


def retained(spec: dict[str, Any]) -> MadeAnew:
    """A and B are kept, B was the last that served."""
    world = MadeAnew({**spec, "deletionPolicy": "Retain"})
    world.settle()
    world.apply(version=B)
    world.settle()
    world.deleted_and_made_anew()
    return world


def releases(world: World) -> list[str | None]:
    return sorted(c.version or "" for c in world.claims.values() if c.component is Component.RELEASE)


def test_retained_volumes_of_the_same_name_count_as_kept_releases(spec: dict[str, Any]) -> None:
    world = retained(spec)
    state = world.state
    assert releases(world) == [A, B]
    world.apply(version=C)
    world.settle()
    # `storage.keep` is 2: the one that serves, and one more.
    assert world.serving() == [C]
    assert releases(world) == [B, C]
    assert world.state == state
