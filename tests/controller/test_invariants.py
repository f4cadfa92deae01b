"""Whatever users, nodes and kill -9 do in whatever order: nothing impossible happens, and it ends steady."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import world_pods
from facedb_operator.facts import Answer, JobState, Workload
from facedb_operator.names import Component
from world import Killed, World
from world_objects import base_spec, good_answer, outcome

GOOD = ("2026.02.12", "2026.02.18", "2026.02.25")
CORRUPT = "2026.03.01"
UNLOADABLE = "2026.03.08"
# Hashes of a model file; the last one is refused.
MODELS = ("0" * 64, "1" * 64, "f" * 64)
STRATEGIES = ("Auto", "Rolling", "BlueGreen", "Canary", "Recreate")
CHECK = {"name": "smoke", "when": "BeforeTraffic", "job": {"command": ["probe"]}}

Action = tuple[str, Any]

# What people do. They harm nothing by themselves.
wishes = (
    st.tuples(st.just("bump"), st.sampled_from([*GOOD, CORRUPT, UNLOADABLE])),
    st.tuples(st.just("wait"), st.integers(1, 25)),
    st.tuples(st.just("kill after"), st.integers(1, 4)),
    st.tuples(st.just("scale"), st.integers(1, 3)),
    st.tuples(st.just("retry"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["promote", "abort", "pause"]), st.integers(0, 9)),
    st.tuples(st.just("resume"), st.just(0)),
    st.tuples(st.just("rollback"), st.sampled_from(GOOD)),
)
models = st.tuples(st.just("models"), st.sampled_from(MODELS))
# What nodes and other people's hands do: pods are lost that no strategy can keep.
harms = (
    st.tuples(st.just("delete pod"), st.integers(0, 3)),
    st.tuples(st.just("restart pod"), st.integers(0, 3)),
    st.tuples(st.just("strategy"), st.sampled_from(STRATEGIES)),
    st.tuples(st.just("gate"), st.sampled_from(["Required", "Disabled"])),
    st.tuples(st.just("delete deployments"), st.just(0)),
)
rollouts = st.fixed_dictionaries(
    {
        "bake": st.sampled_from(["0s", "0s", "20s"]),
        "onFailure": st.sampled_from(["Rollback", "Freeze"]),
        "checks": st.sampled_from([[], [CHECK]]),
    }
)


def small_world(strategy: str, rollout: dict[str, Any], replicas: int = 1, **laws: Any) -> World:
    """A world with good releases, one that is corrupt and one that does not load."""
    spec = copy.deepcopy(base_spec())
    steps = {"steps": [{"percent": 30, "pause": "5s"}, {"percent": 60, "pause": "1s"}]}
    spec["rollout"] |= {"strategy": strategy, **rollout, **steps}
    spec["sidecar"]["replicas"] = replicas
    return World(
        spec,
        fetches=lambda v: outcome(v, ok=v != CORRUPT, reason="WrongChecksum", permanent=v == CORRUPT),
        answers=loads,
        models=lambda h: outcome(
            "models", ok=h != MODELS[2], reason="WrongChecksum", permanent=h == MODELS[2]
        ),
        **laws,
    )


def loads(work: Workload) -> Answer | None:
    if work.version != UNLOADABLE:
        return good_answer(work)
    return Answer(False, None, None, failed=True, reason="CorruptIndex", message="does not open")


# One case an action: a table.
def act(world: World, action: Action) -> None:  # noqa: C901
    match action:
        case ("bump", version):
            world.apply(version=version)
        case ("wait", seconds):
            for _ in range(seconds):
                live(world)
        case ("kill after", steps):
            world.crash_after = steps
        case ("delete pod", number):
            for name in sorted(world.pods)[number : number + 1]:
                world.delete_pod(name)
        case ("restart pod", number):
            for name in sorted(p.name for p in world.pods.values() if p.ip)[number : number + 1]:
                world_pods.restart(world, name)
        case ("scale", replicas):
            world.apply(sidecar={**world.spec["sidecar"], "replicas": replicas})
        case ("retry" | "promote" | "abort" | "pause" as verb, token):
            world.annotations = {**world.annotations, f"facedb.dev/{verb}": str(token)}
        case ("rollback", version):
            world.annotations = {**world.annotations, "facedb.dev/rollback": f"{version}-{world.now:%S}"}
        case ("resume", _):
            world.annotations.pop("facedb.dev/pause", None)
        case ("models", sha256):
            files = [{"name": "arcface.onnx", "size": 3, "sha256": sha256}]
            world.apply(models={**world.spec["models"], "files": files})
        case ("strategy" | "gate" as field, value):
            world.apply(rollout={**world.spec["rollout"], field: value})
        case _:
            for name in list(world.workloads):
                world.delete_workload(name)


def live(world: World) -> None:
    """One second with the operator at work, or being killed at it."""
    try:
        world.one_pass()
    except Killed:
        world.crash_after = None
    world.tick()


def refused_bytes_are_left_alone(world: World) -> None:
    """No Job runs for what status says was refused."""
    refused = {key: bad["at"] for bad in world.status.get("bad") or () for key in bad["keys"]}
    for job in world.jobs.values():
        began = f"{job.started_at:%Y-%m-%dT%H:%M:%SZ}"
        if job.state is JobState.RUNNING and job.key in refused:
            assert began <= refused[job.key], f"{job.name} fetches what was refused"


def end(world: World, last: str) -> None:
    """Somebody wants this version, and nothing is in its way any more."""
    world.annotations = {"facedb.dev/retry": "the last"}
    world.apply(version=last)
    todo = world.settle()
    assert todo.steps == ()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.serving() == [last] * world.spec["sidecar"]["replicas"]
    assert {w.version for w in world.workloads.values()} == {last}


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(STRATEGIES),
    rollouts,
    st.lists(st.one_of(*wishes, *harms), max_size=12),
    st.sampled_from(GOOD),
)
def test_any_sequence_of_events_ends_steady_with_what_was_asked_for(
    strategy: str, rollout: dict[str, Any], sequence: list[Action], last: str
) -> None:
    world = small_world(strategy, rollout, watch=refused_bytes_are_left_alone)
    for action in sequence:
        act(world, action)
        live(world)
    end(world, last)
    # No Job is left behind, and no more volumes than are kept.
    assert not world.jobs
    assert not world.checks
    assert len([c for c in world.claims.values() if c.version]) <= 2


@pytest.mark.parametrize("strategy", ["Rolling", "BlueGreen", "Canary"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(rollout=rollouts, sequence=st.lists(st.one_of(*wishes), max_size=10), last=st.sampled_from(GOOD))
def test_where_no_pod_is_lost_somebody_always_serves(
    strategy: str, rollout: dict[str, Any], sequence: list[Action], last: str
) -> None:
    def look(world: World) -> None:
        # A rollback may name a release good that has not served yet: the first one, when it was aborted.
        world.served_once |= "lastGood" in world.status and bool(world.serving())
        assert world.serving() or not world.served_once, f"nobody serves at {world.now}"

    world = small_world(strategy, rollout, watch=look)
    for action in sequence:
        act(world, action)
        live(world)
    end(world, last)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    rollout=rollouts,
    replicas=st.integers(1, 3),
    sequence=st.lists(st.one_of(*(w for i, w in enumerate(wishes) if i != 3)), max_size=10),
    last=st.sampled_from(GOOD),
)
def test_rolling_never_has_fewer_pods_in_traffic_than_are_wanted(
    rollout: dict[str, Any], replicas: int, sequence: list[Action], last: str
) -> None:
    def look(world: World) -> None:
        world.served_once |= "lastGood" in world.status and len(world.serving()) >= replicas
        assert len(world.serving()) >= replicas or not world.served_once

    world = small_world("Rolling", rollout, replicas, watch=look)
    for action in sequence:
        act(world, action)
        live(world)
    end(world, last)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    rollout=rollouts,
    sequence=st.lists(st.one_of(*wishes, *harms[:2]), max_size=10),
    last=st.sampled_from(GOOD),
)
def test_with_recreate_pods_of_two_revisions_never_exist_side_by_side(
    rollout: dict[str, Any], sequence: list[Action], last: str
) -> None:
    def look(world: World) -> None:
        assert len({p.revision_key for p in world.pods.values()}) <= 1, f"two revisions at {world.now}"

    world = small_world("Recreate", rollout, watch=look)
    for action in sequence:
        act(world, action)
        live(world)
    end(world, last)


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    strategy=st.sampled_from(["Auto", "Recreate"]),
    rollout=rollouts,
    sequence=st.lists(st.one_of(*(w for i, w in enumerate(wishes) if i != 3), *harms[:2]), max_size=10),
    last=st.sampled_from(GOOD),
)
def test_one_gpu_is_enough_for_every_change(
    strategy: str, rollout: dict[str, Any], sequence: list[Action], last: str
) -> None:
    world = small_world(strategy, rollout, gpus=1)
    for action in sequence:
        act(world, action)
        live(world)
    end(world, last)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    strategy=st.sampled_from(["Auto", "BlueGreen", "Recreate"]),
    rollout=rollouts,
    sequence=st.lists(st.one_of(models, *wishes[:3], wishes[4], wishes[7], harms[4]), max_size=12),
    last=st.sampled_from(GOOD),
)
def test_pods_are_made_only_with_models_that_were_verified(
    strategy: str, rollout: dict[str, Any], sequence: list[Action], last: str
) -> None:
    # The small world refuses others, and that those of the last good release go.
    world = small_world(strategy, rollout, watch=refused_bytes_are_left_alone)
    for version in GOOD[:2]:
        act(world, ("bump", version))
        world.settle()
    for action in sequence:
        act(world, action)
        live(world)
    act(world, ("models", MODELS[1]))
    end(world, last)
    assert len([c for c in world.claims.values() if c.component is Component.MODELS]) == 1
