"""A channel: which versions are wanted, and when one may be taken. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import Raw, duration

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


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
        InvalidSpec: a time or a time zone is none.
    """
    if raw is None:
        return None
    return Channel(
        range=raw.get("range"),
        policy=Policy(raw.get("policy", "Notify")),
        interval=duration(raw.get("interval", "1h"), "spec.channel.interval"),
        window=_window(raw.get("window")),
        soak=duration(raw.get("soak", "0s"), "spec.channel.soak"),
    )


def _window(raw: Raw | None) -> Window | None:
    if raw is None:
        return None
    path = "spec.channel.window"
    try:
        zone = ZoneInfo(raw.get("timeZone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        why = f"is {raw['timeZone']!r}; expected a name of the IANA time zones, such as Europe/Berlin"
        raise InvalidSpec(f"{path}.timeZone", why) from error
    hours, _, minutes = raw.get("start", "00:00").partition(":")
    return Window(
        days=frozenset(DAYS.index(day) for day in raw.get("days") or DAYS),
        start_minute=60 * int(hours) + int(minutes),
        duration=duration(raw["duration"], f"{path}.duration"),
        zone=zone,
    )
