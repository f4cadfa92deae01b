"""How bodies and tattoos change the order of matches: the reference's numbers, and what holds for any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.engine.signals import Evidence, Proportions, Tattoos, merged, rerank, score
from facedb_sidecar.engine.signals.rerank import body_factor, tattoo_factor

ANNA, BEA, CLEO = "stashdb.org:anna", "stashdb.org:bea", "fansdb.cc:cleo"


@dataclass(frozen=True)
class Who:
    universal_id: str


@dataclass(frozen=True)
class Found:
    distance: float
    performer: Who


@dataclass(frozen=True)
class Book:
    """What a release knows."""

    bodies: Mapping[str, float] = field(default_factory=dict)
    tattooed: frozenset[str] = frozenset()

    def shoulder_hip(self, universal_id: str) -> float | None:
        return self.bodies.get(universal_id)

    def has_tattoos(self, universal_id: str) -> bool:
        return universal_id in self.tattooed


def body(ratio: float, confidence: float = 0.9) -> Proportions:
    return Proportions(ratio, 1.3, 1.0, confidence)


@pytest.mark.parametrize(
    ("seen", "stored", "factor"),
    [
        (1.5, 1.5, 1.0),
        (1.5, 1.61, 1.0),
        (1.5, 1.63, 0.85),
        (1.5, 1.29, 0.6),
        (1.5, 1.84, 0.6),
        (1.5, 1.14, 0.3),
        (1.5, 9.0, 0.3),
        (1.5, None, 1.0),
        (None, 1.5, 1.0),
    ],
)
def test_a_body_counts_by_how_far_its_ratio_is_off(
    seen: float | None, stored: float | None, factor: float
) -> None:
    assert body_factor(None if seen is None else body(seen), stored) == factor


@pytest.mark.parametrize(
    ("tattoos", "known", "factor"),
    [
        pytest.param(None, True, 1.0, id="nobody looked"),
        pytest.param(Tattoos(0), True, 0.95, id="none seen, some known"),
        pytest.param(Tattoos(0), False, 1.0, id="none seen, none known"),
        pytest.param(Tattoos(2), False, 0.7, id="some seen, none known"),
        pytest.param(Tattoos(2), True, 1.0, id="some seen, others known"),
        pytest.param(Tattoos(2, {ANNA: 0.5}), True, 1.0, id="half alike"),
        pytest.param(Tattoos(2, {ANNA: 0.51}), True, 1.1, id="rather alike"),
        pytest.param(Tattoos(2, {ANNA: 0.7}), True, 1.1, id="at the limit"),
        pytest.param(Tattoos(2, {ANNA: 0.85}), True, 1.4, id="in the middle of the same"),
        pytest.param(Tattoos(2, {ANNA: 1.0}), True, 1.5, id="the same"),
        pytest.param(Tattoos(2, {BEA: 1.0}), True, 1.0, id="somebody else's"),
    ],
)
def test_a_tattoo_counts_by_whose_it_is(tattoos: Tattoos | None, known: bool, factor: float) -> None:
    assert tattoo_factor(tattoos, ANNA, known=known) == pytest.approx(factor)


def test_the_score_is_the_product() -> None:
    book = Book({ANNA: 1.0}, frozenset({ANNA}))
    evidence = Evidence(body(1.3), Tattoos(1, {ANNA: 1.0}))
    assert score(Found(0.25, Who(ANNA)), evidence, book) == pytest.approx(0.6 * 1.5 / 1.25)


def test_a_tattoo_lifts_the_second_over_the_first() -> None:
    near, far = Found(0.30, Who(ANNA)), Found(0.50, Who(BEA))
    book = Book(tattooed=frozenset({BEA}))
    assert rerank((near, far), Evidence(tattoos=Tattoos(1, {BEA: 0.9})), book) == (far, near)


IDS = st.sampled_from([ANNA, BEA, CLEO])
MATCHES = st.lists(st.builds(Found, st.floats(0, 2), st.builds(Who, IDS)), max_size=20).map(
    lambda found: tuple(sorted(found, key=lambda match: match.distance))
)
BODIES = st.floats(0.3, 4).map(body)
TATTOOS = st.builds(Tattoos, st.integers(0, 30), st.dictionaries(IDS, st.floats(0, 1)))
EVIDENCE = st.builds(Evidence, st.none() | BODIES, st.none() | TATTOOS)
BOOKS = st.builds(Book, st.dictionaries(IDS, st.floats(0.3, 4)), st.frozensets(IDS))


@given(MATCHES, BOOKS)
def test_without_a_signal_nothing_moves(matches: tuple[Found, ...], book: Book) -> None:
    assert rerank(matches, Evidence(), book) == matches


@given(MATCHES, EVIDENCE)
def test_with_nothing_known_nothing_moves(matches: tuple[Found, ...], evidence: Evidence) -> None:
    without = Evidence(evidence.body, None)
    assert rerank(matches, without, Book()) == matches


@given(MATCHES, EVIDENCE, BOOKS)
def test_the_same_matches_come_out_best_score_first(
    matches: tuple[Found, ...], evidence: Evidence, book: Book
) -> None:
    ordered = rerank(matches, evidence, book)
    scores = [score(match, evidence, book) for match in ordered]
    assert sorted(map(id, ordered)) == sorted(map(id, matches))
    if evidence.used:
        assert scores == sorted(scores, reverse=True)


@given(MATCHES, EVIDENCE, BOOKS)
def test_matches_of_one_performer_keep_their_order(
    matches: tuple[Found, ...], evidence: Evidence, book: Book
) -> None:
    ordered = rerank(matches, evidence, book)
    for who in (ANNA, BEA, CLEO):
        mine = [m for m in ordered if m.performer.universal_id == who]
        assert mine == [m for m in matches if m.performer.universal_id == who]


@given(st.floats(0, 2), IDS, EVIDENCE, BOOKS)
def test_the_factors_stay_in_their_ranges(distance: float, who: str, evidence: Evidence, book: Book) -> None:
    plain = 1 / (1 + distance)
    found = score(Found(distance, Who(who)), evidence, book) / plain
    assert 0.3 * 0.7 - 1e-9 <= found <= 1.5 + 1e-9


@given(BODIES, st.floats(0.3, 4), st.floats(0.3, 4))
def test_a_body_that_fits_better_never_counts_less(seen: Proportions, one: float, other: float) -> None:
    near, far = sorted((one, other), key=lambda stored: abs(stored - seen.shoulder_hip))
    assert body_factor(seen, near) >= body_factor(seen, far)


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_tattoo_that_is_more_alike_never_counts_less(one: float, other: float) -> None:
    less, more = sorted((one, other))
    low = tattoo_factor(Tattoos(1, {ANNA: less}), ANNA, known=True)
    assert low <= tattoo_factor(Tattoos(1, {ANNA: more}), ANNA, known=True)


def test_several_images_of_one_person_become_one_evidence() -> None:
    parts = (
        Evidence(body(1.2, 0.4), Tattoos(2, {ANNA: 0.9, BEA: 0.2})),
        Evidence(body(1.6, 0.8), Tattoos(1, {BEA: 0.6})),
        Evidence(),
    )
    assert merged(parts) == Evidence(body(1.6, 0.8), Tattoos(2, {ANNA: 0.9, BEA: 0.6}))
    assert merged(()) == merged((Evidence(), Evidence())) == Evidence()
    assert merged(parts).used == ("body", "tattoo")
