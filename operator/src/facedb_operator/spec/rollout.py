"""How pods are replaced, what must hold meanwhile, and what happens when it does not. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import Raw, duration, switch, word


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
    """When a check is made: before the first pod takes traffic; while a canary step waits; in the bake."""

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
        strategy=word(Strategy, raw.get("strategy", "Auto"), f"{path}.strategy"),
        steps=tuple(_step(step, f"{path}.steps[{i}]") for i, step in enumerate(raw.get("steps") or ())),
        progress_deadline=duration(raw.get("progressDeadline", "10m"), f"{path}.progressDeadline"),
        bake=duration(raw.get("bake", "0s"), f"{path}.bake"),
        drain=duration(raw.get("drain", "10s"), f"{path}.drain"),
        checks=tuple(_check(check, f"{path}.checks[{i}]") for i, check in enumerate(raw.get("checks") or ())),
        on_failure=word(OnFailure, raw.get("onFailure", "Rollback"), f"{path}.onFailure"),
        gated=switch(raw.get("gate", "Required"), "Required", "Disabled", f"{path}.gate"),
    )


def _step(raw: Raw, path: str) -> Step:
    pause = raw.get("pause")
    return Step(int(raw["percent"]), duration(pause, f"{path}.pause") if pause is not None else None)


def _check(raw: Raw, path: str) -> Check:
    found = [kind for kind in _KINDS if raw.get(kind) is not None]
    if len(found) != 1:
        why = f"names {' and '.join(found) or 'nothing to check'}; expected one of {', '.join(_KINDS)}"
        raise InvalidSpec(path, why)
    name, kind = raw["name"], raw[found[0]]
    if found == ["recall"]:
        return RecallCheck(name, float(kind["min"]))
    if found == ["latency"]:
        return LatencyCheck(name, float(kind["maxRatio"]))
    return JobCheck(
        name=name,
        when=word(When, raw.get("when", "BeforeTraffic"), f"{path}.when"),
        image=kind.get("image") if found == ["job"] else None,
        command=_COMMANDS[found[0]](kind),
        env=tuple(kind.get("env") or ()) if found == ["job"] else (),
        timeout=duration(raw.get("timeout", "1m"), f"{path}.timeout"),
    )


# What a user writes stays a value: no option (so an equals sign, or --), and no variable of
# the kubelet's (so $$ for a dollar). Only a Job's own command is as in a pod.
def _http(raw: Raw) -> tuple[str, ...]:
    return ("facedb", "check-http", f"--status={raw.get('status', 200)}", "--", _literal(raw["url"]))


def _prometheus(raw: Raw) -> tuple[str, ...]:
    bounds = (f"--{bound}={raw[bound]}" for bound in ("min", "max") if raw.get(bound) is not None)
    query = f"--query={_literal(raw['query'])}"
    return ("facedb", "check-prometheus", query, *bounds, "--", _literal(raw["url"]))


def _command(raw: Raw) -> tuple[str, ...]:
    return tuple(raw["command"])


def _literal(text: str) -> str:
    return text.replace("$", "$$")


_COMMANDS = {"http": _http, "prometheus": _prometheus, "job": _command}
_KINDS = ("recall", "latency", *_COMMANDS)
