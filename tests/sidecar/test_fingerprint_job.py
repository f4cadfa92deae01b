"""The generation of fingerprints: a library of scenes over a real queue and a real state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from facedb_sidecar.queue import FINGERPRINT_GENERATION, Job, Queue, Status
from facedb_sidecar.queue.fingerprinting import Fingerprinting, Library, NoFingerprint
from facedb_sidecar.queue.tally import Tally, read_tally
from facedb_sidecar.queue.worker import Pace
from facedb_sidecar.refusals import Busy
from facedb_sidecar.stash.answers import IdPage
from facedb_sidecar.stash.errors import StashUnreachable
from facedb_sidecar.stash_refusals import NotInStash
from facedb_sidecar.state import ImageFingerprint, SceneFingerprint, StateStore


@dataclass
class Scenes:
    """A library whose analysis takes no time, and the state that it saves to."""

    state: StateStore
    ids: list[str]
    version: str | None = "new"
    broken: dict[str, Exception] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    before: Callable[[str], Awaitable[None]] | None = None

    async def page(self, page: int, per_page: int) -> IdPage:
        if isinstance(self.broken.get("list"), Exception):
            raise self.broken["list"]
        return IdPage(tuple(self.ids[(page - 1) * per_page : page * per_page]), len(self.ids))

    async def scene(self, scene: str, tally: Tally) -> None:
        self.asked.append(scene)
        if self.before:
            await self.before(scene)
        if scene in self.broken:
            raise self.broken[scene]
        self.state.fingerprints.save_scene(SceneFingerprint(scene, self.version, 60, ()))

    async def image(self, image: str) -> None:
        self.images.append(image)
        if image in self.broken:
            raise self.broken[image]
        self.state.fingerprints.save_image(ImageFingerprint(image, self.version, ()))

    def queue(self, patience_s: float = 5.0) -> Queue:
        library = Library(self.page, self.scene, self.image, lambda: self.version)
        job = Fingerprinting(library, self.state.fingerprints, wait_s=0.01, patience_s=patience_s)
        queue = Queue(self.state, pace=Pace(tick=0.02, lease=0.3, grace=1.0))
        queue.register(FINGERPRINT_GENERATION, job)
        return queue

    def run(self, *, cursor: str | None = None, patience_s: float = 5.0) -> Job:
        """Queue the job, unless one is there, and run it to its end."""

        async def work() -> Job:
            queue = self.queue(patience_s)
            queue.submit(FINGERPRINT_GENERATION.type, cursor=cursor)
            await queue.start()
            try:
                async with asyncio.timeout(120):
                    while queue.jobs.active():
                        await asyncio.sleep(0.01)
            finally:
                await queue.close()
            return queue.jobs.find()[0]

        return asyncio.run(work())


@pytest.fixture
def scenes(tmp_path: Path) -> Iterator[Scenes]:
    state = StateStore.open(tmp_path / "stash_sense.db")
    yield Scenes(state, [str(n) for n in range(1, 13)])
    state.close()


def test_every_scene_is_done_once_in_order(scenes: Scenes) -> None:
    done = scenes.run()
    assert done.status is Status.COMPLETED
    assert scenes.asked == scenes.ids
    assert (done.items_processed, done.items_total) == (12, 12)
    assert scenes.state.fingerprints.counts("new").current == 12
    again = scenes.run()
    assert again.status is Status.COMPLETED
    assert scenes.asked == scenes.ids
    assert read_tally(again.cursor).skipped == 12


def test_scenes_of_an_older_database_are_done_again_if_wanted(scenes: Scenes) -> None:
    scenes.state.fingerprints.save_scene(SceneFingerprint("3", "old", 60, ()))
    scenes.state.fingerprints.save_scene(SceneFingerprint("4", "new", 60, ()))
    scenes.run(cursor=Tally(refresh_outdated=False).to_text())
    assert scenes.asked == [each for each in scenes.ids if each not in ("3", "4")]
    scenes.run()
    assert scenes.asked[-1] == "3"
    assert scenes.state.fingerprints.counts("new").needs_refresh == 0


def test_images_that_an_older_database_has_seen_are_done_again(scenes: Scenes) -> None:
    for image, version in (("1", "old"), ("2", "new"), ("3", "old")):
        scenes.state.fingerprints.save_image(ImageFingerprint(image, version, ()))
    scenes.broken["1"] = NotInStash("Image not found")
    scenes.ids = []
    done = scenes.run()
    assert (done.status, scenes.images) == (Status.COMPLETED, ["1", "3"])
    assert scenes.state.fingerprints.stale_images("new") == ("1",)


def test_one_bad_scene_is_noted_and_tried_again_next_time(scenes: Scenes) -> None:
    scenes.broken["5"] = NoFingerprint("No frame could be read")
    done = scenes.run()
    assert done.status is Status.COMPLETED
    bad = scenes.state.fingerprints.scene("5")
    assert bad is not None
    assert (bad.status, bad.error) == ("error", "No frame could be read")
    tally = read_tally(done.cursor)
    assert (tally.successful, tally.failed) == (11, 1)
    scenes.broken.clear()
    scenes.run()
    assert scenes.asked[12:] == ["5"]
    assert scenes.state.fingerprints.counts("new").error == 0


def test_when_everything_fails_the_job_fails_and_begins_there_the_next_time(scenes: Scenes) -> None:
    scenes.ids = [str(n) for n in range(1, 101)]
    scenes.broken = {str(n): StashUnreachable("Stash is away", late=False) for n in range(21, 101)}
    failed = scenes.run()
    assert failed.status is Status.FAILED
    assert failed.error_message == "10 in a row failed, the last: Stash is away"
    assert len(scenes.asked) == 30
    scenes.broken.clear()
    scenes.run(cursor=failed.cursor)
    assert scenes.asked[30:] == [str(n) for n in range(21, 101)]


def test_scenes_that_are_gone_are_nobodys_failure(scenes: Scenes) -> None:
    scenes.broken = {each: NotInStash("Scene not found or has no files") for each in scenes.ids}
    assert scenes.run().status is Status.COMPLETED


def test_a_stash_that_does_not_answer_fails_the_job(scenes: Scenes) -> None:
    scenes.broken["list"] = StashUnreachable("Stash does not answer", late=True)
    failed = scenes.run()
    assert (failed.status, failed.error_message) == (Status.FAILED, "Stash does not answer")


def test_people_come_first_and_the_job_waits(scenes: Scenes) -> None:
    tries = 0

    async def busy(scene: str) -> None:
        nonlocal tries
        tries += scene == "2"
        if scene == "2" and tries < 4:
            raise Busy

    scenes.before = busy
    assert scenes.run().status is Status.COMPLETED
    assert (tries, scenes.state.fingerprints.counts("new").current) == (4, 12)


def test_without_a_database_it_waits_and_then_says_so(scenes: Scenes) -> None:
    scenes.version = None
    failed = scenes.run(patience_s=0.05)
    assert failed.error_message == "No face database is loaded; /ready says why"


def test_another_database_in_the_middle_begins_again(scenes: Scenes) -> None:
    async def swap(scene: str) -> None:
        if scene == "6" and scenes.version == "new":
            scenes.version = "newer"

    scenes.before = swap
    assert scenes.run().status is Status.COMPLETED
    assert scenes.state.fingerprints.counts("newer").current == 12
    assert scenes.asked == [*map(str, range(1, 7)), *map(str, range(1, 6)), *map(str, range(7, 13))]


def test_a_shutdown_in_the_middle_goes_on_behind_the_last_scene(scenes: Scenes) -> None:
    async def work() -> None:
        queue = scenes.queue()
        reached = asyncio.Event()

        async def hold(scene: str) -> None:
            if scene == "7":
                reached.set()
                await asyncio.sleep(60)

        scenes.before = hold
        queue.submit(FINGERPRINT_GENERATION.type)
        await queue.start()
        await asyncio.wait_for(reached.wait(), 120)
        await queue.close()
        (left,) = queue.jobs.active()
        assert left.status is Status.QUEUED
        assert (left.items_processed, read_tally(left.cursor).after) == (6, 6)

    asyncio.run(work())
    scenes.before = None
    done = scenes.run()
    assert done.status is Status.COMPLETED
    assert scenes.asked == [*map(str, range(1, 8)), *map(str, range(7, 13))]
    assert (done.items_processed, done.items_total) == (12, 12)
