"""The local backend: fetch a release into DATA_DIR, load it beside the old one, swap, and tidy up.

`facedb fetch` fills and verifies a folder of its own; Serving loads a second engine, which checks itself;
only then the pointer moves. Whatever fails or ends the process, the release before is whole and serves.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from facedb_release.errors import ReleaseError
from facedb_release.progress import Phase
from facedb_release.receipt import read_receipt
from facedb_release.sources.offers import Available
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.serving import Serving
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater import (
    AnotherVersion,
    Check,
    InProgress,
    NotKept,
    Unreachable,
    UpdateStatus,
    UpToDate,
    machine,
)
from facedb_sidecar.updater.fetching import Failed, fetch
from facedb_sidecar.updater.holding import hold
from facedb_sidecar.updater.loading import NOT_THE_RELEASE, Held, LoadFolder
from facedb_sidecar.updater.machine import State, Status
from facedb_sidecar.updater.memory import two_fit
from facedb_sidecar.updater.note import read_note, write_note
from facedb_sidecar.updater.offers import Offers, check_of
from facedb_sidecar.updater.overview import Overview
from facedb_sidecar.updater.overview_local import interruption_of, overview_of
from facedb_sidecar.updater.releases import Releases, Taken, version_of

INSTALL_AGAIN_S = 60.0
# The plugin waits 10 s for the answer.
BEGIN_WITHIN_S = 8.0

log = logging.getLogger(__name__)
Step = Callable[[str], None]


class Local:
    """See the module.

    Args:
        settings: of the process.
        releases: of its DATA_DIR.
        offers: of the source.
        serving: what the new engine is swapped into.
        load: a folder → its engine.
        step: is told of every step; tests die there.
    """

    def __init__(
        self,
        settings: Settings,
        releases: Releases,
        offers: Offers,
        serving: Serving,
        load: LoadFolder,
        *,
        step: Step = lambda _: None,
    ) -> None:
        self._settings = settings
        self._releases = releases
        self._offers = offers
        self._serving = serving
        self._load = load
        self._step = step
        # What the last process left; `begin` goes on with it once the first engine is loaded.
        self._state = read_note(releases.data)
        self._begun = asyncio.Event()
        self._starting = asyncio.Lock()
        self._run: asyncio.Task[None] | None = None
        self._installing: asyncio.Task[None] | None = None
        # Bytes of the release that is fetched, and of how many.
        self._received: tuple[int, int | None] | None = None

    async def begin(self) -> None:
        """Go on with an update that was cut off; else, where wanted, install the first release."""
        try:
            await self._take_up()
        except (Taken, OSError) as error:
            log.warning("No updates for now: %s", error)
            # What the note says is another process's.
            self._state = State()
        finally:
            self._begun.set()

    async def _take_up(self) -> None:
        """Go on from the note.

        Raises:
            Taken: another process changes the releases.
            OSError: DATA_DIR cannot be written.
        """
        held = ExitStack()
        await asyncio.to_thread(held.enter_context, self._releases.changing())
        noted = await asyncio.to_thread(read_note, self._releases.data)
        if noted.active and noted.target is not None and noted.target == await self._current():
            # Everything but the last note was done.
            left = machine.completed(noted)
        else:
            left = machine.taken_up(noted)
        if left.active:
            log.info("Going on with the update to %s", left.target)
            self._launch(left, held)
            return
        await self._enter(left)
        with held:
            await asyncio.to_thread(self._tidy)
        if self._settings.updates.install and self._serving.engine is None:
            self._installing = asyncio.create_task(self._install())

    async def check(self) -> Check:
        """Compare the source's newest release with the installed one."""
        current = await self._current()
        try:
            newest = await asyncio.to_thread(self._offers.newest)
        except ReleaseError as error:
            return Check(current_version=current, error=error.message)
        if newest is None:
            return Check(current_version=current, error=f"{self._offers.described} offers no release.")
        refused = machine.refusal(self._state, newest.version.text, newest.digest)
        return check_of(newest, current, refused)

    async def start(self, version: str | None = None) -> str:
        """Begin to bring the newest release."""
        async with self._starting:
            if self._state.active:
                raise InProgress
            await self._require_begun()
            newest = await self._wanted(version)
            held = await hold(self._releases)
            # Another sidecar on this DATA_DIR may have learnt what is bad.
            known = await asyncio.to_thread(read_note, self._releases.data)
            job = secrets.token_hex(6)
            state = replace(known, status=Status.IDLE)
            text, digest = newest.version.text, newest.digest
            self._launch(machine.begun(state, job_id=job, target=text, digest=digest), held)
            return job

    async def retry(self) -> str:
        """Go back once more where that failed; else, the newest release is tried again, too."""
        if (last := self._state).status is Status.FAILED and last.back and last.target is not None:
            return await self.rollback(last.target)
        return await self.start()

    async def rollback(self, version: str) -> str:
        """Let a kept release serve again, without a network."""
        async with self._starting:
            if self._state.active:
                raise InProgress
            await self._require_begun()
            held = await hold(self._releases)
            if version not in (there := await self._kept()):
                held.close()
                raise NotKept(version, there)
            known = replace(await asyncio.to_thread(read_note, self._releases.data), status=Status.IDLE)
            job = secrets.token_hex(6)
            self._launch(machine.going_back(known, job_id=job, target=version), held)
            return job

    async def status(self) -> UpdateStatus:
        """How far it is."""
        now = self._state
        return UpdateStatus(now.status, now.progress_pct, await self._current(), now.target, now.error)

    async def overview(self) -> Overview:
        """What a page shows."""
        now, kept = await self.status(), await self._kept()
        serving, current = self._serving, await asyncio.to_thread(self._releases.current)
        alone = current is not None and await asyncio.to_thread(self._alone, current)
        gap = interruption_of(
            serving=serving.engine is not None, alone=alone, loaded_in_s=serving.loaded_in_s
        )
        return overview_of(self._state, now, self._received, kept, gap)

    async def close(self) -> None:
        """Stop; the note says where, and what was downloaded stays."""
        for task in (self._installing, self._run):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _require_begun(self) -> None:
        """Wait a little for the first load, which changes the releases, too.

        Raises:
            Unreachable: it takes longer than clients wait.
        """
        try:
            await asyncio.wait_for(self._begun.wait(), BEGIN_WITHIN_S)
        except TimeoutError as error:
            raise Unreachable("The release is still being loaded; try again in a minute.") from error

    async def _wanted(self, version: str | None) -> Available:
        """The newest release, when it is news, and is the version that somebody saw, if any.

        Raises:
            UpToDate, AnotherVersion, Unreachable.
        """
        try:
            newest = await asyncio.to_thread(self._offers.newest)
        except ReleaseError as error:
            raise Unreachable(error.message) from error
        if newest is None:
            raise Unreachable(f"{self._offers.described} offers no release.")
        if not check_of(newest, await self._current(), None).update_available:
            raise UpToDate
        if version not in (None, newest.version.text):
            raise AnotherVersion(version, newest.version.text)
        return newest

    async def _current(self) -> str | None:
        """The version that serves, or without an engine the one that is installed."""
        if self._serving.engine is not None:
            return self._serving.engine.receipt.version
        folder = await asyncio.to_thread(self._releases.current)
        version = await asyncio.to_thread(version_of, folder) if folder else None
        return version.text if version else None

    def _launch(self, state: State, held: ExitStack) -> None:
        self._state = state
        self._run = asyncio.create_task(self._update(held))

    async def _update(self, held: ExitStack) -> None:
        """One update, from the first note to the last."""
        try:
            await self._note()
            before = await self._current()
            back, target = self._state.back, self._state.target or ""
            folder = self._releases.folder(target) if back else await self._fetch()
            error = await self._take_over(folder)
            await self._enter(machine.completed(self._state, error, before=before))
            log.info("Updated to %s", self._state.target)
        except Failed as failed:
            log.error("The update to %s failed: %s", self._state.target, failed)
            state = machine.failed(self._state, str(failed), bad=failed.bad, reason=failed.reason)
            await self._enter(state)
        except Exception as error:
            # The edge of the task: nobody awaits it, and its status must not say for ever that it runs.
            log.exception("A bug in the update")
            await self._enter(machine.failed(self._state, f"{type(error).__name__}: {error}", bad=False))
        finally:
            self._received = None
            with held:
                await asyncio.shield(asyncio.to_thread(self._tidy))

    async def _fetch(self) -> Path:
        """Bring the release into its folder, verified."""
        version = self._state.target or ""
        folder = self._releases.folder(version)
        previous = await asyncio.to_thread(self._releases.current)

        async def told(phase: Phase, done: int, total: int | None, file: str | None) -> None:
            if phase is Phase.DOWNLOADING:
                self._received = done, total
            await self._enter(machine.told(self._state, phase, done, total))

        self._step("fetching")
        await fetch(self._settings.updates, version, folder, previous, told)
        self._step("fetched")
        return folder

    async def _take_over(self, folder: Path) -> str | None:
        """Let the new release serve; return what keeps it from serving although it is installed."""
        await self._enter(machine.moved(self._state, Status.SWAPPING))
        new, alone = Held(self._load, folder), await asyncio.to_thread(self._alone, folder)
        await self._enter(machine.moved(self._state, Status.RELOADING))
        left = None
        try:
            await self._serving.swap(new.load, alone=alone, gone=new.gone)
        except LoadError as error:
            environment = error.reason in NOT_THE_RELEASE
            if not environment or self._serving.engine is not None:
                serves = self._serving.engine is not None
                after = " The release before still serves." if serves else ""
                raise Failed(error.reason, f"{error.message}{after}", bad=not environment) from error
            # Nothing served before, and the release is not to blame: it stays, and waits for its models.
            left = f"Installed, but not serving yet: {error.message}"
        self._step("swapped")
        await asyncio.to_thread(self._releases.point, folder)
        self._step("pointed")
        return left

    async def _kept(self) -> tuple[str, ...]:
        """Versions of the releases to go back to, the newest first."""
        serves, bad = await self._current(), {b.version for b in self._state.bad}
        whole = await asyncio.to_thread(self._releases.whole)
        return tuple(f.name for f in whole if f.name != serves and f.name not in bad)

    def _alone(self, folder: Path) -> bool:
        """Whether the old engine has to go before the new one is loaded."""
        if self._settings.updates.memory != "auto":
            return self._settings.updates.memory == "one"
        # The process that loaded both at once before may have been ended for its memory.
        return self._state.deaths_loading > 0 or not two_fit(read_receipt(folder), self._settings.models_dir)

    def _tidy(self) -> None:
        """Remove what is no longer needed. Blocks."""
        state = self._state
        current = self._releases.current()
        bad = {b.version for b in state.bad}
        half = state.target if state.status is not Status.COMPLETE and state.target not in bad else None
        needed = [current] if current else []
        try:
            self._releases.tidy(keep=self._settings.updates.keep, needed=needed, wanted=half, bad=bad)
        except OSError as error:
            log.warning("Old releases stay for now: %s", error)

    async def _enter(self, state: State) -> None:
        """Be in a state; a new word is noted, for the next process."""
        before, self._state = self._state, state
        if state.status is not before.status:
            await self._note()

    async def _note(self) -> None:
        try:
            await asyncio.to_thread(write_note, self._releases.data, self._state)
        except OSError as error:
            log.warning("The state of the update is not noted: %s", error)
        self._step(f"noted {self._state.status}")

    async def _install(self) -> None:
        """Install the first release, trying again until there is one."""
        while self._serving.engine is None and await self._current() is None:
            try:
                await self.start()
            except (Unreachable, InProgress) as error:
                log.warning("No release can be installed now: %s", error)
            except UpToDate:
                return
            if self._run is not None:
                await asyncio.wait([self._run])
            if self._state.bad:
                return
            await asyncio.sleep(INSTALL_AGAIN_S)
