"""Going back at home: to a release on the disk, without a network, and not forward again by itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater import InProgress, NotKept, machine
from facedb_sidecar.updater.machine import State, Status
from facedb_sidecar.updater.note import read_note, write_note
from updating import (
    NEW,
    NEWER,
    OLD,
    Gate,
    Published,
    Running,
    data_of,
    forget_checks,
    held,
    light_load,
    play,
    pointed,
    refusing,
    serves,
    versions,
    with_updates,
)

AWAY = 1_000_000
# Bytes a second: the small archive takes seconds, each of them with some bytes.
SLOW = 50_000


async def went_back(run: Running, version: str) -> Status:
    job = await run.local.rollback(version)
    assert len(job) == 12
    return (await run.until_over()).status


@pytest.fixture
def updated(installed: Settings, source: Published) -> Settings:
    """NEW serves, OLD is kept, and the source is away."""

    async def story(run: Running) -> None:
        assert (await run.update()).status is Status.COMPLETE
        assert (await run.local.overview()).kept == (OLD,)

    play(installed, story)
    source.server.faults.fail_times = AWAY
    return installed


def test_a_kept_release_serves_again_without_a_source_also_after_a_restart(
    updated: Settings, source: Published
) -> None:
    asked = len(source.server.seen)

    async def story(run: Running) -> None:
        assert await went_back(run, OLD) is Status.COMPLETE
        found = await run.local.overview()
        assert (run.version, pointed(updated)) == (OLD, OLD)
        assert (found.kept, found.action, found.failure) == ((NEW,), "update", None)

    play(updated, story)
    play(updated, serves(OLD))
    assert versions(updated) == {OLD, NEW}
    assert len(source.server.seen) == asked


def test_what_was_left_is_offered_with_the_reason_and_taken_when_somebody_asks(
    updated: Settings, source: Published
) -> None:
    async def story(run: Running) -> None:
        await went_back(run, OLD)
        source.server.faults.fail_times = 0
        forget_checks(data_of(updated))
        # A schedule leaves alone what a check calls refused.
        assert (await run.local.check()).refused is not None
        assert (await run.update()).status is Status.COMPLETE
        assert run.version == NEW
        assert (await run.local.check()).refused is None
        assert read_note(data_of(updated)).left is None

    play(updated, story)


def test_a_version_that_is_not_kept_is_refused_with_those_that_are(updated: Settings) -> None:
    async def story(run: Running) -> None:
        for version in (NEWER, NEW, "../../etc", ""):
            with pytest.raises(NotKept, match=f"Kept beside the one that serves: {OLD}"):
                await run.local.rollback(version)
        # The lock was given back each time.
        assert await went_back(run, OLD) is Status.COMPLETE

    play(updated, story)


def test_while_an_update_runs_nobody_goes_back(installed: Settings) -> None:
    gate = Gate()

    async def story(run: Running) -> None:
        await run.local.start()
        await asyncio.to_thread(gate.reached.wait, 30)
        during = await run.local.overview()
        assert (during.action, during.why_not) == (None, "An update is under way.")
        with pytest.raises(InProgress):
            await run.local.rollback(OLD)
        gate.opened.set()
        await run.until_over()

    play(installed, story, load=held(gate, NEW))


def test_a_kept_release_that_does_not_load_leaves_what_serves(updated: Settings) -> None:
    async def story(run: Running) -> None:
        assert await went_back(run, OLD) is Status.FAILED
        assert (run.version, pointed(updated)) == (NEW, NEW)
        found = await run.local.overview()
        assert found.failure is not None
        assert (found.failure.version, found.failure.reason) == (OLD, "CorruptIndex")
        # It is bad, and gone: to try that again would be in vain.
        assert (found.kept, found.action) == ((), "update")
        with pytest.raises(NotKept, match=f"{OLD} is not kept"):
            await run.local.retry()

    play(updated, story, load=refusing(OLD))


def test_another_try_of_a_way_back_that_failed_goes_back_and_not_forward(
    updated: Settings, source: Published
) -> None:
    fails = [LoadError("InUse", "An import changes the folder.")]

    def load(folder: Path) -> Engine:
        if folder.name == OLD and fails:
            raise fails.pop()
        return light_load(folder)

    async def story(run: Running) -> None:
        source.server.faults.fail_times = 0
        source.publish(NEWER)
        forget_checks(data_of(updated))
        assert await went_back(run, OLD) is Status.FAILED
        found = await run.local.overview()
        assert (found.kept, found.action) == ((OLD,), "retry")
        assert found.failure is not None
        assert (found.failure.version, found.failure.reason) == (OLD, "InUse")
        await run.local.retry()
        assert (await run.until_over()).status is Status.COMPLETE
        assert run.version == OLD

    play(updated, story, load=load)


def test_a_process_that_ends_on_the_way_back_goes_on_with_it_and_needs_no_source(updated: Settings) -> None:
    going = machine.going_back(State(), job_id="0" * 12, target=OLD)
    write_note(data_of(updated), machine.moved(going, Status.RELOADING))

    async def story(run: Running) -> None:
        assert (await run.until_over()).status is Status.COMPLETE
        assert (run.version, read_note(data_of(updated)).left) == (OLD, NEW)

    play(updated, story)


@pytest.mark.parametrize(("memory", "expected"), [("two", "none"), ("one", "certain")])
def test_the_overview_says_whether_an_update_interrupts(
    installed: Settings, memory: str, expected: str
) -> None:
    async def story(run: Running) -> None:
        gap = (await run.local.overview()).interruption
        assert gap.expected == expected
        assert (gap.seconds is None) == (expected == "none")

    play(with_updates(installed, memory=memory), story)


def test_bytes_are_shown_while_they_come_and_no_longer(installed: Settings, source: Published) -> None:
    source.server.faults.bytes_per_second = SLOW
    known: list[tuple[int, int]] = []

    async def story(run: Running) -> None:
        await run.local.start()
        while (found := (await run.local.overview()).rollout).status.status in machine.ACTIVE:
            if found.bytes_done is not None and found.bytes_total is not None:
                known.append((found.bytes_done, found.bytes_total))
                source.server.faults.bytes_per_second = None
            await asyncio.sleep(0)
        assert (await run.until_over()).status is Status.COMPLETE
        assert (await run.local.overview()).rollout.bytes_done is None

    play(installed, story)
    assert known
    assert all(0 <= done <= total for done, total in known)
