"""Rollouts of many databases, spread by the operator's settings: at most so many, so far apart, in turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_operator import names
from facedb_operator.fleet import ASKS_EVERY, Admission, Key, Limits, standing_of, wants_to_begin
from facedb_operator.names import Reason
from facedb_operator.record import Good
from facedb_operator.settings import Settings
from facedb_operator.spec import FaceDatabase, parse_spec

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def database(
    name: str = "a",
    status: dict[str, Any] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> FaceDatabase:
    models = {
        "source": {"http": {"urls": ["https://models.example.org/{file}"]}},
        "files": [{"name": "m.onnx", "size": 1, "sha256": "0" * 64}],
    }
    body = {
        "metadata": {
            "name": name,
            "namespace": "x",
            "uid": f"uid-{name}",
            "generation": 1,
            "annotations": annotations or {},
        },
        "spec": {"version": "2026.02.18", "models": models, **spec},
        "status": status or {},
    }
    return parse_spec(body, default_image="sidecar")


def begun(db: FaceDatabase, at: datetime, state: str = "RollingOut") -> dict[str, Any]:
    """The status once a rollout of what the spec asks for is under way."""
    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    target = {"version": db.version, "revision": db.revision_key, "startedAt": stamp, "progressedAt": stamp}
    target["state"] = state
    return {"target": target}


def ended(at: datetime) -> dict[str, Any]:
    return {"history": [{"version": "2026.02.18", "startedAt": f"{at:%Y-%m-%dT%H:%M:%SZ}"}]}


def served(db: FaceDatabase) -> FaceDatabase:
    good = Good(db.version, None, db.claim_name, db.release_key, db.revision_key, "w")
    return replace(db, record=replace(db.record, last_good=good))


def test_without_settings_nobody_waits() -> None:
    admission = Admission(Limits())
    assert all(admission.ask(database(n), NOW).may_begin for n in "abc")


def test_what_was_admitted_counts_before_any_status_says_so() -> None:
    admission = Admission(Limits(most=1))
    assert admission.ask(database("a"), NOW).may_begin
    refused = admission.ask(database("b"), NOW)
    assert (refused.may_begin, refused.message) == (False, "1 of at most 1 rollouts are under way.")
    assert admission.ask(database("a"), NOW).may_begin


def test_what_still_fetches_takes_nobodys_turn() -> None:
    admission = Admission(Limits(most=1))
    a = database("a")
    assert admission.ask(a, NOW, staged=False).may_begin
    admission.saw(("x", "a"), begun(a, NOW, "Fetching"))
    assert admission.ask(database("b"), NOW).may_begin
    assert not admission.ask(database("a", begun(a, NOW, "Fetching")), NOW).may_begin


def test_the_first_to_come_is_the_first_to_go() -> None:
    admission = Admission(Limits(most=1))
    a, b, c = (database(n) for n in "abc")
    admission.ask(a, NOW)
    assert not admission.ask(c, NOW).may_begin
    assert not admission.ask(b, NOW + MINUTE).may_begin
    admission.saw(("x", "a"), begun(a, NOW))
    admission.saw(("x", "a"), ended(NOW))
    assert not admission.ask(b, NOW + 2 * MINUTE).may_begin
    assert admission.ask(c, NOW + 2 * MINUTE).may_begin


def test_the_end_of_a_rollout_wakes_those_that_wait() -> None:
    woken: list[Key] = []
    admission = Admission(Limits(most=1), woken.append)
    a = database("a")
    admission.ask(a, NOW)
    admission.ask(database("b"), NOW)
    admission.saw(("x", "a"), begun(a, NOW))
    assert woken == []
    admission.saw(("x", "a"), ended(NOW))
    assert woken == [("x", "b")]


def test_one_that_has_gone_or_changed_its_mind_holds_nobody_up() -> None:
    admission = Admission(Limits(most=1))
    admission.ask(database("a"), NOW)
    admission.forget(("x", "a"))
    assert admission.ask(database("b"), NOW).may_begin
    admission.ask(database("b", suspend=True), NOW)
    assert admission.ask(database("c"), NOW).may_begin


@pytest.mark.parametrize("limits", [Limits(most=1), Limits(delay=10 * MINUTE)], ids=["at a time", "apart"])
@pytest.mark.parametrize("reason", [Reason.HIBERNATED, Reason.FETCHING, Reason.SNAPSHOTS_UNAVAILABLE])
def test_one_that_may_begin_and_does_not_holds_nobody_up(limits: Limits, reason: Reason) -> None:
    admission = Admission(limits)
    assert admission.ask(database("a"), NOW).may_begin
    admission.planned(database("a"), reason)
    assert admission.ask(database("b"), NOW).may_begin
    admission.planned(database("b"), Reason.ROLLING_OUT)
    assert not admission.ask(database("a"), NOW).may_begin


def test_one_that_asks_no_more_loses_its_place() -> None:
    admission = Admission(Limits(most=1))
    admission.ask(database("a"), NOW)
    admission.ask(database("b"), NOW)
    admission.forget(("x", "a"))
    assert not admission.ask(database("c"), NOW + MINUTE).may_begin
    assert admission.ask(database("c"), NOW + ASKS_EVERY).may_begin


def test_beginnings_keep_their_distance() -> None:
    admission = Admission(Limits(delay=10 * MINUTE))
    assert admission.ask(database("a"), NOW).may_begin
    refused = admission.ask(database("b"), NOW + MINUTE)
    assert refused.message == "Rollouts are spread: this one may begin at 04:10:00 UTC."
    assert "04:20:00" in admission.ask(database("c"), NOW + 2 * MINUTE).message
    assert admission.ask(database("b"), NOW + 10 * MINUTE).may_begin


def test_a_new_operator_knows_from_the_statuses_who_rolls_and_when_the_last_began() -> None:
    a = database("a")
    admission = Admission(Limits(most=1))
    admission.saw(("x", "a"), begun(a, NOW))
    assert not admission.ask(database("b"), NOW).may_begin
    assert admission.ask(database("a", begun(a, NOW)), NOW).may_begin
    spread = Admission(Limits(delay=10 * MINUTE))
    spread.saw(("x", "a"), ended(NOW))
    assert not spread.ask(database("b"), NOW + MINUTE).may_begin


@pytest.mark.parametrize(
    ("db", "wants"),
    [
        pytest.param(database(), True, id="never served"),
        pytest.param(served(database()), False, id="serves what is asked for"),
        pytest.param(database(status=begun(database(), NOW)), False, id="under way"),
        pytest.param(database(status=begun(database(), NOW, "Fetching")), True, id="still fetching"),
        pytest.param(database(status=begun(database(), NOW, "Queued")), True, id="in the queue"),
        pytest.param(database(suspend=True), False, id="suspended"),
        pytest.param(database(annotations={f"{names.GROUP}/pause": "1"}), False, id="paused"),
        pytest.param(
            database(annotations={f"{names.GROUP}/pause": "false"}), True, id="a pause that is none"
        ),
    ],
)
def test_only_what_is_new_waits_for_its_turn(db: FaceDatabase, *, wants: bool) -> None:
    assert wants_to_begin(db) is wants


def test_a_standing_is_read_from_a_status() -> None:
    assert standing_of({}) == standing_of({"target": None, "history": []})
    assert standing_of(ended(NOW)).began == NOW
    assert standing_of({**ended(NOW - MINUTE), **begun(database(), NOW)}).began == NOW


def test_the_settings_are_read_from_the_environment() -> None:
    env = {"FACEDB_MAX_CONCURRENT_ROLLOUTS": "3", "FACEDB_ROLLOUT_DELAY": "1h30m"}
    assert Settings.from_env(env).fleet == Limits(3, timedelta(minutes=90))
    assert Settings.from_env({}).fleet == Limits()
    assert not Settings.from_env({}).network_policies
    assert Settings.from_env({"FACEDB_NETWORK_POLICIES": "true"}).network_policies


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_was_set_keeps_nobody_waiting_for_longer_than_the_delay(jump: timedelta) -> None:
    admission = Admission(Limits(delay=10 * MINUTE))
    first, second, third = database("a"), database("b"), database("c")
    assert admission.ask(first, NOW).may_begin
    assert not admission.ask(second, NOW + MINUTE).may_begin
    later = NOW + jump + 11 * MINUTE
    assert admission.ask(second, later).may_begin
    # From there on it is counted anew.
    assert not admission.ask(third, later + 9 * MINUTE).may_begin
    assert admission.ask(third, later + 11 * MINUTE).may_begin


@given(
    st.integers(1, 3),
    st.integers(0, 10),
    st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans(), st.integers(0, 4)), max_size=60),
)
def test_never_more_at_a_time_nor_closer_than_the_settings_say(
    most: int, delay: int, moves: list[tuple[str, bool, int]]
) -> None:
    limits = Limits(most, delay * MINUTE)
    admission, now = Admission(limits), NOW
    began: dict[str, datetime] = {}
    rolling: dict[str, dict[str, Any]] = {}
    for number, (name, restarts, minutes) in enumerate(moves):
        now += minutes * MINUTE
        if restarts:
            admission = Admission(limits)
            for each, at in began.items():
                admission.saw(("x", each), rolling.get(each) or ended(at))
        if name in rolling:
            del rolling[name]
            admission.saw(("x", name), ended(began[name]))
            continue
        db = database(name, version=f"2026.01.{number % 28 + 1:02}")
        if admission.ask(db, now).may_begin:
            # Who corrects a spec need not wait for the mistake.
            assert all(now - at >= limits.delay for other, at in began.items() if other != name)
            began[name], rolling[name] = now, begun(db, now)
            admission.saw(("x", name), rolling[name])
        assert len(rolling) <= most
