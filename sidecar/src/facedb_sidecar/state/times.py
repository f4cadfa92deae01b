"""Moments → the text that the tables and the plugin have.

The plugin appends ``Z`` to what it gets, so the text is UTC, to the second, without a zone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """Such as ``2026-02-18T09:30:00``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def from_text(text: str) -> datetime:
    """The moment; also of SQLite's own ``2026-02-18 09:30:00``.

    Raises:
        ValueError: no moment.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
