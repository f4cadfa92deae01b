"""Where an update is: only forward, and honest after a cut."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_release.progress import Phase
from facedb_sidecar.updater import machine
from facedb_sidecar.updater.machine import ACTIVE, Bad, State, Status
from facedb_sidecar.updater.note import NAME, read_note, write_note

BEGUN = machine.begun(State(), job_id="0" * 12, target="2026.02.18", digest="sha256:" + "a" * 64)

tellings = st.lists(
    st.tuples(
        st.sampled_from(Phase),
        st.integers(0, 2_000_000),
        st.none() | st.integers(0, 1_000_000),
    )
    | st.sampled_from(ACTIVE)
)
states = st.builds(
    State,
    status=st.sampled_from(Status),
    progress_pct=st.integers(0, 100),
    job_id=st.none() | st.text(max_size=12),
    target=st.none() | st.text(max_size=20),
    digest=st.none() | st.text(max_size=20),
    error=st.none() | st.text(),
    deaths=st.integers(0, 9),
    deaths_loading=st.integers(0, 9),
    bad=st.lists(st.builds(Bad, st.text(), st.none() | st.text(), st.text()), max_size=10).map(tuple),
)


@given(tellings)
def test_whatever_is_told_neither_word_nor_progress_goes_back(told: list[object]) -> None:
    state = BEGUN
    for one in told:
        before = state
        state = machine.moved(state, one) if isinstance(one, Status) else machine.told(state, *one)  # type: ignore[misc]
        assert ACTIVE.index(state.status) >= ACTIVE.index(before.status)
        assert before.progress_pct <= state.progress_pct <= 99
        assert state.progress_pct >= machine.BEGINS[state.status]
    assert machine.completed(state).progress_pct == 100


@pytest.mark.parametrize(
    ("phase", "done", "total", "status", "percent"),
    [
        (Phase.RESOLVING, 0, None, Status.DOWNLOADING, 0),
        (Phase.DOWNLOADING, 0, 1000, Status.DOWNLOADING, 0),
        (Phase.DOWNLOADING, 500, 1000, Status.DOWNLOADING, 15),
        (Phase.DOWNLOADING, 999, None, Status.DOWNLOADING, 0),
        (Phase.DOWNLOADING, 1000, 1000, Status.EXTRACTING, 50),
        (Phase.VERIFYING, 0, None, Status.VERIFYING, 50),
        (Phase.VERIFYING, 1000, 1000, Status.VERIFYING, 70),
    ],
)
def test_the_librarys_phases_become_the_contracts_words_and_percents(
    phase: Phase, done: int, total: int | None, status: Status, percent: int
) -> None:
    state = machine.told(BEGUN, phase, done, total)
    assert (state.status, state.progress_pct) == (status, percent)


def test_one_update_at_a_time() -> None:
    with pytest.raises(ValueError, match="under way"):
        machine.begun(BEGUN, job_id="1" * 12, target="2026.03.01", digest=None)


def test_a_refused_release_is_remembered_by_its_digest_until_it_works() -> None:
    failed = machine.failed(BEGUN, "corrupt", bad=True)

    assert machine.refusal(failed, "2026.02.18", BEGUN.digest) == "corrupt"
    assert machine.refusal(failed, "2026.02.18", None) == "corrupt"
    assert machine.refusal(failed, "2026.02.18", "sha256:" + "b" * 64) is None
    assert machine.refusal(failed, "2026.03.01", BEGUN.digest) is None
    again = machine.begun(failed, job_id="1" * 12, target="2026.02.18", digest=BEGUN.digest)
    assert machine.refusal(machine.completed(again), "2026.02.18", BEGUN.digest) is None


def test_trouble_that_may_pass_is_not_held_against_the_release() -> None:
    assert machine.failed(BEGUN, "source down", bad=False).bad == ()


def test_only_so_many_refusals_are_remembered() -> None:
    state = State()
    for day in range(1, 30):
        state = machine.begun(state, job_id="0" * 12, target=f"2026.01.{day:02}", digest=None)
        state = machine.failed(state, "bad", bad=True)
    assert len(state.bad) == machine.MOST_BAD
    assert state.bad[-1].version == "2026.01.29"


@given(states)
def test_what_ended_stays_ended_and_what_was_cut_begins_again_or_has_failed(state: State) -> None:
    left = machine.taken_up(state)
    if not state.active:
        assert left == state
    else:
        assert left.status in (Status.DOWNLOADING, Status.FAILED)
        assert left.deaths == state.deaths + 1


def test_a_process_that_dies_twice_while_loading_does_not_load_that_release_again() -> None:
    once = machine.taken_up(machine.moved(BEGUN, Status.RELOADING))
    twice = machine.taken_up(machine.moved(once, Status.SWAPPING))

    assert once.status is Status.DOWNLOADING
    assert twice.status is Status.FAILED
    assert twice.error is not None
    assert "ended 2 times" in twice.error
    assert machine.refusal(twice, "2026.02.18", None)


def test_a_process_that_keeps_dying_gives_up_at_last() -> None:
    state = BEGUN
    for _ in range(machine.MOST_DEATHS):
        state = machine.taken_up(state)
        assert state.active
    assert machine.taken_up(state).status is Status.FAILED


@settings(max_examples=30)
@given(states)
def test_the_note_says_what_was_written(state: State) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_note(folder, state)
        assert read_note(folder) == state


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"status": "dancing"}', "\x00" * 9])
def test_a_note_that_cannot_be_read_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    assert read_note(tmp_path) == State()
