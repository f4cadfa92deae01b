"""What was measured of the traffic, as values: made by scenes, read by bars and the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Times:
    """Milliseconds of many answers."""

    count: int
    p50: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Times:
        """Nearest rank: the p99 is one that was measured."""
        if not values:
            return cls(0, 0.0, 0.0, 0.0)
        ordered = sorted(values)
        rank = math.ceil(len(ordered) * 0.99) - 1
        return cls(len(ordered), median(ordered), ordered[rank], ordered[-1])


@dataclass(frozen=True)
class HealthScene:
    """``/health`` alone, beside 8 identify requests, and beside those and the load of another release.

    ``client`` is the part of ``loading`` that the client itself came late with: the machine did not run it.
    """

    alone: Times
    identifying: Times
    loading: Times
    client: Times
    load_seconds: tuple[float, ...]


@dataclass(frozen=True)
class SwapScene:
    """Identify requests from before the first to after the last of several swaps; resident bytes."""

    swaps: int
    requests: int
    failed: int
    trouble: tuple[str, ...]
    odd: int
    times: Times
    resident_before: int
    resident_most: int
    resident_after: int


@dataclass(frozen=True)
class OverloadScene:
    """At full load, and asked ten times as much.

    Attributes:
        full: answers with 200 a second, 8 connections that ask again when they were answered.
        asked: requests a second at ten times that.
        good: answers with 200 a second meanwhile.
        rejected: answers with 503.
        broken: connections that broke, and other answers.
        trouble: the first few of those.
        without_retry: 503 answers without Retry-After.
        late: requests that the client had no connection for.
        rejection: times of the 503 answers.
        accepted: times of the 200 answers.
        resident_before: bytes of the server.
        resident_most: bytes of the server.
        server_cpu: share of all cores' time, meanwhile.
        client_cpu: share of all cores' time, meanwhile.
        body_bytes: of each request.
    """

    full: float
    asked: float
    good: float
    rejected: int
    broken: int
    trouble: tuple[str, ...]
    without_retry: int
    late: int
    rejection: Times
    accepted: Times
    resident_before: int
    resident_most: int
    server_cpu: float
    client_cpu: float
    body_bytes: int


@dataclass(frozen=True)
class TrafficResults:
    """Everything of one run."""

    scale: str
    faces: int
    health: HealthScene
    swap: SwapScene
    overload: OverloadScene
