"""`2026.02.18` → numbers that order as the calendar does. Versions are never compared as text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_FORM = re.compile(
    r"v?(?P<year>[0-9]{4})\.(?P<month>[0-9]{1,2})(?:\.(?P<day>[0-9]{1,2}))?(?:[.\-](?P<build>[0-9]{1,4}))?"
)


@dataclass(frozen=True, order=True)
class Version:
    """A calendar version; `2026.9` comes before `2026.10`, and `2026.02.18` before `2026.02.18.1`.

    Attributes:
        year: four digits.
        month: 1 to 12.
        day: 1 to 31, or 0 where the text names none.
        build: of that day, 0 for the first.
        text: as it was written, without a leading v; takes no part in comparisons.
    """

    year: int
    month: int
    day: int
    build: int
    text: str = field(compare=False)

    def __str__(self) -> str:
        """Return the version as it was written."""
        return self.text


def parse_version(text: str) -> Version:
    """Read a calendar version, with or without a leading v.

    Raises:
        ValueError: if it is none.
    """
    form = _FORM.fullmatch(text)
    if form is None:
        raise ValueError(f"not a calendar version such as 2026.02.18: {text[:80]!r}")
    year, month, day, build = (int(n or 0) for n in form.groups())
    if not 1 <= month <= 12 or day > 31 or (form["day"] is not None and day == 0):
        raise ValueError(f"no such date: {text!r}")
    return Version(year, month, day, build, text.removeprefix("v"))
