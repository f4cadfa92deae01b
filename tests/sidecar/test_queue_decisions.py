"""Pure decisions of the queue: what runs next, what is due, whose the lease is, what a cursor means."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.queue import DATABASE_UPDATE, FINGERPRINT_GENERATION, Job, JobKind, Status
from facedb_sidecar.queue.decide import Schedule, TakenUp, due, next_jobs, planned, take_up
from facedb_sidecar.queue.kinds import SLOTS, words
from facedb_sidecar.queue.lease import Standing, Watched, standing
from facedb_sidecar.queue.tally import Tally, read_tally

NOW = datetime(2026, 2, 18, 9, 30, tzinfo=UTC)
KINDS = {
    f"{resource}-{n}": JobKind(f"{resource}-{n}", "", resource, 50, schedulable=True)
    for resource in SLOTS
    for n in range(4)
}


def job(number: int, kind: str, status: Status = Status.QUEUED, priority: int = 50) -> Job:
    return Job(number, kind, status, priority, None, None, 0, None, "user", "2026-02-18T09:30:00", None, None)


@st.composite
def queues(draw: st.DrawFn) -> list[Job]:
    """Active jobs, one of a type at most, that could have come about: no resource over its slots."""
    types = draw(st.lists(st.sampled_from([*KINDS, "of-a-newer-pod"]), unique=True))
    jobs, taken = [], Counter[str]()
    for number, kind in enumerate(types):
        status = draw(st.sampled_from([Status.QUEUED, Status.RUNNING, Status.STOPPING]))
        resource = KINDS[kind].resource if kind in KINDS else "none"
        if status is not Status.QUEUED and taken[resource] >= SLOTS.get(resource, 99):
            status = Status.QUEUED
        taken[resource] += status is not Status.QUEUED
        jobs.append(job(number, kind, status, draw(st.integers(0, 100))))
    return draw(st.permutations(jobs))


@given(queues())
def test_what_starts_is_queued_known_and_within_the_slots(jobs: list[Job]) -> None:
    started = next_jobs(jobs, KINDS)
    assert all(each.status is Status.QUEUED and each.type in KINDS for each in started)
    running = [each for each in jobs if each.status is not Status.QUEUED and each.type in KINDS]
    used = Counter(KINDS[each.type].resource for each in [*running, *started])
    assert all(used[resource] <= slots for resource, slots in SLOTS.items())


@given(queues())
def test_nobody_waits_while_there_is_a_slot_or_somebody_lesser_starts(jobs: list[Job]) -> None:
    started = next_jobs(jobs, KINDS)
    active = [each for each in jobs if each.status is not Status.QUEUED and each.type in KINDS]
    for waiting in (each for each in jobs if each.status is Status.QUEUED and each.type in KINDS):
        if waiting in started:
            continue
        resource = KINDS[waiting.type].resource
        used = Counter(KINDS[each.type].resource for each in [*active, *started])
        assert used[resource] == SLOTS[resource]
        rivals = [each for each in started if KINDS[each.type].resource == resource]
        assert all((each.priority, each.id) < (waiting.priority, waiting.id) for each in rivals)


@given(queues(), st.randoms())
def test_the_order_of_the_rows_does_not_matter(jobs: list[Job], random: object) -> None:
    assert next_jobs(sorted(jobs, key=lambda each: -each.id), KINDS) == next_jobs(jobs, KINDS)


def test_a_job_that_outlived_its_process_goes_on_is_cancelled_or_is_given_up() -> None:
    left = job(1, "gpu-0", Status.RUNNING)
    assert take_up(left) is TakenUp.AGAIN
    assert take_up(replace(left, status=Status.STOPPING)) is TakenUp.CANCELLED
    assert take_up(replace(left, attempts=2)) is TakenUp.AGAIN
    assert take_up(replace(left, attempts=3)) is TakenUp.GIVEN_UP


hours = st.integers(-1000, 1000).map(lambda n: NOW + timedelta(hours=n))
schedules = st.builds(
    Schedule,
    type=st.sampled_from(list(KINDS)),
    enabled=st.booleans(),
    interval=st.integers(1, 700).map(lambda n: timedelta(hours=n)),
    priority=st.integers(0, 100),
    last_run=st.none() | hours,
    next_run=st.none() | hours,
)


@given(st.lists(schedules))
def test_due_is_what_is_enabled_and_whose_time_has_come(all_of_them: list[Schedule]) -> None:
    found = due(all_of_them, NOW)
    assert all(s.enabled and s.next_run is not None and s.next_run <= NOW for s in found)
    assert len(found) == sum(s.enabled and s.next_run is not None and s.next_run <= NOW for s in all_of_them)
    times = [s.next_run for s in found if s.next_run]
    assert times == sorted(times)


@given(schedules)
def test_a_schedule_that_has_run_is_not_due_again_at_once(schedule: Schedule) -> None:
    ran = replace(schedule, last_run=NOW)
    ran = replace(ran, next_run=planned(ran, NOW))
    assert due([ran], NOW) == ()
    assert (ran.next_run is None) == (not schedule.enabled)
    assert len(due([ran], NOW + schedule.interval)) == schedule.enabled


@given(schedules)
def test_a_plan_is_never_in_the_past(schedule: Schedule) -> None:
    following = planned(schedule, NOW)
    assert following is None or following >= NOW


@given(st.floats(0, 1e6), st.integers(0, 9), st.integers(0, 9))
def test_a_lease_is_dead_only_when_its_beat_stood_still_long_enough(
    since: float, then: int, now: int
) -> None:
    watched = Watched("them", then, since)
    for waited in (0.0, 14.9, 15.1):
        found = standing(("them", now), "me", watched, now_s=since + waited, lasts_s=15.0)
        assert found is (Standing.DEAD if then == now and waited > 15 else Standing.THEIRS)
    assert standing(("them", now), "me", None, now_s=since, lasts_s=15.0) is Standing.THEIRS
    assert standing(("me", now), "me", watched, now_s=since + 99, lasts_s=15.0) is Standing.OURS
    assert standing(None, "me", watched, now_s=since, lasts_s=15.0) is Standing.FREE


def test_the_kinds_are_those_of_the_contract() -> None:
    assert (DATABASE_UPDATE.type, DATABASE_UPDATE.resource, DATABASE_UPDATE.priority) == (
        "database_update",
        "light",
        10,
    )
    assert DATABASE_UPDATE.schedulable
    assert DATABASE_UPDATE.default_interval_hours == 24
    assert FINGERPRINT_GENERATION.type == "fingerprint_generation"
    assert [words(h) for h in (6, 24, 48, 168, 720)] == [
        "Every 6 hours",
        "Every day",
        "Every 2 days",
        "Every week",
        "Every month",
    ]


tallies = st.builds(
    Tally,
    version=st.none() | st.text(),
    after=st.integers(),
    successful=st.integers(),
    failed=st.integers(),
    skipped=st.integers(),
    refresh_outdated=st.booleans(),
    num_frames=st.none() | st.integers(),
    min_face_size=st.none() | st.integers(),
    max_distance=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)


@given(tallies)
def test_a_cursor_says_what_was_put_into_it(tally: Tally) -> None:
    assert read_tally(tally.to_text()) == tally


@given(
    st.none()
    | st.text()
    | st.sampled_from(['{"after": "x", "failed": true}', "[1]", "{", "NaN", '{"version": 3}'])
)
def test_a_cursor_that_means_nothing_is_none(text: str | None) -> None:
    assert isinstance(read_tally(text).after, int)
    assert read_tally('{"after": "x", "failed": true, "version": 3}') == Tally()
