"""JSON text of unknown origin → plain values, or one clear ValueError. Pure.

The standard parser takes duplicate keys (the last wins), NaN and infinities, and dies of deep nesting with an
error of another kind; a file that several programs read must mean the same to all of them.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn


def parse_json(data: bytes, *, max_bytes: int) -> Any:
    """Parse strictly.

    Args:
        data: UTF-8 text.
        max_bytes: refuse more than this before parsing.

    Raises:
        ValueError: too large, not UTF-8, not JSON, a duplicate key, a number that is none, too deep.
    """
    if len(data) > max_bytes:
        raise ValueError(f"{len(data)} bytes, more than the {max_bytes} allowed")
    try:
        return json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
    except RecursionError as e:
        raise ValueError("nested too deeply") from e


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
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number
