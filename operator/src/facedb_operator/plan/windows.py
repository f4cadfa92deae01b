"""When a channel's window is open, and when it opens next. Pure.

A window opens on a day of its time zone at the first moment of that date whose wall clock is at its start
or past it, and stays open for its duration in elapsed time, over midnight too. So an hour that is left out
in spring opens it at the end of the gap, an hour that comes twice in autumn opens it once, at its first
time, and a date that a zone has left out altogether does not open it.
"""

from datetime import UTC, date, datetime, time, timedelta

from facedb_operator.spec.channel import Window

# The same weekday comes again within a week; the second week is for a date that was left out.
_AHEAD = timedelta(days=15)
# Whoever opens once a week for longer than this is always open.
_LONGEST = timedelta(days=8)
_DAY = timedelta(days=1)


def is_open(window: Window, now: datetime) -> bool:
    """Whether a rollout may begin at ``now`` (timezone-aware)."""
    # Zones are up to a day from each other: one date more on both sides.
    first = now - min(window.duration, _LONGEST) - _DAY
    return any(opening <= now < opening + window.duration for opening in _openings(window, first, now + _DAY))


def next_opening(window: Window, now: datetime) -> datetime | None:
    """``now`` where the window is open, else the moment in UTC when it opens; None for never."""
    if is_open(window, now):
        return now
    if not window.duration:
        return None
    later = [o for o in _openings(window, now - _DAY, now + _AHEAD) if o > now]
    return min(later, default=None)


def _openings(window: Window, first: datetime, last: datetime) -> list[datetime]:
    """Openings of the dates from the first moment's to the last one's, in UTC."""
    day, end = first.astimezone(window.zone).date(), last.astimezone(window.zone).date()
    days = [day + number * _DAY for number in range((end - day).days + 1)]
    found = (_opening(window, d) for d in days if d.weekday() in window.days)
    return [opening for opening in found if opening is not None]


def _opening(window: Window, day: date) -> datetime | None:
    hours, minutes = divmod(window.start_minute, 60)
    wall = datetime.combine(day, time(hours, minutes), window.zone)
    # Of two moments with this wall clock the first.
    moment = wall.astimezone(UTC)
    if moment.astimezone(window.zone).replace(tzinfo=None) != wall.replace(tzinfo=None):
        moment = _end_of_gap(wall)
    return moment if moment.astimezone(window.zone).date() == day else None


def _end_of_gap(wall: datetime) -> datetime:
    """The first moment after the gap in which this wall clock is left out."""
    # Read with the offset of before the gap it lies after it, and with that of after the gap before it.
    before, after = wall.replace(fold=1).astimezone(UTC), wall.replace(fold=0).astimezone(UTC)
    offset = after.astimezone(wall.tzinfo).utcoffset()
    minutes = int((after - before).total_seconds()) // 60
    low, high = 0, minutes
    while low < high:
        middle = (low + high) // 2
        if (before + timedelta(minutes=middle)).astimezone(wall.tzinfo).utcoffset() == offset:
            high = middle
        else:
            low = middle + 1
    return before + timedelta(minutes=low)
