"""Swaps: another engine is loaded beside the one that serves, and nobody who uses one loses it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge import engine_that
from facedb_sidecar.engine import Engine, Identification, LoadError
from facedb_sidecar.refusals import Busy, Unavailable, Updating
from facedb_sidecar.serving import Serving, State
from facedb_sidecar.settings import Limits

NAMES = ("2026.02.18", "2026.02.25", "2026.03.01")


class Story:
    """A Serving, and what happened to it: engines that were closed, releases that were let go."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.closed: list[str] = []
        self.gone: list[str] = []
        self.loads = 0
        self.serving = Serving(self.load(NAMES[0]), gone=self.goer(NAMES[0]))

    def load(self, version: str, wait: threading.Event | None = None) -> Callable[[], Engine]:
        """Makes an engine of this version, once the event comes."""

        def load() -> Engine:
            assert wait is None or wait.wait(60)
            self.loads += 1
            made = engine_that(self.engine, lambda *_, **__: Identification(()))
            made = replace(made, receipt=replace(self.engine.receipt, version=version))
            type(made).close = lambda _: self.closed.append(version)  # type: ignore[method-assign]
            return made

        return load

    def goer(self, version: str) -> Callable[[], None]:
        return lambda: self.gone.append(version)

    @property
    def version(self) -> str | None:
        return self.serving.engine.receipt.version if self.serving.engine else None


def fails() -> Engine:
    raise LoadError("CorruptIndex", "face_arcface.voy does not open")


def breaks() -> Engine:
    raise MemoryError("no more")


def played(engine: Engine, act: Callable[[Story], Coroutine[None, None, None]]) -> Story:
    """Load the first engine, act, and close."""

    async def play() -> Story:
        story = Story(engine)
        await story.serving.load()
        await act(story)
        story.serving.close()
        return story

    return asyncio.run(play())


async def until(condition: Callable[[], bool]) -> None:
    """Engines are let go in threads."""
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0)


