"""What was measured, as values: races, stages, bytes moved, kills. Made by scenarios, read by bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from .process import Ran
from .shaping_server import Link

PLAIN, OURS = "plain", "ours"


@dataclass(frozen=True)
class Race:
    """Both variants on one link, in turn."""

    name: str
    link: Link
    runs: Mapping[str, tuple[Ran, ...]]

    def seconds(self, variant: str) -> float:
        """Return the median."""
        return median(r.reading.seconds for r in self.runs[variant])

    def cpu_seconds(self, variant: str) -> float:
        """Return the median, children included."""
        return median(r.reading.cpu_seconds for r in self.runs[variant])

    def written(self, variant: str) -> float:
        """Return the median bytes written."""
        return median(r.reading.written for r in self.runs[variant])

    def peak(self, variant: str) -> int:
        """Return the highest resident bytes of the process itself."""
        return max(r.reading.peak for r in self.runs[variant])

    def children_peak(self, variant: str) -> int:
        """Return the highest resident bytes of one child."""
        return max(r.reading.children_peak for r in self.runs[variant])

    @property
    def ratio(self) -> float:
        """Ours to the plain way, by medians."""
        return self.seconds(OURS) / self.seconds(PLAIN)

    @property
    def others(self) -> float:
        """Share of the cores that neither a variant nor the server used, median."""
        return median(r.others for runs in self.runs.values() for r in runs)


@dataclass(frozen=True)
class Stage:
    """One stage alone: its best with one thread and with one for each core."""

    name: str
    one: float
    all: float
    cpu_seconds: float

    @property
    def best(self) -> float:
        """The faster of both, in seconds."""
        return min(self.one, self.all)


@dataclass(frozen=True)
class Moved:
    """An update: bytes that the server sent for it, and bytes that it could not do without."""

    sent: int
    needed: int
    full: int
    seconds: float


@dataclass(frozen=True)
class Skipped:
    """A step that could not be run, and why."""

    why: str


@dataclass(frozen=True)
class Kill:
    """One kill -9: at which share of the archive, and what the server sent before and after."""

    at: float
    sent_before: int
    sent_after: int
    size: int
    streams: int

    @property
    def again(self) -> int:
        """Bytes that were sent although they had been sent before."""
        return self.sent_before + self.sent_after - self.size


@dataclass(frozen=True)
class Results:
    """Everything of one run; sizes in bytes."""

    scale: str
    faces: int
    performers: int
    packed: int
    unpacked: int
    races: tuple[Race, ...] = ()
    stages: tuple[Stage, ...] = ()
    update: Moved | Skipped = field(default_factory=lambda: Skipped("not asked for"))
    patch: Moved | Skipped = field(default_factory=lambda: Skipped("not asked for"))
    kills: tuple[Kill, ...] | Skipped = field(default_factory=lambda: Skipped("not asked for"))

    def race(self, name: str) -> Race | None:
        """Return the race on this link, if it was run."""
        return next((r for r in self.races if r.name == name), None)
