"""Progress for a person at a terminal: one line a step, flushed at once, with the seconds it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Print a line."""
    print(text, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Print what is being done, and afterwards how long it took."""
    sys.stdout.write(f"{text} … ")
    sys.stdout.flush()
    began = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)


class NodeError(Exception):
    """Something that the person at the terminal can do something about; the message says what."""
