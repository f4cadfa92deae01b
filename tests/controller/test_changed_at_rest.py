"""Bytes that change after they were verified: never served, made anew, and nothing good goes for them."""

from __future__ import annotations

from typing import Any

import pytest

from facedb_operator.facts import Answer, Workload
from keeping_ways import WAYS, A, B, C, build, bump, nothing, play
from world import World
from world_objects import good_answer


def spoil(world: World, version: str, *, snapshots: bool) -> None:
    """From now on what is on this release's volumes, and in its snapshots if so, is something else."""
    bad = {(c.name, c.created_at) for c in world.claims.values() if c.version == version}
    shots = {(s.name, s.created_at) for s in world.snapshots.values() if s.version == version and snapshots}
    world.changed |= bad | shots

    def is_bad(work: Workload) -> bool:
        claim = world.claims.get(work.claim)
        # What another release's volume began from was read again when that one was fetched into it.
        mine = claim is not None and claim.version == version
        source = work.snapshot or (claim.restored_from if claim and mine else None)
        shot = world.snapshots.get(source or "")
        of_volume = claim is not None and (claim.name, claim.created_at) in bad
        return of_volume or (shot is not None and (shot.name, shot.created_at) in shots)

    def answer(work: Workload) -> Answer:
        if not is_bad(work):
            return good_answer(work)
        message = "performers.db has changed since it was verified."
        return Answer(False, None, None, failed=True, reason="WrongChecksum", message=message)

    world.answers = answer


def releases(world: World) -> list[str]:
    return [v for v in world.fetched if v != "models"]


@pytest.mark.parametrize("snapshots", [False, True], ids=["the volume", "its snapshot too"])
@pytest.mark.parametrize("way", WAYS)
def test_a_kept_release_that_changed_is_refused_and_tried_again_is_fetched_anew(
    spec: dict[str, Any], way: str, *, snapshots: bool
) -> None:
    world = play(build(spec, way), (nothing, bump(B)))
    spoil(world, A, snapshots=snapshots)
    world.watch = lambda w: w.serving() or pytest.fail("nobody serves")
    play(world, (bump(A),))
    if way != "Volume" and not snapshots:
        # Only the volume had changed, which was gone already: it is made from the good snapshot.
        assert (world.serving(), releases(world)) == ([A], [A, B])
        return
    assert world.serving() == [B]
    assert world.condition("Ready") == ("False", "RolledBack")
    assert not any(c.version == A for c in (*world.claims.values(), *world.snapshots.values()))
    world.annotations = {"facedb.dev/retry": "again"}
    world.settle()
    assert (world.serving(), releases(world)) == ([A], [A, B, A])


@pytest.mark.parametrize("snapshots", [False, True], ids=["the volume", "its snapshot too"])
@pytest.mark.parametrize("way", WAYS)
def test_the_serving_release_that_changed_comes_back_by_itself_when_its_pod_is_made_anew(
    spec: dict[str, Any], way: str, *, snapshots: bool
) -> None:
    world = play(build(spec, way), (nothing,))
    spoil(world, A, snapshots=snapshots)
    world.pods.clear()
    world.settle()
    assert world.serving() == [A]
    assert world.condition("Ready") == ("True", "Serving")
    lost = {"Volume": True, "Snapshot": snapshots, "PerPod": snapshots}[way]
    assert releases(world) == ([A, A] if lost else [A])


@pytest.mark.parametrize("after", range(1, 9))
@pytest.mark.parametrize("way", WAYS)
def test_killed_after_any_step_it_comes_back_all_the_same(spec: dict[str, Any], way: str, after: int) -> None:
    world = play(build(spec, way), (nothing,))
    spoil(world, A, snapshots=True)
    world.pods.clear()
    world.crash_after = after
    world.settle()
    assert (world.serving(), releases(world), world.kills) == ([A], [A, A], 1)


@pytest.mark.parametrize("way", WAYS)
def test_going_back_to_a_release_that_changed_serves_on_until_it_is_fetched(
    spec: dict[str, Any], way: str
) -> None:
    world = play(build(spec, way), (nothing, bump(B)))
    spoil(world, A, snapshots=True)
    world.watch = lambda w: w.serving() or pytest.fail("nobody serves")
    world.annotations = {"facedb.dev/rollback": f"{A}-1"}
    world.settle()
    assert (world.serving(), releases(world)) == ([A], [A, B, A])


def test_a_volume_from_which_other_pods_serve_is_left_alone(spec: dict[str, Any]) -> None:
    world = play(build(spec, "Volume"), (nothing,))
    spoil(world, A, snapshots=False)
    # Pods that run have it in memory; those of another revision read it anew.
    good = {w.name for w in world.workloads.values()}
    damaged = world.answers
    world.answers = lambda work: good_answer(work) if work.name in good else damaged(work)
    world.watch = lambda w: w.serving() or pytest.fail("nobody serves")
    world.apply(sidecar={**world.spec.get("sidecar", {}), "env": [{"name": "LOG_LEVEL", "value": "DEBUG"}]})
    world.settle()
    assert world.condition("Ready") == ("False", "RolledBack")
    assert (world.serving(), releases(world)) == ([A], [A])
    assert [c.version for c in world.claims.values() if c.version] == [A]
    play(world, (bump(C),))
    assert world.serving() == [C]
