"""JSON text of unknown origin → plain values, or one clear ValueError. Pure.

The standard parser takes duplicate keys (the last wins), NaN and infinities, halves of characters and control
characters in names, and dies of deep nesting with an error of another kind; a file that several programs read
must mean the same to all of them.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

# 64 bits need 20 digits with the sign; what is longer no other reader can hold.
MAX_DIGITS = 20
MAX_FLOAT_TEXT = 64
# What could spell a forbidden character. It may also match something harmless: then the values themselves are
# looked at, which costs more.
_SUSPECT_ESCAPE = re.compile(r"\\(?:[bfnrt]|u00[01789]|u[dD][89a-fA-F])")
_SUSPECT_RAW = re.compile("[\x7f-\x9f]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def parse_json(data: bytes, *, max_bytes: int) -> Any:
    """Parse strictly.

    Args:
        data: UTF-8 text.
        max_bytes: refuse more than this before parsing.

    Raises:
        ValueError: too large, not UTF-8, not JSON, a duplicate key, a number that is none or too long, half
            of a character, a control character (tabs and line breaks may stand in values), too deep.
    """
    if len(data) > max_bytes:
        raise ValueError(f"{len(data)} bytes, more than the {max_bytes} allowed")
    text = data.decode("utf-8")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except RecursionError as e:
        raise ValueError("nested too deeply") from e
    if _suspect(text):
        _refuse_forbidden(value)
    return value


def _suspect(text: str) -> bool:
    """Say whether a forbidden character could stand somewhere; quick where the text is plain, as most is."""
    raw = (not text.isascii() or "\x7f" in text) and _SUSPECT_RAW.search(text)
    return bool(raw or ("\\" in text and _SUSPECT_ESCAPE.search(text)))


def shown(value: Any) -> str:
    """Describe a parsed value in a few words, for a message: never long, never deep."""
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'an array'} of {len(value)}"
    return repr(value[:60]) if isinstance(value, str) else str(value)[:60]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key[:80]!r} stands there twice")
            seen.add(key)
    return made


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _finite(text: str) -> float:
    if len(text) > MAX_FLOAT_TEXT:
        raise ValueError(f"a number of {len(text)} characters stands there")
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} digits stands there")
    return int(text)


def _refuse_forbidden(value: Any) -> None:
    """Walk through all texts, without recursion."""
    left = [value]
    while left:
        here = left.pop()
        if isinstance(here, str):
            _refuse_in(here, _FORBIDDEN)
        elif isinstance(here, list):
            left += here
        elif isinstance(here, dict):
            for key in here:
                _refuse_in(key, _CONTROL)
            left += here
            left += here.values()


def _refuse_in(text: str, pattern: re.Pattern[str]) -> None:
    found = pattern.search(text)
    if found:
        raise ValueError(f"the text {text[:40]!r} holds the character {ord(found[0]):#06x}")
