"""Stories that end in states which the other stories do not come to; told for readers of the status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import world_storage
from controller.test_kstatus_everywhere import STATES
from controller.test_promises import a_world
from facedb_operator.facts import Answer, Cluster, Fleet
from rollout_stories import A, B, C, say, serving_a, wait
from world import World
from world_objects import base_spec, good_answer, outcome

SNAPSHOTS = Cluster(snapshot_class="fast")
SMOKE = {"name": "smoke", "http": {"url": "{pod}/health"}}


def _turned_off(**more: Any) -> None:
    world = serving_a(base_spec())
    world.apply(sidecar={**world.spec["sidecar"], "replicas": 0})
    wait(world, 20)
    if more:
        world.apply(**more)
        wait(world, 5)


def hibernated() -> None:
    _turned_off()


def hibernated_with_another_version_wanted() -> None:
    _turned_off(version=B)


def queued() -> None:
    world = serving_a(base_spec())
    world.fleet = Fleet(may_begin=False, message="1 of 1 rollouts are under way.")
    world.apply(version=B)
    wait(world, 20)


def checking() -> None:
    world = serving_a(base_spec(), checks=[SMOKE])
    world.checked = lambda _: None
    world.apply(version=B)
    wait(world, 20)


def retrying() -> None:
    world = serving_a(base_spec(), onFailure="Freeze")
    world.answers = _failing
    world.apply(version=B)
    wait(world, 30)
    say(world, "retry")
    wait(world, 30)


def repairing() -> None:
    world = serving_a(base_spec(), replicas=2)
    world.quota = "no more pods"
    world.delete_pod(next(iter(world.pods)))
    wait(world, 20)


def restoring() -> None:
    world = World(base_spec(), cluster=SNAPSHOTS)
    for version in (A, B, A):
        world.apply(version=version)
        world.settle()


def volume_deleted() -> None:
    world = serving_a(base_spec())
    world_storage.take(world, next(c.name for c in world.claims.values() if c.version))
    wait(world, 60)


def snapshots_that_fail() -> None:
    wait(World(base_spec(), cluster=SNAPSHOTS, snaps=lambda _: "the driver is out of space"), 90)


def _per_pod(**laws: Any) -> None:
    storage = {**base_spec()["storage"], "strategy": "Snapshot", "distribution": "PerPod"}
    wait(World({**base_spec(), "storage": storage}, cluster=SNAPSHOTS, **laws), 90)


def per_pod() -> None:
    _per_pod(snaps=lambda _: False)


def per_pod_without_a_snapshot() -> None:
    _per_pod(snaps=lambda _: "the driver is out of space")


def snapshots_unavailable() -> None:
    wait(World({**base_spec(), "storage": {**base_spec()["storage"], "strategy": "Snapshot"}}), 30)


def gone_back_by_hand() -> None:
    world = serving_a(base_spec())
    world.apply(version=B)
    world.settle()
    say(world, "rollback", f"{A}-1")
    wait(world, 40)


def _failing(work: Any) -> Answer:
    failed = Answer(False, None, None, failed=True, reason="CorruptIndex", message="does not open")
    return failed if work.version == B else good_answer(work)


def _first(reason: str, *, permanent: bool) -> None:
    bad = outcome(A, ok=False, reason=reason, permanent=permanent)
    wait(World(base_spec(), fetches=lambda _: bad), 30)


def first_release_refused() -> None:
    _first("InvalidSignature", permanent=True)


def first_release_not_published() -> None:
    _first("VersionNotFound", permanent=False)


def first_release_without_an_archive() -> None:
    _first("AssetNotFound", permanent=False)


def no_space() -> None:
    _first("NoSpace", permanent=False)


def source_unavailable() -> None:
    _first("SourceUnavailable", permanent=False)


def source_forbidden() -> None:
    _first("SourceForbidden", permanent=False)


def first_release_that_does_not_load() -> None:
    wait(World({**base_spec(), "version": B}, answers=_failing), 60)


def first_release_that_is_another() -> None:
    wait(World(base_spec(), answers=lambda w: replace(good_answer(w), digest="sha256:other")), 60)


def first_release_that_never_answers() -> None:
    wait(World(base_spec(), answers=lambda _: None), 200)


def first_release_that_crashes() -> None:
    wait(World(base_spec(), crashes=lambda _pod, _work: True, answers=lambda _: None), 100)


def first_release_that_fails_its_check() -> None:
    spec = base_spec()
    spec["rollout"]["checks"] = [SMOKE]
    wait(World(spec, checked=lambda _: False), 60)


def a_third_release() -> None:
    world = serving_a(base_spec())
    for version in (B, C):
        world.apply(version=version)
        world.settle()


def states_of_kstatus() -> None:
    for come, _, _ in STATES.values():
        world = a_world("Rolling", "Volume", {})
        wait(world, 60)
        come(world)
        wait(world, 60)


MORE: tuple[Callable[[], None], ...] = (
    hibernated,
    hibernated_with_another_version_wanted,
    queued,
    checking,
    retrying,
    repairing,
    restoring,
    volume_deleted,
    snapshots_that_fail,
    per_pod,
    per_pod_without_a_snapshot,
    snapshots_unavailable,
    gone_back_by_hand,
    first_release_refused,
    first_release_not_published,
    first_release_without_an_archive,
    no_space,
    source_unavailable,
    source_forbidden,
    first_release_that_does_not_load,
    first_release_that_is_another,
    first_release_that_never_answers,
    first_release_that_crashes,
    first_release_that_fails_its_check,
    a_third_release,
    states_of_kstatus,
)
