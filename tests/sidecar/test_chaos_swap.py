"""A swap that needs the engine for itself does not wait for work in the background, only for people."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.signals import NO_SIGNALS
from facedb_sidecar.queue.giving_way import unless_updating
from facedb_sidecar.refusals import Updating
from facedb_sidecar.serving import Serving


def some_engine(version: str) -> Engine:
    """What Serving needs of an engine."""
    facts = SimpleNamespace(
        receipt=SimpleNamespace(version=version), folder=Path(version), signals=NO_SIGNALS, close=lambda: None
    )
    return cast(Engine, facts)


def test_a_background_scene_without_end_does_not_hold_up_a_swap() -> None:
    async def story() -> None:
        serving = Serving(lambda: some_engine("old"))
        await serving.load()
        began, ended = asyncio.Event(), asyncio.Event()

        async def scene() -> None:
            try:
                with serving.borrow():
                    began.set()
                    await asyncio.Event().wait()
            finally:
                ended.set()

        job = asyncio.create_task(unless_updating(serving, scene()))
        await began.wait()
        async with asyncio.timeout(120):
            await serving.swap(lambda: some_engine("new"), alone=True)
        with pytest.raises(Updating):
            await job
        assert ended.is_set()
        assert serving.require().enter().receipt.version == "new"
        serving.close()

    asyncio.run(story())


def test_what_ends_by_itself_is_passed_on() -> None:
    async def story() -> None:
        serving = Serving(lambda: some_engine("old"))

        async def good() -> int:
            return 3

        async def bad() -> int:
            raise ValueError("why")

        assert await unless_updating(serving, good()) == 3
        with pytest.raises(ValueError, match="why"):
            await unless_updating(serving, bad())
        serving.close()

    asyncio.run(story())
