"""`2026.02.18` → numbers that order as the calendar does; `>=2026.02 <2026.04` → which of them may be taken.

Versions are never compared as text. Pure.

A wish is an exact version, `latest`, or a range of clauses that must all hold, separated by spaces or commas:

| clause | takes |
|---|---|
| `>=2026.02.01` `>2026.02.01` `<=2026.02.01` `<2026.02.01` `=2026.02.01` | as arithmetic has it |
| `2026.02.x` `2026.x` | every version of that month, that year |
| `~2026.02` `~2026` | the same |
| `~2026.02.18` | from that day to the end of its month |

A month or year in a comparison is the whole of it: `<=2026.02` takes all of February, `>2026.02` none of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_FORM = re.compile(
    r"v?(?P<year>[0-9]{4})\.(?P<month>[0-9]{1,2})(?:\.(?P<day>[0-9]{1,2}))?(?:[.\-](?P<build>[0-9]{1,4}))?"
)
_CLAUSE = re.compile(r"(?P<sign>>=|<=|>|<|=|~)?\s*(?P<at>v?[0-9][0-9.\-]*?)(?P<any>\.[xX*])?")
_YEAR = re.compile(r"v?[0-9]{4}")
_MAX_TEXT = 200


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


@dataclass(frozen=True)
class Exact:
    """This version and no other."""

    version: Version

    def allows(self, version: Version) -> bool:
        """Whether it is this one, however it is padded."""
        return version == self.version


@dataclass(frozen=True)
class Latest:
    """The newest there is."""

    def allows(self, version: Version) -> bool:
        """Every version may be the newest."""
        return True


@dataclass(frozen=True)
class Range:
    """From `start`, which belongs to it, up to `end`, which does not; None is without end.

    Attributes:
        start: the first that may be taken.
        end: the first that may no longer.
        text: as it was written; takes no part in comparisons.
    """

    start: Version | None
    end: Version | None
    text: str = field(compare=False)

    def allows(self, version: Version) -> bool:
        """Whether the version lies in the range."""
        return (self.start is None or self.start <= version) and (self.end is None or version < self.end)


Wanted = Exact | Range | Latest


def choose(
    available: Iterable[Version], wanted: Wanted, *, current: Version | None, allow_downgrade: bool = False
) -> Version | None:
    """Return the newest of the available versions that the wish allows; None when there is none.

    Args:
        available: in any order.
        wanted: the wish.
        current: what is there now; nothing older is taken.
        allow_downgrade: take older ones, too.
    """
    low = None if allow_downgrade else current
    fitting = [v for v in available if wanted.allows(v) and (low is None or v >= low)]
    # Of two spellings of one version always the same, in whatever order they come.
    return max(fitting, key=lambda v: (v, v.text), default=None)


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


def parse_wanted(text: str) -> Wanted:
    """Read `latest`, an exact version or a range.

    Raises:
        ValueError: if it is none, or a range that nothing can fit.
    """
    text = text.strip()
    if text == "latest":
        return Latest()
    if _FORM.fullmatch(text):
        return Exact(parse_version(text))
    if len(text) > _MAX_TEXT:
        raise ValueError(f"a range of {len(text)} characters")
    # A sign may stand apart from its version.
    joined = re.sub(r"(>=|<=|>|<|=|~)\s+", r"\1", text)
    clauses = [_clause(part) for part in re.split(r"[\s,]+", joined) if part]
    if not clauses:
        raise ValueError("no version, no range and not `latest`: the text is empty")
    start = max((c.start for c in clauses if c.start), default=None)
    end = min((c.end for c in clauses if c.end), default=None)
    if start and end and end <= start:
        raise ValueError(f"no version can lie in the range {text!r}")
    return Range(start, end, text)


def _clause(text: str) -> Range:
    form = _CLAUSE.fullmatch(text)
    sign = form["sign"] if form else None
    # An exact version among clauses needs its sign, so that `2026.02 2026.03` is no riddle.
    if form is None or (form["any"] is None) == (sign is None):
        raise ValueError(f"not `latest`, a version or a range such as >=2026.02 <2026.04: {text[:80]!r}")
    first, after, whole = _span(form["at"])
    if form["any"] and not whole:
        raise ValueError(f"a day has no further parts: {text[:80]!r}")
    match sign:
        case ">=":
            return Range(first, None, text)
        case ">":
            return Range(after, None, text)
        case "<":
            return Range(None, first, text)
        case "<=":
            return Range(None, after, text)
        case "~" if not whole:
            return Range(first, _month_after(first), text)
        case _:
            return Range(first, after, text)


def _span(text: str) -> tuple[Version, Version, bool]:
    """Return the first version that a text means, the first after it, and whether it is a month or a year."""
    if _YEAR.fullmatch(text):
        year = int(text.removeprefix("v"))
        return _start(year, 0), _start(year + 1, 0), True
    first = parse_version(text)
    if first.day == 0 and first.build == 0:
        return first, _month_after(first), True
    after = Version(first.year, first.month, first.day, first.build + 1, f"{first.text}+")
    return first, after, False


def _month_after(version: Version) -> Version:
    years, month = divmod(version.month, 12)
    return _start(version.year + years, month + 1)


def _start(year: int, month: int) -> Version:
    return Version(year, month, 0, 0, f"{year:04}.{month:02}" if month else f"{year:04}")
