"""A channel: which versions are wanted, and when one may be taken. Pure."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import Raw, duration, word
from facedb_release.version import parse_wanted

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_TIME = re.compile("([01][0-9]|2[0-3]):([0-5][0-9])")


class Policy(Enum):
    """Whether a newer version waits for somebody's approval, or is taken as soon as it may be."""

    NOTIFY = "Notify"
    AUTOMATIC = "Automatic"


@dataclass(frozen=True)
class Window:
    """When a rollout may begin: on these days (0 is Monday), from so many minutes after midnight, so long."""

    days: frozenset[int]
    start_minute: int
    duration: timedelta
    zone: ZoneInfo


@dataclass(frozen=True)
class Channel:
    """Which versions are wanted.

    Attributes:
        range: such as ``>=2026.02 <2026.04``; None for the latest of all.
        interval: how long an answer of the source counts.
        window: None for any time.
        soak: how long a version must have been known before it is taken.
    """

    range: str | None
    policy: Policy
    interval: timedelta
    window: Window | None
    soak: timedelta


def read_channel(raw: Raw | None) -> Channel | None:
    """Read ``spec.channel``.

    Raises:
        InvalidSpec: the range, a time or a time zone is none.
    """
    if raw is None:
        return None
    return Channel(
        range=_range(raw.get("range")),
        policy=word(Policy, raw.get("policy", "Notify"), "spec.channel.policy"),
        interval=duration(raw.get("interval", "1h"), "spec.channel.interval"),
        window=_window(raw.get("window")),
        soak=duration(raw.get("soak", "0s"), "spec.channel.soak"),
    )


def _range(text: str | None) -> str | None:
    if text is not None:
        try:
            parse_wanted(text)
        except ValueError as error:
            raise InvalidSpec("spec.channel.range", f"is {text!r}: {error}") from error
    return text


def _window(raw: Raw | None) -> Window | None:
    if raw is None:
        return None
    path = "spec.channel.window"
    try:
        zone = ZoneInfo(raw.get("timeZone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        why = f"is {raw.get('timeZone')!r}; expected a name of the IANA time zones, such as Europe/Berlin"
        raise InvalidSpec(f"{path}.timeZone", why) from error
    start = _TIME.fullmatch(raw.get("start", "00:00"))
    if start is None:
        raise InvalidSpec(
            f"{path}.start", f"is {raw['start']!r}; expected a time of day HH:MM, such as 02:30"
        )
    days = raw.get("days") or DAYS
    if strange := set(days) - set(DAYS):
        raise InvalidSpec(
            f"{path}.days", f"has {', '.join(sorted(strange))}; expected some of {', '.join(DAYS)}"
        )
    length = duration(raw["duration"], f"{path}.duration")
    if not length:
        raise InvalidSpec(f"{path}.duration", f"is {raw['duration']}: a window of no length never opens")
    return Window(
        days=frozenset(map(DAYS.index, days)),
        start_minute=60 * int(start[1]) + int(start[2]),
        duration=length,
        zone=zone,
    )
