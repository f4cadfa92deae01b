"""How pods are replaced, what must hold meanwhile, and what happens when it does not. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from itertools import chain
from typing import Any

from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import Raw, duration


class Strategy(Enum):
    """How a new set of pods takes over from the old one."""

    AUTO = "Auto"
    ROLLING = "Rolling"
    BLUE_GREEN = "BlueGreen"
    CANARY = "Canary"
    RECREATE = "Recreate"


class OnFailure(Enum):
    """What a failed rollout does: go back, or stand still until somebody decides."""

    ROLLBACK = "Rollback"
    FREEZE = "Freeze"


class When(Enum):
    """When a check is made: of a pod before it takes traffic; while a canary step waits; during the bake."""

    BEFORE_TRAFFIC = "BeforeTraffic"
    STEP = "Step"
    BAKE = "Bake"


@dataclass(frozen=True)
class Step:
    """A step of a canary: so much of the traffic, for so long.

    Attributes:
        percent: of the pods, 1 to 100, rounded up.
        pause: before the next step; None: until somebody promotes.
    """

    percent: int
    pause: timedelta | None


@dataclass(frozen=True)
class RecallCheck:
    """The share of stored faces that find themselves, as ``/ready`` tells it: at least so much, 0 to 1."""

    name: str
    least: float


@dataclass(frozen=True)
class LatencyCheck:
    """The self-check's milliseconds a query: at most so many times those of the last good release."""

    name: str
    most_ratio: float


@dataclass(frozen=True)
class JobCheck:
    """A Job that ends well.

    Attributes:
        when: it is made.
        image: None for the sidecar's own.
        command: the container's; ``{service}`` and ``{pod}`` stand for addresses that answer.
        env: passed through.
        timeout: after which it has failed.
    """

    name: str
    when: When
    image: str | None
    command: tuple[str, ...]
    env: tuple[Mapping[str, Any], ...]
    timeout: timedelta


Check = RecallCheck | LatencyCheck | JobCheck


@dataclass(frozen=True)
class Rollout:
    """How pods are replaced and how long that may take.

    Attributes:
        bake: how long a release must serve alone before it is good.
        gated: whether the readiness gate decides which pods take traffic.
    """

    strategy: Strategy
    steps: tuple[Step, ...]
    progress_deadline: timedelta
    bake: timedelta
    drain: timedelta
    checks: tuple[Check, ...]
    on_failure: OnFailure
    gated: bool


def read_rollout(raw: Raw) -> Rollout:
    """Read ``spec.rollout``.

    Raises:
        InvalidSpec: a duration or a check is none.
    """
    path = "spec.rollout"
    return Rollout(
        strategy=Strategy(raw.get("strategy", "Auto")),
        steps=tuple(_step(step, f"{path}.steps[{i}]") for i, step in enumerate(raw.get("steps") or ())),
        progress_deadline=duration(raw.get("progressDeadline", "10m"), f"{path}.progressDeadline"),
        bake=duration(raw.get("bake", "0s"), f"{path}.bake"),
        drain=duration(raw.get("drain", "10s"), f"{path}.drain"),
        checks=tuple(_check(check, f"{path}.checks[{i}]") for i, check in enumerate(raw.get("checks") or ())),
        on_failure=OnFailure(raw.get("onFailure", "Rollback")),
        gated=raw.get("gate", "Required") == "Required",
    )


def _step(raw: Raw, path: str) -> Step:
    pause = raw.get("pause")
    return Step(int(raw["percent"]), duration(pause, f"{path}.pause") if pause is not None else None)


def _check(raw: Raw, path: str) -> Check:
    name = raw["name"]
    if recall := raw.get("recall"):
        return RecallCheck(name, float(recall["min"]))
    if latency := raw.get("latency"):
        return LatencyCheck(name, float(latency["maxRatio"]))
    when = When(raw.get("when", "BeforeTraffic"))
    timeout = duration(raw.get("timeout", "1m"), f"{path}.timeout")
    if http := raw.get("http"):
        status = str(http.get("status", 200))
        command: tuple[str, ...] = ("facedb", "check-http", http["url"], "--status", status)
        return JobCheck(name, when, None, command, (), timeout)
    if metric := raw.get("prometheus"):
        bounds = [(f"--{b}", str(metric[b])) for b in ("min", "max") if metric.get(b) is not None]
        command = ("facedb", "check-prometheus", metric["url"], "--query", metric["query"], *chain(*bounds))
        return JobCheck(name, when, None, command, (), timeout)
    if job := raw.get("job"):
        command, env = tuple(job["command"]), tuple(job.get("env") or ())
        return JobCheck(name, when, job.get("image"), command, env, timeout)
    raise InvalidSpec(path, "names nothing to check; expected one of recall, latency, http, prometheus, job")
