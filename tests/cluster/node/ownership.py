"""Whose state folder is it, and who works on it now. Nothing is deleted in a folder that is not ours."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.node.layout import cache_dir
from cluster.node.say import say

_MARK = "facedb-node"


def claim(state: Path) -> None:
    """Make the state folder and mark it as ours."""
    state.mkdir(parents=True, exist_ok=True)
    (state / _MARK).write_text("The folder of facedb's test node: `make cluster-down` deletes it whole.\n")


def is_ours(state: Path) -> bool:
    """Whether a node of ours was begun in this folder."""
    return (state / _MARK).is_file()


def is_foreign(state: Path) -> bool:
    """Whether this folder holds something that we did not put there."""
    if not state.exists() or is_ours(state):
        return False
    return not state.is_dir() or any(state.iterdir())


@contextmanager
def alone() -> Iterator[None]:
    """Let one process at a time build, start or stop; others wait their turn."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with (cache_dir() / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another `up`, `down` or build is at work: waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
