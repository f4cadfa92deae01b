"""The played cluster begins when its turn has come, or says that it cannot."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from played_cluster import wait_started


class Played(threading.Event):
    """An event that comes at the given look, and a thread that lives for so many looks."""

    def __init__(self, *, comes_at: int, lives: int) -> None:
        super().__init__()
        self.looks = 0
        self.comes_at = comes_at
        self.lives = lives

    def wait(self, timeout: float | None = None) -> bool:
        self.looks += 1
        return self.looks >= self.comes_at

    def is_alive(self) -> bool:
        return self.looks <= self.lives

    @property
    def thread(self) -> threading.Thread:
        return cast(threading.Thread, self)


def test_a_turn_is_waited_for_however_long_the_one_before_takes() -> None:
    played = Played(comes_at=100_000, lives=100_000)
    wait_started(played, played.thread)
    assert played.looks == 100_000


def test_a_cluster_that_cannot_begin_is_not_waited_for() -> None:
    played = Played(comes_at=100, lives=3)
    with pytest.raises(AssertionError, match="port 5000 of this machine is taken"):
        wait_started(played, played.thread)
    assert played.looks == 4
