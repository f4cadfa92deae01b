"""The three scenes: health while it identifies and loads, swaps under load, and ten times too much."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from .load_client import Plan, Told
from .sidecar_process import LONG_SECONDS, Asking, Sidecar, watched
from .traffic_results import HealthScene, OverloadScene, SwapScene, Times

IDENTIFY, HEALTH = "POST /identify", "GET /health"
# The number of requests that are identified meanwhile.
BESIDE = 8
PROBES_PER_SECOND = 50.0
TIMES_TOO_MUCH = 10
MOST_CONNECTIONS = 400
# Until all connections are open and the first answers have come.
WARM_SECONDS = 1.5
# After a swap the old release's memory is given back: that counts as part of the load.
LETTING_GO_SECONDS = 0.5


@dataclass(frozen=True)
class Stage:
    """What the scenes share: the server, a file with the body of an identify request, and their length."""

    sidecar: Sidecar
    body: Path
    seconds: float
    loads: int

    def identify(self, seconds: float = LONG_SECONDS, connections: int = BESIDE, rate: float = 0.0) -> Asking:
        """Begin to ask who is in the photo."""
        return Asking(Plan(self.sidecar.port, IDENTIFY, seconds, str(self.body), connections, rate))

    def probe(self, seconds: float = LONG_SECONDS) -> Asking:
        """Begin to ask for its health, so many times a second."""
        plan = Plan(
            self.sidecar.port,
            HEALTH,
            seconds,
            rate=PROBES_PER_SECOND,
            connections=MOST_CONNECTIONS,
        )
        return Asking(plan)


def health(stage: Stage) -> HealthScene:
    """Probe it in the three states."""
    alone = _times(stage.probe(stage.seconds).told(), 200)
    busy = stage.identify()
    time.sleep(WARM_SECONDS)
    identifying = _times(stage.probe(stage.seconds).told(), 200)
    probes, loads, windows = stage.probe(), [], []
    time.sleep(WARM_SECONDS)
    for _ in range(stage.loads):
        began = time.time()
        loads.append(stage.sidecar.swap())
        windows.append((began, time.time() + LETTING_GO_SECONDS))
        time.sleep(LETTING_GO_SECONDS)
    told = probes.stop()
    busy.stop()
    inside = [
        (ms, own)
        for (at, ms, _), own in zip(told.answers, told.own_ms, strict=True)
        if any(began <= at + ms / 1000 and at <= end for began, end in windows)
    ]
    loading, own = Times.of([ms for ms, _ in inside]), Times.of([own for _, own in inside])
    return HealthScene(alone, identifying, loading, own, tuple(loads))


def swaps(stage: Stage) -> SwapScene:
    """Swap back and forth under load."""
    before = stage.sidecar.resident()
    with watched(stage.sidecar) as resident:
        asking = stage.identify()
        time.sleep(WARM_SECONDS)
        for _ in range(stage.loads):
            stage.sidecar.swap()
        time.sleep(WARM_SECONDS)
        told = asking.stop()
    return SwapScene(
        swaps=stage.loads,
        requests=len(told.answers),
        failed=sum(status != 200 for _, _, status in told.answers),
        trouble=tuple(told.trouble),
        odd=told.odd,
        times=_times(told, 200),
        resident_before=before,
        resident_most=max(resident),
        resident_after=stage.sidecar.resident(),
    )


def overload(stage: Stage) -> OverloadScene:
    """Ask as much as it can do, then ten times that."""
    full = _goodput(stage.identify(stage.seconds).told(), stage.seconds)
    rate = full * TIMES_TOO_MUCH
    before, used = stage.sidecar.resident(), stage.sidecar.cpu_seconds()
    began = time.perf_counter()
    with watched(stage.sidecar) as resident:
        told = stage.identify(stage.seconds, MOST_CONNECTIONS, rate).told()
    cores = (time.perf_counter() - began) * len(os.sched_getaffinity(0))
    return OverloadScene(
        full=full,
        asked=rate,
        good=_goodput(told, stage.seconds),
        rejected=_times(told, 503).count,
        broken=sum(status not in (200, 503) for _, _, status in told.answers),
        trouble=tuple(told.trouble),
        without_retry=told.without_retry,
        late=told.late,
        rejection=_times(told, 503),
        accepted=_times(told, 200),
        resident_before=before,
        resident_most=max(resident),
        server_cpu=(stage.sidecar.cpu_seconds() - used) / cores,
        client_cpu=told.cpu_seconds / cores,
        body_bytes=stage.body.stat().st_size,
    )


def _goodput(told: Told, seconds: float) -> float:
    """Answers with 200 a second, of those that came while requests were made."""
    end = min(at for at, _, _ in told.answers) + seconds
    return sum(status == 200 and at + ms / 1000 <= end for at, ms, status in told.answers) / seconds


def _times(told: Told, status: int) -> Times:
    return Times.of([ms for _, ms, found in told.answers if found == status])