async def settle() -> None:
    """Let everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_old_engine_serves_until_the_new_one_is_loaded(engine: Engine) -> None:
    async def act(story: Story) -> None:
        go_on = threading.Event()
        swapping = asyncio.create_task(
            story.serving.swap(story.load(NAMES[1], go_on), gone=story.goer(NAMES[1]))
        )
        await settle()
        assert (story.version, story.serving.updating, story.gone) == (NAMES[0], False, [])
        with story.serving.borrow() as old:
            go_on.set()
            await swapping
            assert story.version == NAMES[1]
            # This request began with the old engine and ends with it.
            assert old.receipt.version == NAMES[0]
            assert await story.serving.run(lambda: 7) == 7
            await settle()
            assert (story.gone, story.closed) == ([], [])
        await until(lambda: (story.gone, story.closed) == ([NAMES[0]], [NAMES[0]]))

    assert played(engine, act).version == NAMES[1]


@pytest.mark.parametrize(("load", "reason"), [(fails, "CorruptIndex"), (breaks, "LoadFailed")])
@pytest.mark.parametrize("alone", [False, True])
def test_after_a_failed_swap_the_old_release_serves_on(
    engine: Engine, load: Callable[[], Engine], reason: str, alone: bool
) -> None:
    async def act(story: Story) -> None:
        with pytest.raises(LoadError) as caught:
            await story.serving.swap(load, alone=alone)
        assert caught.value.reason == reason
        assert story.serving.state is State.READY
        assert story.serving.updating is False

    story = played(engine, act)
    assert (story.version, story.gone) == (NAMES[0], [])
    assert story.loads == (2 if alone else 1)


def test_alone_waits_for_running_requests_and_sends_new_ones_away(engine: Engine) -> None:
    async def act(story: Story) -> None:
        with story.serving.borrow():
            swapping = asyncio.create_task(
                story.serving.swap(story.load(NAMES[1]), alone=True, gone=story.goer(NAMES[1]))
            )
            await settle()
            assert story.loads == 1
            with pytest.raises(Updating, match="Database update in progress"), story.serving.borrow():
                pass
            assert story.serving.state is State.LOADING
        await swapping
        assert (story.gone, story.closed) == ([NAMES[0]], [NAMES[0]])
        with story.serving.borrow() as new:
            assert new.receipt.version == NAMES[1]

    assert played(engine, act).loads == 2


def test_alone_with_an_old_release_that_does_not_come_back_says_so(engine: Engine) -> None:
    async def act(story: Story) -> None:
        story.serving._tenure.load = fails  # type: ignore[union-attr]
        with pytest.raises(LoadError, match="LoadFailed"):
            await story.serving.swap(breaks, alone=True)
        assert story.serving.state is State.FAILED
        assert story.serving.trouble.reason == "CorruptIndex"
        with pytest.raises(Unavailable, match="does not open"), story.serving.borrow():
            pass
        await story.serving.swap(story.load(NAMES[2]), alone=True)

    assert played(engine, act).version == NAMES[2]


def test_a_first_load_that_failed_is_mended_by_a_swap(engine: Engine) -> None:
    async def act() -> None:
        story = Story(engine)
        story.serving._load = fails
        await story.serving.load()
        assert (story.serving.state, story.version) == (State.FAILED, None)
        await story.serving.swap(story.load(NAMES[1]))
        assert (story.serving.state, story.version) == (State.READY, NAMES[1])

    asyncio.run(act())


def test_swaps_come_one_after_the_other_also_after_the_first_load(engine: Engine) -> None:
    async def act() -> None:
        story = Story(engine)
        go_on = threading.Event()
        story.serving._load = story.load(NAMES[0], go_on)
        first = asyncio.create_task(story.serving.load())
        await settle()
        others = [asyncio.create_task(story.serving.swap(story.load(v))) for v in NAMES[1:]]
        await settle()
        go_on.set()
        await asyncio.gather(first, *others)
        assert (story.version, story.loads) == (NAMES[2], 3)

    asyncio.run(act())


@given(st.lists(st.sampled_from(["swap", "fail", "alone", "alone-fail", "enter", "leave"]), max_size=12))
@settings(max_examples=40)
def test_whatever_happens_each_release_is_let_go_once_and_never_while_used(
    engine: Engine, events: list[str]
) -> None:
    async def play() -> None:
        story, users, put = Story(engine), [], [NAMES[0]]
        await story.serving.load()
        for event in events:
            load = fails if event.endswith("fail") else story.load(str(len(put)))
            if event == "enter":
                user = story.serving.borrow()
                users.append((user, user.__enter__().receipt.version))
            elif event == "leave" and users:
                users.pop(0)[0].__exit__(None, None, None)
            elif event in ("swap", "fail") or (event.startswith("alone") and not users):
                await swapped(story, load, put, alone=event.startswith("alone"))
            await settle()
            used = {version for _, version in users} | {put[-1]}
            assert story.version == put[-1]
            left = sorted(v for v in put if v not in used)
            assert set(story.gone) <= set(left)
            await until(lambda wanted=left: sorted(story.gone) == wanted)  # type: ignore[misc]
        for user, _ in users:
            user.__exit__(None, None, None)
        await until(lambda: sorted(story.gone) == sorted(put[:-1]))

    asyncio.run(play())


async def swapped(story: Story, load: Callable[[], Engine], put: list[str], *, alone: bool) -> None:
    version = str(len(put))
    try:
        await story.serving.swap(load, alone=alone, gone=story.goer(version))
    except LoadError:
        return
    put.append(version)


def test_a_line_of_the_load_s_thread_and_of_inference_carries_the_request(engine: Engine) -> None:
    from facedb_sidecar.logs import REQUEST_ID

    async def act(story: Story) -> None:
        REQUEST_ID.set("me")
        assert await story.serving.run(REQUEST_ID.get) == "me"

    played(engine, act)


def test_places_are_as_many_as_the_settings_say(engine: Engine) -> None:
    places = Serving(fails, Limits(waiting=2)).places
    places.take(1)
    places.take(1)
    with pytest.raises(Busy):
        places.take(0)
    places.give(1)
    places.take(0)
