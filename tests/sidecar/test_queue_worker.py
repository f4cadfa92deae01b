"""The queue over real files: jobs that run, stop, fail, and outlive their processes."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facedb_sidecar.queue import Handler, Job, JobControl, JobFailed, JobKind, Queue, Status, UnknownType
from facedb_sidecar.queue.worker import Pace
from facedb_sidecar.state import StateStore

CHILD = Path(__file__).resolve().parents[1] / "state_child.py"
PACE = Pace(tick=0.02, lease=0.3, grace=0.3)
LONG = JobKind("long", "Long", "gpu", 50, schedulable=True, default_interval_hours=24)
SHORT = JobKind("short", "Short", "gpu", 10, schedulable=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stash_sense.db"


@pytest.fixture
def state(path: Path) -> Iterator[StateStore]:
    store = StateStore.open(path)
    yield store
    store.close()


@asynccontextmanager
async def running(state: StateStore, **handlers: Handler) -> AsyncIterator[Queue]:
    queue = Queue(state, pace=PACE)
    for kind in (LONG, SHORT):
        if kind.type in handlers:
            queue.register(kind, handlers[kind.type])
    await queue.start()
    try:
        yield queue
    finally:
        await queue.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition over the table."""
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.01)


def job_of(queue: Queue, number: int) -> Job:
    found = queue.jobs.get(number)
    assert found is not None
    return found


def status_of(queue: Queue, number: int) -> Status:
    return job_of(queue, number).status


def submitted(queue: Queue, kind: str = "long", cursor: str | None = None) -> int:
    number = queue.submit(kind, cursor=cursor)
    assert number is not None
    return number


async def waits(job: Job, control: JobControl) -> None:
    await control.wait(60)


async def ignores(job: Job, control: JobControl) -> None:
    await asyncio.sleep(60)


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())  # type: ignore[arg-type]


def test_a_job_runs_and_its_row_tells_how_far_it_is(state: StateStore) -> None:
    async def handler(job: Job, control: JobControl) -> None:
        assert job.cursor == "here"
        await control.progress(1, 4)
        await control.save_cursor("there", 3)
        await control.progress(4, 4)

    async def work() -> None:
        async with running(state, long=handler) as queue:
            number = submitted(queue, cursor="here")
            assert queue.submit("long") is None
            await until(lambda: status_of(queue, number) is Status.COMPLETED)
            done = job_of(queue, number)
            assert (done.items_processed, done.items_total, done.cursor) == (4, 4, "there")
            assert done.started_at
            assert done.completed_at
            assert done.error_message is None
            assert queue.submit("long")

    run(work)


def test_a_type_that_nobody_runs_is_refused(state: StateStore) -> None:
    with pytest.raises(UnknownType, match="Unknown job type: nonsense"):
        Queue(state).submit("nonsense")


def test_a_failed_job_says_why_and_the_next_one_runs(state: StateStore) -> None:
    async def refuses(job: Job, control: JobControl) -> None:
        raise JobFailed("Stash does not answer")

    async def breaks(job: Job, control: JobControl) -> None:
        raise ValueError("surprise")

    async def work() -> None:
        async with running(state, long=refuses, short=breaks) as queue:
            first, second = submitted(queue), submitted(queue, "short")
            await until(lambda: status_of(queue, first) is status_of(queue, second) is Status.FAILED)
            assert job_of(queue, first).error_message == "Stash does not answer"
            assert job_of(queue, second).error_message == "ValueError: surprise"

    run(work)


def test_one_resource_runs_one_job_the_most_urgent_first(state: StateStore) -> None:
    order: list[str] = []

    async def notes(job: Job, control: JobControl) -> None:
        order.append(f"{job.type} begins")
        await asyncio.sleep(0.05)
        order.append(f"{job.type} ends")

    async def work() -> None:
        queue = Queue(state, pace=PACE)
        for kind in (LONG, SHORT):
            queue.register(kind, notes)
        submitted(queue)
        submitted(queue, "short")
        await queue.start()
        await until(lambda: len(order) == 4)
        await queue.close()
        assert order == ["short begins", "short ends", "long begins", "long ends"]

    run(work)


def test_a_queued_job_is_cancelled_and_a_running_one_stops(state: StateStore) -> None:
    async def work() -> None:
        async with running(state, long=waits, short=waits) as queue:
            first = submitted(queue)
            await until(lambda: status_of(queue, first) is Status.RUNNING)
            second = submitted(queue, "short")
            cancelled = queue.stop(second)
            assert cancelled is not None
            assert cancelled.status is Status.CANCELLED
            queue.stop(first)
            await until(lambda: status_of(queue, first) is Status.CANCELLED)
            assert queue.stop(first) == job_of(queue, first)
            assert queue.stop(99) is None
            assert queue.jobs.clear_history() == 2

    run(work)


def test_a_job_that_does_not_stop_is_cut_off_the_second_time(state: StateStore) -> None:
    async def work() -> None:
        async with running(state, long=ignores) as queue:
            first = submitted(queue)
            await until(lambda: status_of(queue, first) is Status.RUNNING)
            asked = queue.cancel(first)
            assert asked is not None
            assert asked.status is Status.STOPPING
            queue.cancel(first)
            assert status_of(queue, first) is Status.CANCELLED
            await until(lambda: not queue._running)

    run(work)


