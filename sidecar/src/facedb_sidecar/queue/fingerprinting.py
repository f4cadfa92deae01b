"""The job `fingerprint_generation`: every scene that the loaded database has not seen is identified once.

Scenes in the order of their ids, so that a process that comes after this one goes on behind the last; then
the images that somebody had identified with another database. It yields to people: while the sidecar is busy
or updates itself, it waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

from facedb_sidecar.queue.control import JobControl, JobFailed
from facedb_sidecar.queue.jobs import Job
from facedb_sidecar.queue.tally import Tally, read_tally
from facedb_sidecar.refusals import Refusal
from facedb_sidecar.stash.errors import StashError
from facedb_sidecar.stash_refusals import NoFfmpeg, NotInStash, Unusable
from facedb_sidecar.state import SceneFingerprint
from facedb_sidecar.state.fingerprints import Fingerprints

PAGE = 1000
# So many failures one after the other are not the scenes' fault; those of OWN_FAULT are.
MOST_FAILURES = 10
OWN_FAULT = (NotInStash, Unusable)
WAIT_S = 5.0
PATIENCE_S = 1800.0

log = logging.getLogger(__name__)


class NoFingerprint(Exception):
    """The analysis ended without one; the message says why."""


class Page(Protocol):
    """Ids, smallest first, and how many there are on all pages."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Of this page."""

    @property
    def total(self) -> int:
        """Of all pages."""


@dataclass(frozen=True)
class Library:
    """What the job asks of the rest of the sidecar.

    Attributes:
        scene_ids: a page of scenes, from page 1. Raises StashError.
        analyse_scene: identify one and save its fingerprint.
        analyse_image: the same for an image.
        version: of the loaded database; None while none is loaded.
    """

    scene_ids: Callable[[int, int], Awaitable[Page]]
    analyse_scene: Callable[[str, Tally], Awaitable[None]]
    analyse_image: Callable[[str], Awaitable[None]]
    version: Callable[[], str | None]


