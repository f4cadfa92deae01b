"""Kinds that a cluster may not serve: nothing to wait for, found when they come, and when they come back."""

from __future__ import annotations

import asyncio

from facedb_operator import kinds
from facedb_operator.kinds import SNAPSHOT
from facedb_operator.observe.watching import LOOK_FOR_S
from store_story import Story
from virtual_time import play


def test_a_kind_that_is_not_served_is_nothing_to_wait_for_and_is_found_when_it_comes() -> None:
    async def story() -> None:
        world = Story()
        world.api.missing = {SNAPSHOT, kinds.SNAPSHOT_CLASS}
        async with world.running():
            assert not world.store.lists(SNAPSHOT)
            asked = world.api.requests["list volumesnapshots"]
            await asyncio.sleep(LOOK_FOR_S / 2)
            assert world.api.requests["list volumesnapshots"] == asked
            world.api.missing = set()
            await asyncio.sleep(LOOK_FOR_S * 2)
            assert world.store.lists(SNAPSHOT)

    play(story())


def test_a_kind_that_was_taken_away_is_listed_anew_once_it_is_back() -> None:
    async def story() -> None:
        world, kind = Story(), kinds.STORAGE_CLASS
        world.api.write(kind, "fast", provisioner="csi.example.com")
        async with world.running():
            world.api.missing = {kind}
            await world.api.cut(kind)
            await asyncio.sleep(1)
            assert not world.store.lists(kind)
            world.api.missing = set()
            await asyncio.sleep(LOOK_FOR_S * 2)
            assert [e.name for e in world.store.of(kind, ("x", ""))] == ["fast"]

    play(story())
