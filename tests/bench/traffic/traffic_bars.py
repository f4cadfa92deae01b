"""What was measured of the traffic → each promise beside its number. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..bars import MIB, Bar
from .scenes_of_traffic import BESIDE, TIMES_TOO_MUCH
from .traffic_results import HealthScene, OverloadScene, SwapScene, Times, TrafficResults

HEALTH_P99_MS = 20.0
GOODPUT = 0.9
# Bodies of 16 waiting requests, two decoded photos and the allocator's slack; a leak would be far more.
GROWTH_MIB = 128.0


def bars(results: TrafficResults) -> tuple[Bar, ...]:
    """Every row."""
    return (*_health(results.health), *_swap(results.swap), *_overload(results.overload))


def _health(scene: HealthScene) -> Iterator[Bar]:
    yield Bar("health alone: p99 ms", scene.alone.p99, None, _spread(scene.alone), digits=1)
    yield Bar(
        f"health, {BESIDE} identify: p99 ms",
        scene.identifying.p99,
        None,
        _spread(scene.identifying),
        digits=1,
    )
    seconds = ", ".join(f"{s:.1f}" for s in scene.load_seconds)
    yield Bar(
        f"health, {BESIDE} identify and a load: p99 ms",
        scene.loading.p99,
        HEALTH_P99_MS,
        f"{_spread(scene.loading)}; {len(scene.load_seconds)} loads of {seconds} s",
        digits=1,
    )
    yield Bar(
        "of it, what the client itself was late: p99 ms", scene.client.p99, None, _spread(scene.client), 1
    )


def _swap(scene: SwapScene) -> Iterator[Bar]:
    note = f"of {scene.requests} over {scene.swaps} swaps; {_spread(scene.times)}"
    yield Bar("swap under load: failed requests", scene.failed + scene.odd, 0.0, note, digits=0)
    grown = (scene.resident_after - scene.resident_before) / MIB
    most = (scene.resident_most - scene.resident_before) / MIB
    yield Bar(
        "swap under load: MiB more after the last", grown, None, f"at most {most:.0f} meanwhile", digits=0
    )


def _overload(scene: OverloadScene) -> Iterator[Bar]:
    times = f"{TIMES_TOO_MUCH} x"
    note = (
        f"{scene.full:.1f} /s to {scene.good:.1f} /s at {scene.asked:.0f} asked for; of the cores the server "
        f"used {scene.server_cpu:.0%} and the client {scene.client_cpu:.0%}"
    )
    yield Bar(f"{times}: goodput at full load / goodput", _ratio(scene), 1 / GOODPUT, note)
    refused = (
        f"{scene.rejected} of them; {_spread(scene.rejection)}; bodies of {scene.body_bytes // 1024} KiB"
    )
    yield Bar(f"{times}: rejections, p50 ms", scene.rejection.p50, None, refused, digits=1)
    yield Bar(f"{times}: accepted, p99 ms", scene.accepted.p99, None, _spread(scene.accepted), digits=0)
    broken = scene.broken + scene.without_retry
    late = f"{scene.late} more that the client had no connection for"
    yield Bar(f"{times}: broken, or 503 without Retry-After", broken, 0.0, late, digits=0)
    grown = (scene.resident_most - scene.resident_before) / MIB
    note = f"from {scene.resident_before / MIB:.0f} MiB"
    yield Bar(f"{times}: MiB more at most", grown, GROWTH_MIB, note, digits=0)


def _ratio(scene: OverloadScene) -> float:
    return scene.full / scene.good if scene.good else float("inf")


def _spread(times: Times) -> str:
    return f"{times.count} answers: p50 {times.p50:.1f}, p99 {times.p99:.1f}, most {times.most:.1f} ms"
