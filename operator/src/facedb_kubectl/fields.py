"""Parts of an object of the API, whatever stands there: an absent or odd field is None, never an error. Pure.

A plugin meets operators and definitions older and newer than itself, and must still show what it can.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import duration

Raw = Mapping[str, Any]


def value(raw: Any, *path: str) -> Any:
    """What stands at the path; None when there is nothing."""
    for key in path:
        if not isinstance(raw, Mapping):
            return None
        raw = raw.get(key)
    return raw


def part(raw: Any, *path: str) -> Raw:
    """The object at the path; an empty one when there is none."""
    found = value(raw, *path)
    return found if isinstance(found, Mapping) else {}


def parts(raw: Any, *path: str) -> tuple[Raw, ...]:
    """The objects in the list at the path."""
    found = value(raw, *path)
    return tuple(each for each in found if isinstance(each, Mapping)) if isinstance(found, list) else ()


def text(raw: Any, *path: str) -> str | None:
    """The text at the path, fit for a terminal: no control characters. None when it is empty."""
    found = value(raw, *path)
    return printable(found) or None if isinstance(found, str) else None


def printable(words: str) -> str:
    """The words with a space for each character that could move a cursor or ring a bell."""
    return "".join(char if char.isprintable() else " " for char in words)


def whole(raw: Any, *path: str) -> int | None:
    """The whole number at the path, 0 or more."""
    found = value(raw, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def number(raw: Any, *path: str) -> float | None:
    """The number at the path, 0 or more."""
    found = value(raw, *path)
    sound = isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found < float("inf")
    return float(found) if sound else None


def flag(raw: Any, *path: str) -> bool:
    """Whether `true` stands at the path."""
    return value(raw, *path) is True


def moment(raw: Any, *path: str) -> datetime | None:
    """The RFC 3339 time at the path, in UTC."""
    found = value(raw, *path)
    try:
        read = datetime.fromisoformat(found) if isinstance(found, str) else None
        return read.astimezone(UTC) if read is not None and read.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def span(raw: Any, *path: str) -> timedelta | None:
    """The duration at the path, such as `90s` or `1h30m`."""
    found = value(raw, *path)
    try:
        return duration(found, "") if isinstance(found, str) else None
    except (InvalidSpec, ValueError):
        return None


def after(start: datetime | None, length: timedelta | None) -> datetime | None:
    """So long after the start; None when one of them is not known, or the calendar ends before."""
    try:
        return start + length if start is not None and length is not None else None
    except OverflowError:
        return None
