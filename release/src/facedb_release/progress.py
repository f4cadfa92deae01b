"""How far a run is: phases and bytes, as JSON lines for the operator or a bar for people."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.progress import TaskID


class Phase(StrEnum):
    """What a run is doing."""

    RESOLVING = "Resolving"
    DOWNLOADING = "Downloading"
    VERIFYING = "Verifying"
    COPYING = "Copying"
    PACKING = "Packing"


class Progress(Protocol):
    """Where a run tells how far it is. Called often; must be cheap."""

    def __call__(self, phase: Phase, done: int, total: int | None, file: str | None) -> None:
        """Tell the phase, the bytes done and in total, and the file at hand."""


def no_progress(phase: Phase, done: int, total: int | None, file: str | None) -> None:
    """Tell nobody."""


class JsonLines:
    """Progress as JSON lines: the first and last, each new phase, and at most one a second between."""

    def __init__(
        self, out: TextIO, *, every_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._out = out
        self._every = every_seconds
        self._clock = clock
        self._phase: Phase | None = None
        self._next = 0.0
        self._held: tuple[Phase, int, int | None, str | None] | None = None

    def __call__(self, phase: Phase, done: int, total: int | None, file: str | None) -> None:
        """Write the line, or hold it back until one is due."""
        now = self._clock()
        if phase is self._phase and now < self._next:
            self._held = (phase, done, total, file)
            return
        if phase is not self._phase:
            self.close()
        self._phase, self._next, self._held = phase, now + self._every, None
        self._write((phase, done, total, file))

    def close(self) -> None:
        """Write the line that was held back, if any."""
        if self._held is not None:
            self._write(self._held)
            self._held = None

    def _write(self, told: tuple[Phase, int, int | None, str | None]) -> None:
        """Write one line; when nobody reads any more, the run goes on without."""
        phase, done, total, file = told
        line = {"event": "progress", "phase": phase, "bytes_done": done, "bytes_total": total, "file": file}
        with suppress(BrokenPipeError):
            self._out.write(json.dumps(line, separators=(",", ":")) + "\n")
            self._out.flush()


class Bar:
    """Progress as a bar on a terminal."""

    def __init__(self) -> None:
        # Only people see it: in a Job it would cost 10 MB of memory.
        from rich import progress as rich
        from rich.console import Console

        columns = (
            rich.TextColumn("{task.description:<12}"),
            rich.BarColumn(),
            rich.DownloadColumn(),
            rich.TransferSpeedColumn(),
            rich.TimeRemainingColumn(),
            rich.TextColumn("{task.fields[file]}"),
        )
        self._bar = rich.Progress(*columns, console=Console(stderr=True))
        self._tasks: dict[Phase, TaskID] = {}
        self._bar.start()

    def __call__(self, phase: Phase, done: int, total: int | None, file: str | None) -> None:
        """Move the phase's bar."""
        if phase not in self._tasks:
            self._tasks[phase] = self._bar.add_task(phase, total=total, file="")
        self._bar.update(self._tasks[phase], completed=done, total=total, file=file or "")

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bar.stop()