@pytest.mark.parametrize("handler", [waits, ignores], ids=["stops in time", "is cut off"])
def test_a_shutdown_puts_jobs_back_and_the_next_process_goes_on(state: StateStore, handler: Handler) -> None:
    async def goes_on(job: Job, control: JobControl) -> None:
        assert job.cursor == "half"

    async def saves(job: Job, control: JobControl) -> None:
        await control.save_cursor("half", 5, 10)
        await handler(job, control)

    async def work() -> None:
        async with running(state, long=saves) as queue:
            number = submitted(queue)
            await until(lambda: job_of(queue, number).cursor == "half")
        assert status_of(queue, number) is Status.QUEUED
        assert job_of(queue, number).attempts == 0
        async with running(state, long=goes_on) as queue:
            await until(lambda: status_of(queue, number) is Status.COMPLETED)

    run(work)


def test_two_pods_run_a_job_once_and_the_second_takes_over_when_the_first_leaves(path: Path) -> None:
    ran: list[str] = []

    def noting(name: str) -> Handler:
        async def handler(job: Job, control: JobControl) -> None:
            ran.append(name)
            await control.wait(60)

        return handler

    async def work() -> None:
        old_state, new_state = StateStore.open(path), StateStore.open(path)
        async with running(new_state, long=noting("new")) as new:
            async with running(old_state, long=noting("old")) as old:
                number = submitted(old)
                await until(lambda: ran)
                first = ran[0]
                # Longer than the lease: the holder is alive, so the other one waits.
                await asyncio.sleep(2 * PACE.lease)
                assert ran == [first]
            await until(lambda: status_of(new, number) is Status.RUNNING and ran[-1] == "new")
        old_state.close()
        new_state.close()

    run(work)


def test_an_idle_queue_writes_nothing(state: StateStore, path: Path) -> None:
    async def work() -> None:
        async with running(state, long=waits):
            await asyncio.sleep(5 * PACE.tick)
            before = path.stat().st_mtime_ns
            await asyncio.sleep(PACE.lease)
            assert path.stat().st_mtime_ns == before

    run(work)


def test_a_worker_that_was_thought_dead_cannot_write_over_its_successor(state: StateStore) -> None:
    async def work() -> None:
        async with running(state, long=waits) as queue:
            number = submitted(queue)
            await until(lambda: status_of(queue, number) is Status.RUNNING)
            with state.database.write() as connection:
                connection.execute("UPDATE facedb_jobs SET owner = 'successor' WHERE id = ?", (number,))
            await until(lambda: not queue._running)
            assert job_of(queue, number).owner == "successor"
            assert status_of(queue, number) is Status.RUNNING
            assert not queue.jobs.finish(number, queue.owner, Status.COMPLETED)

    run(work)


def test_a_killed_process_is_followed_and_its_job_goes_on_from_its_cursor(
    path: Path, state: StateStore
) -> None:
    seen: list[tuple[str | None, int]] = []

    async def goes_on(job: Job, control: JobControl) -> None:
        seen.append((job.cursor, job.items_processed))

    async def work() -> None:
        async with running(state, long=goes_on) as queue:
            await until(lambda: seen)
            assert seen == [("from the child", 3)]
            await until(lambda: status_of(queue, 1) is Status.COMPLETED)

    Queue(state).jobs.submit("long", "user", 50, None)
    command = [sys.executable, str(CHILD), "work", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == "running"
        child.send_signal(signal.SIGKILL)
    run(work)


def test_a_job_that_takes_its_process_with_it_is_given_up(state: StateStore) -> None:
    async def work() -> None:
        jobs = Queue(state).jobs
        number = jobs.submit("long", "user", 50, None)
        assert number is not None
        for process in range(3):
            assert jobs.start(number, f"dead-{process}")
            async with running(state) as queue:
                await until(lambda: status_of(queue, number) is not Status.RUNNING)
        assert status_of(queue, number) is Status.FAILED
        assert "ended several times" in str(job_of(queue, number).error_message)

    run(work)


def test_a_schedule_queues_its_job_when_its_time_has_come(path: Path) -> None:
    now = datetime(2026, 2, 18, 9, 30, tzinfo=UTC)
    stores = [StateStore.open(path, clock=lambda: now) for _ in range(2)]
    first, second = (Queue(store) for store in stores)
    first.schedules.seed([LONG, SHORT])
    (seeded,) = second.schedules.all()
    assert not seeded.enabled
    first.schedules.put("long", enabled=True, interval=timedelta(hours=24), priority=7)
    first.schedules.seed([LONG])
    assert first.schedules.queue_due({"long"}) == ()
    now += timedelta(hours=24)
    assert first.schedules.queue_due(set()) == ()
    assert first.schedules.queue_due({"long"}) == ("long",)
    assert second.schedules.queue_due({"long"}) == ()
    (queued,) = second.jobs.active()
    assert (queued.type, queued.priority, queued.triggered_by) == ("long", 7, "schedule")
    # Asleep for a month with the job still there: passed over, and due once more later.
    now += timedelta(days=30)
    assert first.schedules.queue_due({"long"}) == ()
    now += timedelta(hours=24)
    first.jobs.stop(queued.id)
    assert second.schedules.queue_due({"long"}) == ("long",)
    for store in stores:
        store.close()


def test_history_is_bounded(state: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facedb_sidecar.queue.jobs.HISTORY", 3)
    jobs = Queue(state).jobs
    for _ in range(6):
        number = jobs.submit("long", "user", 1, None)
        assert number is not None
        jobs.start(number, "me")
        jobs.finish(number, "me", Status.COMPLETED)
    assert [job.id for job in jobs.find()] == [6, 5, 4]
