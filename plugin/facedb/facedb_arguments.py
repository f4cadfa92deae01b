"""What a page sent along, checked → a request's path, query and body. Pure: no network, no clock.

Used by the table of modes (facedb_modes). A mistake of the page becomes ``BadArguments`` with a sentence.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

_PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
# Of an argument in a path: the longest that any route takes is 2,048 characters in base64.
_MOST_IN_PATH = 4096
_NEEDED = object()
_LEFT_OUT = object()


class BadArguments(Exception):
    """The page asked for something that cannot be asked of the sidecar; the message says what is wrong."""


def _as_it_is(name: str, value: Any) -> Any:
    return value


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise BadArguments(f"{name} must be text")
    # JavaScript's numbers may come as 7.0.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise BadArguments(f"{name} must be a whole number")
    return int(value)


def _number(name: str, value: Any) -> float:
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise BadArguments(f"{name} must be a number")
    return found


READ: Mapping[str, Callable[[str, Any], Any]] = {
    "": _as_it_is,
    "text": _text,
    "whole": _whole,
    "number": _number,
}


@dataclass(frozen=True)
class Argument:
    """One argument of a mode, which becomes a field of the body or of the query.

    Attributes:
        name: of the field.
        kind: a key of ``READ``.
        sources: names that pages give it; the first with a value counts.
        default: what is sent without it; it may be needed, or be left out.
    """

    name: str
    kind: str
    sources: tuple[str, ...]
    default: Any

    @property
    def needed(self) -> bool:
        """Is the mode refused without it."""
        return self.default is _NEEDED

    def into(self, fields: dict[str, Any], args: Mapping[str, Any]) -> None:
        """Add the field, if it is to be sent.

        Raises:
            BadArguments: it is needed and not there, or is of another kind.
        """
        found = next((args[s] for s in self.sources if not is_empty(args.get(s))), None)
        if found is None and self.default is _NEEDED:
            raise BadArguments(f"No {self.name} provided")
        if found is not None:
            fields[self.name] = READ[self.kind](self.name, found)
        elif self.default is not _LEFT_OUT:
            fields[self.name] = self.default


def is_empty(value: Any) -> bool:
    """Is it nothing; 0 and false are something."""
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def need(name: str, kind: str = "") -> Argument:
    """An argument without which the mode is refused."""
    return Argument(name, kind, (name,), _NEEDED)


def may(name: str, kind: str = "", *sources: str) -> Argument:
    """An argument that is sent only if it is there."""
    return Argument(name, kind, sources or (name,), _LEFT_OUT)


def given(name: str, default: Any, kind: str = "") -> Argument:
    """An argument that is always sent."""
    return Argument(name, kind, (name,), default)


def in_fields(arguments: tuple[Argument, ...], args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments → the fields that are sent, in the order of the table.

    Raises:
        BadArguments: one is missing, or is of another kind.
    """
    fields: dict[str, Any] = {}
    for argument in arguments:
        argument.into(fields, args)
    return fields


def in_query(arguments: tuple[Argument, ...], args: Mapping[str, Any]) -> str:
    """Arguments → ``?a=b&c=d``, or nothing.

    Raises:
        BadArguments: one is of another kind, or is no text.
    """
    fields = {name: _text(name, value) for name, value in in_fields(arguments, args).items()}
    return f"?{urlencode(fields, errors='replace')}" if fields else ""


def in_path(template: str, args: Mapping[str, Any]) -> str:
    """``/queue/{job_id:whole}/stop`` → the path. An argument stays one segment, whatever it holds.

    Raises:
        BadArguments: one is missing, or would lead to another route.
    """
    return _PLACE.sub(lambda place: _segment(place[1], place[2] or "text", args), template)


def named_in_path(template: str) -> list[str]:
    """The arguments that a path takes."""
    return [place[1] for place in _PLACE.finditer(template)]


def _segment(name: str, kind: str, args: Mapping[str, Any]) -> str:
    value = args.get(name)
    if is_empty(value):
        raise BadArguments(f"No {name} provided")
    if kind == "whole":
        return str(_whole(name, value))
    text = _text(name, value)
    if kind == "base64":
        text = base64.b64encode(text.encode("utf-8", "replace")).decode()
    # Servers decode %2F before they choose a route, and clients resolve dots even where they are escaped.
    elif "/" in text or "\\" in text or text in (".", ".."):
        raise BadArguments(f"{name} must not be a path")
    if len(text) > _MOST_IN_PATH:
        raise BadArguments(f"{name} is too long")
    return quote(text, safe="", errors="replace")
