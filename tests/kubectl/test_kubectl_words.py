"""Tokens, speeds, spans: the small parts of `kubectl facedb`."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_kubectl.pace import Pace
from facedb_kubectl.tokens import WITH_VERSION, asking, new_mark, token
from facedb_kubectl.wording import forbidden, listed, span_text
from facedb_operator.spec.fields import duration
from facedb_operator.spec.verbs import VERBS, read_verbs, version_of

versions = st.from_regex(r"20[0-9]{2}\.(0[1-9]|1[0-2])\.(0[1-9]|2[0-8])(\.[0-9]{1,3})?", fullmatch=True)


@given(st.sampled_from(VERBS), versions)
def test_the_operator_reads_the_tokens_that_are_written(verb: str, version: str) -> None:
    wanted = version if verb in WITH_VERSION else None
    held = token(verb, wanted, new_mark())
    annotations = asking(verb, held)["metadata"]["annotations"]
    assert getattr(read_verbs(annotations), verb) == held
    if wanted:
        assert version_of(held) == version


def test_a_token_never_comes_twice() -> None:
    assert len({new_mark() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("verb", "version"), [("approve", None), ("rollback", ""), ("promote", "2026.02.18")]
)
def test_a_version_goes_with_the_verbs_that_want_one_and_with_no_other(
    verb: str, version: str | None
) -> None:
    with pytest.raises(ValueError, match=verb):
        token(verb, version, "0123456789ab")


def test_taking_an_annotation_away_is_a_merge_patch_with_null() -> None:
    assert asking("pause", None) == {"metadata": {"annotations": {"facedb.dev/pause": None}}}


@given(st.integers(10_000, 10**9), st.integers(3, 40))
def test_a_steady_fetch_is_measured_to_its_speed(rate: int, looks: int) -> None:
    pace = Pace()
    for second in range(looks):
        pace = pace.look("job", float(second), rate * second)
    measured, left = pace.rate(looks - 1.0), pace.left(looks - 1.0, rate * (looks + 9))
    assert measured == pytest.approx(rate)
    assert left is not None
    assert left.total_seconds() == pytest.approx(10, abs=0.01)


def test_a_fetch_that_stands_still_becomes_slower_and_slower() -> None:
    pace = Pace().look("job", 0.0, 0).look("job", 1.0, 1000).look("job", 2.0, 2000)
    rates = [pace.rate(at) or 0.0 for at in (2.0, 3.0, 10.0, 60.0)]
    assert rates[0] == rates[1] == 1000
    assert rates[1] > rates[2] > rates[3] > 0


def test_another_fetch_or_another_attempt_is_measured_anew() -> None:
    pace = Pace().look("job", 0.0, 0).look("job", 5.0, 5000)
    assert pace.rate(5.0) == 1000
    assert pace.look("job-2", 6.0, 6000).rate(6.0) is None
    assert pace.look("job", 6.0, 10).rate(6.0) is None


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**12)), max_size=30), st.floats(0, 2e6))
def test_no_clock_and_no_bytes_break_the_speed(looks: list[tuple[float, int]], at: float) -> None:
    pace = Pace()
    for when, done in looks:
        pace = pace.look("job", when, done)
    rate, left = pace.rate(at), pace.left(at, 10**12)
    assert rate is None or rate >= 0
    assert left is None or left >= timedelta(0)


@given(st.integers(0, 10**7))
def test_a_span_is_told_in_words_that_a_spec_could_hold_and_loses_less_than_its_second_unit(
    seconds: int,
) -> None:
    told = duration(span_text(timedelta(seconds=seconds)), "").total_seconds()
    assert 0 <= seconds - told < (3600 if seconds >= 86400 else 60)
    assert seconds >= 3600 or told == seconds


def test_what_rbac_lacks_is_named() -> None:
    said = forbidden("patch", "facedatabases.facedb.dev", "media", "User x cannot patch")
    assert "lacks the verb `patch` on `facedatabases.facedb.dev`" in said
    assert "in namespace media" in said


def test_lists_are_read_aloud() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "none",
        "a",
        "a and b",
        "a, b and c",
    ]
