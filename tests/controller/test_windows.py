"""When a channel's window is open: against a clock that is read minute by minute, over its every change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_operator.plan.windows import is_open, next_opening
from facedb_operator.spec.channel import Window, read_channel
from facedb_operator.spec.errors import InvalidSpec

MINUTE = timedelta(minutes=1)
# Moments about which clocks jump: an hour, half an hour, at midnight, and a date that is left out.
CHANGES = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, 0, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, 6, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 15, 0, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 23, 22, 0, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 10, 29, 21, 0, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, 4, 0, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, 0, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 6, 1, 0, 0, tzinfo=UTC)),
    ("UTC", datetime(2024, 2, 29, 0, 0, tzinfo=UTC)),
)


def window(days: str, start: str, duration: str, zone: str = "UTC") -> Window:
    raw = {"days": days.split(), "start": start, "duration": duration, "timeZone": zone}
    channel = read_channel({"window": raw})
    assert channel is not None
    assert channel.window is not None
    return channel.window


def openings_by_the_clock(window: Window, first: datetime, last: datetime) -> list[datetime]:
    """Look at the wall clock every minute: the first of each date that is at the start or past it."""
    opened: dict[date, datetime] = {}
    moment = first
    while moment <= last:
        wall = moment.astimezone(window.zone)
        if wall.weekday() in window.days and 60 * wall.hour + wall.minute >= window.start_minute:
            opened.setdefault(wall.date(), moment)
        moment += MINUTE
    return sorted(opened.values())


@settings(max_examples=60)
@given(
    st.sampled_from(CHANGES),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 24 * 60 - 1),
    st.integers(1, 40 * 60),
    st.lists(st.integers(-36 * 60, 36 * 60), min_size=1, max_size=20),
)
def test_a_window_is_open_when_the_clock_says_so_minute_by_minute(
    change: tuple[str, datetime], days: frozenset[int], start: int, minutes: int, offsets: list[int]
) -> None:
    zone, about = change
    # Half of the starts within a few hours of the jump, where it matters.
    local = about.astimezone(ZoneInfo(zone))
    start = (60 * local.hour + local.minute + start % 300 - 150) % 1440 if start % 2 else start
    asked = Window(days, start, timedelta(minutes=minutes), ZoneInfo(zone))
    # A date is read from its beginning: its first minute at the start or past it is what counts.
    first = about - timedelta(days=5)
    begin = first.astimezone(asked.zone).replace(hour=0, minute=0, second=0).astimezone(UTC)
    known = openings_by_the_clock(asked, begin, about + timedelta(days=10))
    for offset in offsets:
        now = about + offset * MINUTE
        open_now = any(o <= now < o + asked.duration for o in known)
        assert is_open(asked, now) is open_now, f"{now} {known}"
        later = now if open_now else next(o for o in known if o > now)
        assert next_opening(asked, now) == later


def test_an_hour_that_is_left_out_in_spring_opens_the_window_at_the_end_of_the_gap() -> None:
    asked = window("Sun", "02:30", "1h", "Europe/Berlin")
    saturday = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    assert next_opening(asked, saturday) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_an_hour_that_comes_twice_in_autumn_opens_the_window_once() -> None:
    asked = window("Sun", "02:30", "20m", "Europe/Berlin")
    assert is_open(asked, datetime(2026, 10, 25, 0, 35, tzinfo=UTC))
    assert not is_open(asked, datetime(2026, 10, 25, 1, 35, tzinfo=UTC))


def test_a_date_that_was_left_out_opens_nothing() -> None:
    asked = window("Fri", "10:00", "1h", "Pacific/Apia")
    # Samoa had no Friday 30 December 2011.
    opening = next_opening(asked, datetime(2011, 12, 29, 12, 0, tzinfo=UTC))
    assert opening is not None
    assert opening.astimezone(ZoneInfo("Pacific/Apia")).date() == date(2012, 1, 6)


def test_a_window_that_begins_on_friday_night_is_open_on_saturday_morning() -> None:
    asked = window("Fri", "22:00", "8h")
    assert is_open(asked, datetime(2026, 11, 21, 5, 59, tzinfo=UTC))
    assert not is_open(asked, datetime(2026, 11, 21, 6, 0, tzinfo=UTC))
    assert next_opening(asked, datetime(2026, 11, 21, 6, 0, tzinfo=UTC)) == datetime(
        2026, 11, 27, 22, 0, tzinfo=UTC
    )


@pytest.mark.parametrize("hours", range(0, 14 * 24, 7))
def test_a_window_of_a_week_never_closes(hours: int) -> None:
    assert is_open(window("Wed", "03:00", "7d"), datetime(2026, 11, 21, tzinfo=UTC) + timedelta(hours=hours))


@pytest.mark.parametrize("length", ["0s", "0m", "0h0m0s"])
def test_a_window_without_duration_is_refused_in_words(length: str) -> None:
    with pytest.raises(InvalidSpec, match="a window of no length never opens"):
        window("Sat", "00:00", length)
