"""Fields that several parts of a spec have: words, durations, sizes, keys of Secrets and ConfigMaps. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, TypeVar

from facedb_operator.spec.errors import InvalidSpec

Raw = Mapping[str, Any]
Word = TypeVar("Word", bound=Enum)

# Both as in the CRD. Five digits make 285 years at most: any date of today bears as much more or less.
_SIZE = re.compile(r"([1-9][0-9]{0,14}(\.[0-9]{1,3})?|0\.[0-9]{0,2}[1-9])(Ki|Mi|Gi|Ti|k|M|G|T)?")
_DURATION = re.compile("(?:([0-9]{1,5})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,5})m)?(?:([0-9]{1,5})s)?")


@dataclass(frozen=True)
class ObjectKey:
    """One key of a Secret or ConfigMap in the database's namespace."""

    name: str
    key: str


def object_key(ref: Raw | None) -> ObjectKey | None:
    """``{name, key}``; None where nothing is referred to."""
    return ObjectKey(ref["name"], ref["key"]) if ref else None


def word(kind: type[Word], text: str, path: str) -> Word:
    """One of a closed set of words.

    Raises:
        InvalidSpec: it is none of them, as when the CRD is of another edition than the operator.
    """
    try:
        return kind(text)
    except ValueError as error:
        expected = ", ".join(str(each.value) for each in kind)
        raise InvalidSpec(path, f"is {text!r}; expected one of {expected}") from error


def switch(text: str, on: str, off: str, path: str) -> bool:
    """Whether a word of two says ``on``.

    Raises:
        InvalidSpec: it is neither.
    """
    if text not in (on, off):
        raise InvalidSpec(path, f"is {text!r}; expected one of {on}, {off}")
    return text == on


def quantity(value: object, path: str) -> str:
    """A size above 0 such as ``4Gi``, in its own words.

    Raises:
        InvalidSpec: it is none.
    """
    text = str(value)
    if not _SIZE.fullmatch(text):
        raise InvalidSpec(path, f"is {text!r}; expected a size above 0 such as 4Gi or 500M")
    return text


def duration(text: str, path: str) -> timedelta:
    """A duration such as ``90s``, ``10m``, ``1h30m`` or ``2d``.

    Raises:
        InvalidSpec: it is none, or longer than anybody can wait for.
    """
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise InvalidSpec(path, f"is {text!r}; expected a duration such as 90s, 10m, 1h30m or 2d")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
