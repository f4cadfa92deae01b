"""How long the stages of an answer took: measured while it is made, a frozen value afterwards."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Milliseconds of wall time.

    Attributes:
        detection_ms: finding faces and cutting them out.
        embedding_ms: the two recognition networks.
        matching_ms: asking the indices and joining their answers.
        signals_ms: looking at bodies and tattoos, and ranking again by them.
    """

    detection_ms: float = 0.0
    embedding_ms: float = 0.0
    matching_ms: float = 0.0
    signals_ms: float = 0.0

    def __add__(self, other: Timing) -> Timing:
        """Both, one after the other."""
        return Timing(
            self.detection_ms + other.detection_ms,
            self.embedding_ms + other.embedding_ms,
            self.matching_ms + other.matching_ms,
            self.signals_ms + other.signals_ms,
        )


class Stopwatch:
    """Adds up the time of named stages; for one thread."""

    def __init__(self) -> None:
        self._ms: dict[str, float] = defaultdict(float)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done inside as part of the stage, also when it fails."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._ms[name] += (time.perf_counter() - start) * 1000

    def timing(self) -> Timing:
        """What was measured so far."""
        return Timing(
            detection_ms=self._ms["detection"],
            embedding_ms=self._ms["embedding"],
            matching_ms=self._ms["matching"],
            signals_ms=self._ms["signals"],
        )
