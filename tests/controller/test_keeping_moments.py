"""Single moments of keeping: snapshots that fail, copies that cannot be made, changes of mind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import world_storage
from facedb_operator.facts import Cluster
from facedb_operator.names import Component
from facedb_operator.plan.keeping import snapshot_trouble
from facedb_operator.steps import CreateClaim, RestoreClaim
from facedb_release.outcome import Outcome
from keeping_ways import (
    CSI,
    WAYS,
    A,
    B,
    C,
    as_per_pod,
    as_shared,
    as_volumes,
    build,
    bump,
    failing,
    nothing,
    play,
)
from world import World
from world_objects import outcome

D = "2026.03.02"


def run(world: World, seconds: int) -> list[Any]:
    """Passes, a second each; all steps that were taken."""
    steps: list[Any] = []
    for _ in range(seconds):
        steps += world.one_pass().steps
        world.tick()
    return steps


def one_serves(world: World) -> None:
    assert world.serving()


def releases(world: World) -> list[str]:
    return [v for v in world.fetched if v != "models"]


def on_volumes(world: World) -> set[str]:
    return {c.version for c in world.claims.values() if c.version}


def in_snapshots(world: World) -> set[str]:
    return {s.version for s in world.snapshots.values() if s.ready}


def test_a_new_release_begins_as_a_copy_of_the_last_good_one(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Snapshot"), (nothing,))
    own = next(iter(world.snapshots))
    world.snapshots[own] = replace(world.snapshots[own], restore_size="5Gi")
    world.apply(version=B)
    made = [s for s in run(world, 5) if isinstance(s, CreateClaim)]
    # As large as what it begins from, though the spec says 4Gi; and it is not made anew for that.
    assert [(s.snapshot, s.size) for s in made] == [(own, "5Gi")]
    world.settle()
    assert world.serving() == [B]
    assert releases(world) == [A, B]


def test_a_copy_that_cannot_be_made_gives_way_to_an_empty_volume(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Snapshot"), (nothing,))
    world.watch = one_serves
    world.binds = lambda _: False
    play(world, (bump(B),))
    assert world.serving() == [B]
    assert world.condition("Ready") == ("True", "Serving")
    # One Job from beginning to end: it waited for its volume.
    assert releases(world) == [A, B]


def test_a_copy_that_leaves_too_little_room_gives_way_to_an_empty_volume(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Snapshot"), (nothing,))
    world.watch = one_serves

    def full(version: str) -> Outcome:
        copied = any(c.version == version and c.restored_from for c in world.claims.values())
        return outcome(version, ok=not copied, reason="NoSpace")

    world.fetches = full
    play(world, (bump(B),))
    assert world.serving() == [B]
    assert releases(world) == [A, B, B]


def test_a_copy_whose_snapshot_vanishes_is_made_empty_at_once(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Snapshot"), (nothing,))
    world.apply(version=B)
    while not any(c.restored_from for c in world.claims.values()):
        run(world, 1)
    began = world.now
    world_storage.vanish(world, next(iter(world.snapshots)))
    while world.serving() != [B]:
        run(world, 1)
    assert (world.now - began).total_seconds() < 60


@pytest.mark.parametrize("what", [False, "driver says no"], ids=["never ready", "an error"])
def test_a_snapshot_that_fails_stops_no_rollout_and_its_volume_is_kept(
    spec: dict[str, Any], what: bool | str
) -> None:
    world = build(spec, "Snapshot")
    world.snaps = lambda _: what
    play(world, (nothing, bump(B), bump(C)))
    assert world.serving() == [C]
    assert on_volumes(world) == {B, C}
    status, reason, message = next(
        (c["status"], c["reason"], c["message"]) for c in world.status["conditions"] if c["type"] == "Ready"
    )
    assert (status, reason) == ("True", "Serving")
    assert "Its volume is kept instead" in message
    assert ("driver says no" if what else "is not ready after 120 s") in message
    assert world.condition("Degraded") == ("True", "SnapshotFailed")
    assert world.condition("Stalled")[0] == "False"
    # Going back needs no network.
    play(world, (bump(B),))
    assert releases(world) == [A, B, C]
    # Once the driver comes to its senses, volumes give way to snapshots.
    world.snaps = lambda _: True
    world.settle()
    assert snapshot_trouble(world.database(), world.observe()) is None
    assert world.condition("Degraded")[0] == "False"
    assert on_volumes(world) == {B}
    assert in_snapshots(world) == {B, C}


def test_a_kept_release_is_restored_and_served_again_without_network(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Snapshot"), (nothing, bump(B)))
    assert on_volumes(world) == {B}
    world.watch = one_serves
    world.fetches = lambda version: pytest.fail(f"{version} is fetched")
    world.apply(version=A)
    steps = run(world, 60)
    assert [s.snapshot.version for s in steps if isinstance(s, RestoreClaim)] == [A]
    assert world.serving() == [A]
    assert world.condition("Ready") == ("True", "Serving")


@pytest.mark.parametrize("way", WAYS)
def test_a_rollback_by_token_to_a_kept_release_needs_no_network(spec: dict[str, Any], way: str) -> None:
    world = play(build(spec, way), (nothing, bump(B)))
    world.watch = one_serves
    world.fetches = lambda version: pytest.fail(f"{version} is fetched")
    world.annotations = {"facedb.dev/rollback": f"{A}-1"}
    world.settle()
    assert world.serving() == [A]


def test_the_release_that_serves_goes_on_serving_while_another_is_restored(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Snapshot"), (nothing, bump(B)))
    world.watch = one_serves
    world.binds = lambda _: False
    world.apply(rollout={**world.spec["rollout"], "strategy": "Recreate"})
    world.settle()
    world.annotations = {"facedb.dev/rollback": f"{A}-1"}
    while not any(c.version == A for c in world.claims.values()):
        run(world, 1)
    assert world.serving() == [B]


def test_snapshots_that_are_asked_for_and_cannot_be_made_stop_what_is_new_and_nothing_that_serves(
    spec: dict[str, Any],
) -> None:
    world = play(build(spec, "Volume"), (nothing,))
    world.cluster = Cluster()
    world.watch = one_serves
    play(world, (as_shared, bump(B)))
    assert world.serving() == [A]
    assert world.condition("Ready") == ("False", "SnapshotsUnavailable")
    assert world.condition("Stalled") == ("True", "SnapshotsUnavailable")
    assert releases(world) == [A]
    message = next(c["message"] for c in world.status["conditions"] if c["type"] == "Ready")
    assert "set spec.storage.strategy to Volume" in message
    # Pods that go are replaced all the same.
    world.watch = lambda _: None
    world.delete_pod(next(iter(world.pods)))
    world.settle()
    assert world.serving() == [A]
    world.cluster = CSI
    world.settle()
    assert world.serving() == [B]


def test_without_the_snapshot_api_auto_keeps_volumes(spec: dict[str, Any]) -> None:
    world = play(World({**spec, "storage": {**spec["storage"], "strategy": "Auto"}}), (nothing, bump(B)))
    assert world.status["storage"]["strategy"] == "Volume"
    assert on_volumes(world) == {A, B}
    # A class is installed: what is kept becomes snapshots.
    world.cluster = CSI
    world.settle()
    assert (on_volumes(world), in_snapshots(world)) == ({B}, {A, B})
    play(world, (bump(A),))
    assert releases(world) == [A, B]


def test_from_volumes_to_snapshots_to_pods_of_their_own_and_back_nothing_is_fetched_again(
    spec: dict[str, Any],
) -> None:
    world = play(build(spec, "Volume"), (nothing, bump(B)))
    world.watch = one_serves
    for change in (as_shared, as_per_pod, as_volumes, as_per_pod, as_shared, as_volumes):
        play(world, (change,))
        assert world.serving() == [B]
        assert on_volumes(world) | in_snapshots(world) == {A, B}
    assert releases(world) == [A, B]


def test_pods_of_their_own_wait_for_the_snapshot_while_the_old_release_serves(spec: dict[str, Any]) -> None:
    world = play(build(spec, "PerPod"), (nothing,))
    world.watch = one_serves
    world.snaps = lambda kept: kept.version != B
    world.apply(version=B)
    run(world, 60)
    assert world.condition("Ready") == ("False", "SnapshotPending")
    world.settle()
    assert world.serving() == [A]
    # Nobody waits for ever without a word: it is told, and only a person can help.
    assert world.condition("Ready") == ("False", "SnapshotFailed")
    assert world.condition("Stalled") == ("True", "SnapshotFailed")
    message = next(c["message"] for c in world.status["conditions"] if c["type"] == "Ready")
    assert "is not ready after 120 s" in message
    world.snaps = lambda _: True
    world.settle()
    assert world.serving() == [B]
    assert {w.claim for w in world.workloads.values()} == {""}


def test_a_good_release_is_kept_rather_than_a_newer_one_that_was_refused(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Snapshot", failing(B)), (nothing, bump(B), bump(C)))
    assert world.serving() == [C]
    assert in_snapshots(world) == {A, C}


@pytest.mark.parametrize("way", WAYS)
def test_as_many_releases_are_kept_as_asked_for(spec: dict[str, Any], way: str) -> None:
    spec["storage"]["keep"] = 3
    world = play(build(spec, way), (nothing, bump(B), bump(C), bump(D)))
    assert on_volumes(world) | in_snapshots(world) == {B, C, D}
    world.apply(storage={**world.spec["storage"], "keep": 1})
    world.settle()
    assert on_volumes(world) | in_snapshots(world) == {D}


def test_snapshots_lose_their_owner_when_they_shall_be_retained(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Snapshot"), (nothing, bump(B)))
    assert all(s.owned for s in world.snapshots.values())
    world.apply(deletionPolicy="Retain")
    world.settle()
    assert len(world.snapshots) == 2
    assert not any(s.owned for s in world.snapshots.values())
    play(world, (bump(A),))
    assert not any(c.owned for c in world.claims.values())


def test_a_snapshot_of_other_bytes_than_the_volumes_is_made_anew(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Snapshot"), (nothing,))
    name, found = next(iter(world.snapshots.items()))
    world.snapshots[name] = replace(found, verified=replace(found.verified, digest="sha256:other"))
    world.settle()
    assert world.snapshots[name].verified == found.verified


def test_an_answer_about_a_volume_that_somebody_deleted_does_not_count_for_the_next_one(
    spec: dict[str, Any],
) -> None:
    world = World(spec)
    while not any(j.finished_at for j in world.jobs.values() if j.component is Component.RELEASE):
        run(world, 1)
    name = next(c.name for c in world.claims.values() if c.version)
    del world.claims[name]
    world.settle()
    assert releases(world) == [A, A]
    assert world.serving() == [A]


@pytest.mark.parametrize("way", ["Volume", "Snapshot"])
def test_a_volume_that_is_deleted_under_its_pods_serves_on_until_somebody_decides(
    spec: dict[str, Any], way: str
) -> None:
    world = play(build(spec, way), (nothing,))
    world.watch = one_serves
    world_storage.take(world, next(c.name for c in world.claims.values() if c.version))
    world.settle()
    assert world.condition("Ready") == ("False", "VolumeDeleted")
    assert world.condition("Stalled")[0] == "True"
    world.watch = lambda _: None
    world.delete_workload(next(iter(world.workloads)))
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert releases(world) == ([A, A] if way == "Volume" else [A])
