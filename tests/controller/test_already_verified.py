"""A volume that the store did not know is found with a verdict: its release is not written again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from facedb_operator import kinds, names
from facedb_operator.act import AlreadyVerified, act
from facedb_operator.names import Component
from facedb_operator.reconcile import Reconciler
from facedb_operator.steps import CreateClaim, Plan, StartFetch
from world import EPOCH, World
from world_objects import base_spec


class Kube:
    """Takes whole objects; a claim comes back with the annotations of one that was there."""

    def __init__(self, notes: dict[str, str]) -> None:
        self.notes = notes
        self.applied: list[str] = []

    async def apply(
        self, kind: kinds.Kind, manifest: dict[str, Any], sub: str = "", *, force: bool = True
    ) -> dict[str, Any]:
        self.applied.append(kind.name)
        meta = {**manifest["metadata"], "resourceVersion": "7"}
        meta["annotations"] = {**(meta.get("annotations") or {}), **self.notes}
        return {**manifest, "metadata": meta}


def made(notes: dict[str, str]) -> tuple[Kube, Any]:
    kube: Any = Kube(notes)
    db = World(base_spec()).database()
    return kube, act(kube, db, CreateClaim(Component.RELEASE, "4Gi"), EPOCH)


def test_a_claim_that_is_new_is_told_as_written() -> None:
    kube, request = made({})
    assert [w.version for w in asyncio.run(request)] == [7]
    assert kube.applied == ["PersistentVolumeClaim"]


def test_a_claim_that_was_there_with_a_verdict_is_told_so_and_what_was_written_with_it() -> None:
    _, request = made({names.RECEIPT_ANNOTATION: "{}"})
    with pytest.raises(AlreadyVerified) as found:
        asyncio.run(request)
    assert [w.version for w in found.value.writes] == [7]


class Fresh:
    """Remembers what a pass has written, and that it doubted."""

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.doubted = 0

    def wrote(self, key: Any, writes: Any) -> None:
        self.written += writes

    def doubt(self, key: Any) -> None:
        self.doubted += 1


def test_the_rest_of_the_pass_is_not_carried_out_and_the_store_is_looked_after() -> None:
    class Observer:
        fresh = Fresh()

    kube: Any = Kube({names.RECEIPT_ANNOTATION: "{}"})
    observer: Any = Observer()
    nobody: Any = None
    reconciler = Reconciler(kube, nobody, observer, nobody, "sidecar:1")
    steps = (CreateClaim(Component.RELEASE, "4Gi"), StartFetch(Component.RELEASE, 1))
    todo = Plan("Fetching", "", steps, check_again=timedelta(0))
    asyncio.run(reconciler._act(("default", "stash"), World(base_spec()).database(), todo, EPOCH))
    assert kube.applied == ["PersistentVolumeClaim"]
    assert (len(observer.fresh.written), observer.fresh.doubted) == (1, 1)
