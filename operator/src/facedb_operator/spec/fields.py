"""Fields that several parts of a spec have: durations, keys of Secrets and ConfigMaps. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from facedb_operator.spec.errors import InvalidSpec

Raw = Mapping[str, Any]

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


@dataclass(frozen=True)
class ObjectKey:
    """One key of a Secret or ConfigMap in the database's namespace."""

    name: str
    key: str


def object_key(ref: Raw | None) -> ObjectKey | None:
    """``{name, key}``; None where nothing is referred to."""
    return ObjectKey(ref["name"], ref["key"]) if ref else None


def duration(text: str, path: str) -> timedelta:
    """A duration such as ``90s``, ``10m``, ``1h30m`` or ``2d``.

    Raises:
        InvalidSpec: it is none, or longer than anybody can wait for.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise InvalidSpec(path, f"is {text!r}; expected a duration such as 90s, 10m, 1h30m or 2d")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError as error:
        raise InvalidSpec(path, f"is {text!r}, which is too long") from error
