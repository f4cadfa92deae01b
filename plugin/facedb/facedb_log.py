"""Lines for Stash's log: on standard error, each behind a byte 1, its level's letter and a byte 2."""

from __future__ import annotations

import re
import sys

DEBUG, INFO, WARNING, ERROR = "d", "i", "w", "e"
_MOST = 1000


def log(level: str, text: str) -> None:
    """Write one line, whatever the text holds: data may not begin a line of its own, or choose a level."""
    line = re.sub(r"[\x00-\x1f\x7f]+", " ", text)[:_MOST]
    sys.stderr.write(f"\x01{level}\x02[facedb] {line}\n")
    sys.stderr.flush()