class Fingerprinting:
    """The handler.

    Args:
        library: see Library.
        fingerprints: where results are saved.
        wait_s: between two tries while the sidecar is busy.
        patience_s: after this time without an engine the job fails.
    """

    def __init__(
        self,
        library: Library,
        fingerprints: Fingerprints,
        *,
        wait_s: float = WAIT_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._library = library
        self._fingerprints = fingerprints
        self._wait_s = wait_s
        self._patience_s = patience_s

    async def __call__(self, job: Job, control: JobControl) -> None:
        """Run it.

        Raises:
            JobFailed: Stash does not answer, no database is loaded, or everything fails.
        """
        tally = read_tally(job.cursor)
        while not control.should_stop:
            version = await self._version(control)
            if version is None:
                return
            if tally.version != version:
                # Another database, also in the middle of the job: begin again.
                tally = replace(tally, version=version, after=-1, successful=0, failed=0)
            run = _Run(self._library, self._fingerprints, control, tally, self._wait_s)
            tally = await run.scenes_and_images()
            if self._library.version() == version:
                return

    async def _version(self, control: JobControl) -> str | None:
        """Of the loaded database; waits for one; None: the job should stop."""
        waited = 0.0
        while (version := self._library.version()) is None:
            if waited >= self._patience_s:
                raise JobFailed("No face database is loaded; /ready says why")
            if await control.wait(self._wait_s):
                return None
            waited += self._wait_s
        return version


class _Run:
    """One pass over the library with one database."""

    def __init__(
        self, library: Library, fingerprints: Fingerprints, control: JobControl, tally: Tally, wait_s: float
    ) -> None:
        self._library = library
        self._fingerprints = fingerprints
        self._control = control
        self._tally = tally
        self._wait_s = wait_s
        self._version = str(tally.version)
        self._total = 0
        self._in_a_row = 0

    async def scenes_and_images(self) -> Tally:
        """Do what is to do, until done, stopped, or another database is loaded."""
        scenes = await self._scenes_to_do()
        images = await asyncio.to_thread(self._fingerprints.stale_images, self._version)
        self._total = self._tally.tried + len(scenes) + len(images)
        await self._control.save_cursor(self._tally.to_text(), self._tally.tried, self._total)
        for scene in scenes:
            if self._over():
                return self._tally
            await self._scene(scene)
        for image in images:
            if self._over():
                return self._tally
            await self._image(image)
        await self._control.save_cursor(self._tally.to_text(), self._tally.tried, self._total)
        return self._tally

    def _over(self) -> bool:
        return self._control.should_stop or self._library.version() != self._version

    async def _scenes_to_do(self) -> tuple[str, ...]:
        ids = await self._all_scenes()
        done = await asyncio.to_thread(self._seen)
        missing = [each for each in ids if each not in done]
        self._tally = replace(self._tally, skipped=len(ids) - len(missing))
        return tuple(each for each in missing if _place(each) > self._tally.after)

    def _seen(self) -> frozenset[str]:
        if self._tally.refresh_outdated:
            return self._fingerprints.scenes_of(self._version)
        return self._fingerprints.complete_scenes()

    async def _all_scenes(self) -> tuple[str, ...]:
        ids: dict[str, None] = {}
        page = 0
        try:
            while not self._control.should_stop:
                page += 1
                found = await self._library.scene_ids(page, PAGE)
                before = len(ids)
                ids |= dict.fromkeys(found.ids)
                # A page that is repeated for ever must not keep the job going for ever.
                if len(found.ids) < PAGE or len(ids) == before:
                    break
        except StashError as error:
            raise JobFailed(str(error)) from error
        return tuple(sorted(ids, key=_place))

    async def _scene(self, scene: str) -> None:
        error = await self._patiently(lambda: self._library.analyse_scene(scene, self._tally))
        if error is None and self._over():
            # Stopped before it was done, or done with the next database; either is seen to later.
            return
        if error is not None:
            failed = SceneFingerprint(scene, self._version, 0, (), "error", _says(error))
            await asyncio.to_thread(self._fingerprints.save_scene, failed)
        await self._count(error, after=_place(scene))

    async def _image(self, image: str) -> None:
        error = await self._patiently(lambda: self._library.analyse_image(image))
        if error is not None or not self._over():
            await self._count(error, after=self._tally.after)

    async def _count(self, error: Exception | None, *, after: int) -> None:
        if error is None:
            self._tally = replace(self._tally, successful=self._tally.successful + 1, after=after)
        else:
            self._tally = replace(self._tally, failed=self._tally.failed + 1, after=after)
        fine = error is None or isinstance(error, OWN_FAULT)
        self._in_a_row = 0 if fine else self._in_a_row + 1
        if error is not None and self._in_a_row >= MOST_FAILURES:
            # The cursor still stands before them: a retry begins there.
            raise JobFailed(f"{MOST_FAILURES} in a row failed, the last: {_says(error)}")
        if self._in_a_row == 0:
            await self._control.save_cursor(self._tally.to_text(), self._tally.tried, self._total)
        else:
            await self._control.progress(self._tally.tried, self._total)

    async def _patiently(self, work: Callable[[], Awaitable[None]]) -> Exception | None:
        """Run it, and again while the sidecar is busy; returns why it failed.

        Raises:
            JobFailed: no scene can be looked at.
        """
        while not self._over():
            try:
                await work()
            except NoFfmpeg as error:
                raise JobFailed(str(error)) from error
            except Refusal as refusal:
                if refusal.status != 503:
                    return refusal
                # People come first.
                await self._control.wait(self._wait_s)
            except (NoFingerprint, StashError) as error:
                return error
            except Exception as error:
                # The edge of one scene: its fault must not end the job for all others.
                log.exception("A scene or image was not analysed")
                return error
            else:
                return None
        return None


def _says(error: Exception) -> str:
    return str(error) or type(error).__name__


def _place(scene: str) -> int:
    """Where an id stands; Stash's are numbers."""
    return int(scene) if scene.isascii() and scene.isdigit() else 0
