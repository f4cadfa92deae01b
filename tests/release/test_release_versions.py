"""Which version is taken: a pure choice, over all versions that there could be."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_release.version import Exact, Latest, Range, Version, choose, parse_version, parse_wanted


@st.composite
def versions(draw: st.DrawFn) -> Version:
    """Calendar versions in every spelling, close enough together to meet."""
    year, month = draw(st.integers(2025, 2027)), draw(st.integers(1, 12))
    text = f"{year}.{month:02}" if draw(st.booleans()) else f"{year}.{month}"
    if draw(st.integers(0, 5)):
        day = draw(st.integers(1, 31))
        text += f".{day:02}" if draw(st.booleans()) else f".{day}"
        if not draw(st.integers(0, 3)):
            text += f".{draw(st.integers(0, 12))}"
    return parse_version(text)


@st.composite
def ranges(draw: st.DrawFn) -> str:
    """Ranges as people write them; some are empty."""
    sign = draw(st.sampled_from([">=", ">", "<=", "<", "=", "~"]))
    text = f"{sign}{draw(versions())}"
    return draw(st.sampled_from([text, f"{draw(st.integers(2025, 2027))}.{draw(st.integers(1, 12))}.x"]))


WISHES = st.one_of(
    st.just(Latest()), versions().map(Exact), ranges().map(parse_wanted), ranges().map(parse_wanted)
)
MANY = st.lists(versions(), max_size=12)


@given(MANY, WISHES, st.none() | versions())
def test_what_is_chosen_is_offered_wished_for_and_never_older_than_what_is_there(
    available: list[Version], wanted: Exact | Range | Latest, current: Version | None
) -> None:
    chosen = choose(available, wanted, current=current)

    if chosen is not None:
        assert chosen in available
        assert wanted.allows(chosen)
        assert current is None or chosen >= current


@given(MANY, WISHES, st.none() | versions(), st.booleans())
def test_it_is_the_newest_of_all_that_may_be_taken(
    available: list[Version], wanted: Exact | Range | Latest, current: Version | None, downgrade: bool
) -> None:
    chosen = choose(available, wanted, current=current, allow_downgrade=downgrade)

    may = [v for v in available if wanted.allows(v) and (downgrade or current is None or v >= current)]
    assert (chosen is None) == (not may)
    assert chosen is None or all(v <= chosen for v in may)


@given(MANY, WISHES, st.none() | versions(), st.randoms())
def test_the_order_in_which_a_source_lists_them_does_not_matter(
    available: list[Version], wanted: Exact | Range | Latest, current: Version | None, chance: random.Random
) -> None:
    shuffled = available.copy()
    chance.shuffle(shuffled)

    one, other = (choose(a, wanted, current=current) for a in (available, shuffled))
    assert (one, one and one.text) == (other, other and other.text)


@given(versions(), versions())
def test_how_a_version_is_written_does_not_matter(one: Version, other: Version) -> None:
    def padded(v: Version) -> Version:
        return parse_version(f"v{v.year}.{v.month:02}" + (f".{v.day:02}.{v.build}" if v.day else ""))

    plain = choose([one, other], Latest(), current=None)
    assert choose([padded(one), padded(other)], Latest(), current=None) == plain
    assert (padded(one) < padded(other)) == (one < other)


def test_september_is_older_than_october_although_its_text_is_greater() -> None:
    september, october = parse_version("2026.9"), parse_version("2026.10")

    assert choose([october, september], Latest(), current=None) is october
    assert choose([september], Latest(), current=october) is None
    assert choose([september], Latest(), current=october, allow_downgrade=True) is september


@given(MANY, versions())
def test_a_pinned_version_that_is_older_needs_leave(available: list[Version], current: Version) -> None:
    for version in available:
        allowed = choose(available, Exact(version), current=current, allow_downgrade=True)
        assert allowed == version
        assert choose(available, Exact(version), current=current) == (version if version >= current else None)


@pytest.mark.parametrize(
    ("text", "taken", "left"),
    [
        (">=2026.02.01 <2026.04", "2026.02.01 2026.2.18 2026.03.31.2", "2026.01.31 2026.04.01 2026.04"),
        (">=2026.02.01,<2026.04", "2026.02.01 2026.03.31", "2026.04.01"),
        (">= 2026.02.01, < 2026.04", "2026.02.01 2026.03.31", "2026.04.01"),
        ("2026.02.x", "2026.02 2026.02.01 2026.02.28.3", "2026.01.31 2026.03.01 2026.12.02"),
        ("2026.x", "2026.1 2026.12.31", "2025.12.31 2027.01"),
        ("~2026.02", "2026.02.01 2026.02.28", "2026.03.01 2026.01.31"),
        ("~2026.12", "2026.12.31", "2027.01.01"),
        ("~2026.02.18", "2026.02.18 2026.02.18.1 2026.02.28", "2026.02.17 2026.03.01"),
        ("<=2026.02", "2026.02.28.9 2025.01.01", "2026.03.01"),
        (">2026.02", "2026.03.01 2027.01", "2026.02.28 2026.02"),
        (">2026.02.18", "2026.02.18.1 2026.02.19", "2026.02.18 2026.02.17"),
        ("<=2026.02.18", "2026.02.18 2026.02.17.9", "2026.02.18.1"),
        ("=2026.02.18", "2026.2.18", "2026.02.18.1 2026.02.17"),
        (">=2026", "2026.01.01", "2025.12.31"),
        ("<2026", "2025.12.31", "2026.01"),
        (">=2026.9 <=2026.10", "2026.09.01 2026.10.31", "2026.11 2026.08.31"),
    ],
)
def test_ranges_mean_what_their_table_says(text: str, taken: str, left: str) -> None:
    wanted = parse_wanted(text)

    assert [v for v in taken.split() if not wanted.allows(parse_version(v))] == []
    assert [v for v in left.split() if wanted.allows(parse_version(v))] == []


def test_latest_and_exact_versions_are_no_ranges() -> None:
    assert parse_wanted(" latest ") == Latest()
    assert parse_wanted("v2026.2.18") == Exact(parse_version("2026.02.18"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , ",
        "newest",
        ">=",
        "x",
        "2026.02.18.x",
        ">=2026.02.x",
        ">=2026.13",
        ">=1.2.3",
        "2026.02.01 2026.03.01",
        ">=2026.04 <2026.02",
        "!=2026.02",
        "^2026.02",
        ">=2026.02 ||<2025",
        ">=2026.02.18" * 40,
    ],
)
def test_what_is_no_wish_or_can_never_come_true_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_wanted(text)


@given(st.text(max_size=60) | st.text("0123456789.xX*<>=~, v-", max_size=40))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    try:
        wanted = parse_wanted(text)
    except ValueError:
        return
    wanted.allows(parse_version("2026.02.18"))
