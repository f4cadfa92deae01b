"""Snapshots at fault: never ready, failing, deleted. They stop no rollout, and nothing good goes for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from builders import archive_name
from cluster.csi import faults
from cluster.csi.faults import Faults
from cluster.kept import (
    CLAIMS,
    SNAPSHOTS,
    annotate,
    kept,
    neighbour,
    objects_of,
    wait_kept,
    wait_told,
)
from cluster.node import snapshot_api
from cluster.stage import DATA_REPOSITORY, FIRST
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def serving(fdb: Database) -> Database:
    """A database that keeps its releases as snapshots."""
    if not snapshot_api.is_chosen():
        pytest.skip("this node was started without snapshots")
    apply(fdb, FIRST)
    fdb.wait_serving(FIRST)
    wait_kept(fdb, snapshots=[FIRST])
    return fdb


@pytest.fixture(autouse=True)
def _no_faults(serving: Database) -> Iterator[None]:
    yield
    faults.put(serving.namespace, Faults())


def apply(database: Database, version: str, deadline: str = "10m", **storage: Any) -> None:
    """This version, kept as a snapshot; one that is not ready within the deadline is told."""
    spec = database.stage.spec(database.server, version)
    kind = {**spec["storage"], "storageClassName": snapshot_api.CLASS, "strategy": "Snapshot", "keep": 2}
    rollout = {**spec["rollout"], "drain": "1s", "progressDeadline": deadline}
    database.apply(version, storage={**kind, **storage}, rollout=rollout)


def active(database: Database) -> str:
    """The version that serves."""
    return str(database.status()["active"]["version"])


def serve(database: Database, version: str) -> None:
    """Publish and serve a release that differs from the first one in little; both are kept at the end."""
    neighbour(database, version)
    apply(database, version)
    database.wait_serving(version)


def test_a_new_volume_begins_as_the_last_good_snapshot_and_only_what_changed_is_moved(
    serving: Database,
) -> None:
    wanted = "2026.05.01"
    before = serving.server.bytes_sent
    serve(serving, wanted)
    moved = serving.server.bytes_sent - before
    archive = serving.stage.root / DATA_REPOSITORY / f"v{wanted}" / archive_name(wanted)
    size = archive.stat().st_size
    source = objects_of(serving, CLAIMS)[wanted]["spec"]["dataSource"]
    assert source["kind"] == "VolumeSnapshot"
    assert FIRST.replace(".", "-") in source["name"]
    assert 0 < moved < size / 4
    assert 0 < serving.status()["history"][-1]["downloadedBytes"] < size / 4
    print(f"{moved} bytes were moved of an archive of {size}")


@pytest.mark.fault("snapshot never becomes ready")
def test_a_snapshot_that_never_becomes_ready_stops_no_rollout_and_its_volume_is_kept(
    serving: Database,
) -> None:
    wanted, newer = "2026.05.02", "2026.05.03"
    client = serving.client()
    client.start()
    faults.put(serving.namespace, Faults(never_ready=True))
    serve(serving, wanted)
    serve(serving, newer)
    # Only now: a busy node's pods may need longer.
    apply(serving, newer, deadline="30s")
    told = wait_told(serving, "is not ready after 30 s", "Its volume is kept instead")
    assert (told["status"], told["reason"]) == ("True", "Serving")
    # Kept all the same, where it was.
    assert kept(serving, CLAIMS) == [wanted, newer]
    assert not {wanted, newer} & set(kept(serving, SNAPSHOTS))
    faults.put(serving.namespace, Faults())
    wait_kept(serving, claims=[newer], snapshots=[wanted, newer])
    assert client.stop().failures == ()


@pytest.mark.fault("snapshot fails")
@pytest.mark.fault("somebody deletes the snapshot of the serving release")
def test_a_snapshot_that_cannot_be_cut_is_told_in_the_drivers_words_and_cut_once_it_can(
    serving: Database,
) -> None:
    version = active(serving)
    faults.put(serving.namespace, Faults(create_snapshot="INTERNAL"))
    delete_snapshot(serving, version)
    told = wait_told(serving, "create_snapshot fails", "Its volume is kept instead")
    assert (told["status"], told["reason"]) == ("True", "Serving")
    assert version in kept(serving, CLAIMS)
    faults.put(serving.namespace, Faults())
    wait_until(lambda: version in kept(serving, SNAPSHOTS), "the snapshot", timeout_s=60)
    wait_until(
        lambda: "create_snapshot" not in serving.condition("Ready")["message"],
        "the message to go",
        timeout_s=60,
    )


@pytest.mark.fault("snapshot of a kept release is gone")
def test_a_kept_release_whose_snapshot_is_gone_is_not_gone_back_to_but_fetched_when_wanted(
    serving: Database,
) -> None:
    older, newer = "2026.05.04", "2026.05.05"
    serve(serving, older)
    serve(serving, newer)
    wait_kept(serving, claims=[newer], snapshots=[older, newer])
    delete_snapshot(serving, older)
    wait_until(
        lambda: older not in {s["version"] for s in serving.status()["storage"]["snapshots"]},
        "the status to know",
        timeout_s=30,
    )
    annotate(serving, "rollback", f"{older}-1")
    wait_until(
        lambda: serving.status().get("handled", {}).get("rollback") == f"{older}-1",
        "the wish to be dealt with",
        timeout_s=30,
    )
    said = events(serving)
    assert active(serving) == newer
    assert f"{older} is not kept" in said or f"{older} is not kept" in serving.condition("Ready")["message"]
    before = serving.server.bytes_sent
    apply(serving, older)
    serving.wait_serving(older)
    assert serving.server.bytes_sent > before


def test_pods_with_volumes_of_their_own_are_bumped_and_brought_back_without_a_failed_request(
    serving: Database,
) -> None:
    older, newer = "2026.05.06", "2026.05.07"
    serve(serving, older)
    client = serving.client()
    client.start()
    neighbour(serving, newer)
    for version in (newer, older):
        apply(serving, version, distribution="PerPod")
        serving.wait_serving(version)
        (pod,) = [p for p in serving.pods() if "deletionTimestamp" not in p["metadata"]]
        own = serving.place.kubernetes.get("pvc", f"{pod['metadata']['name']}-release", serving.namespace)
        assert version.replace(".", "-") in own["spec"]["dataSource"]["name"]
        assert own["metadata"]["ownerReferences"][0]["name"] == pod["metadata"]["name"]
    seen = client.stop()
    assert seen.failures == ()
    # While two pods are in the endpoints, both answer, in any order.
    assert (seen.versions[0], seen.versions[-1]) == (older, older)
    assert set(seen.versions) == {older, newer}
    # A pod's own volume goes with it; what is kept are snapshots alone.
    wait_kept(serving, claims=[], snapshots=[older, newer])
    wait_until(lambda: own_volumes(serving) == 1, "one pod's volume", timeout_s=60, tell=serving.describe)


def own_volumes(database: Database) -> int:
    """Claims that belong to pods."""
    claims = database.place.kubernetes.items("pvc", database.namespace)
    owners = (o for c in claims for o in c["metadata"].get("ownerReferences", ()))
    return sum(1 for o in owners if o["kind"] == "Pod")


def events(database: Database) -> str:
    """What the Events of the database say."""
    return database.place.kubernetes.kubectl("get", "events", "-n", database.namespace, "-o", "wide")


def delete_snapshot(database: Database, version: str) -> None:
    """As somebody's `kubectl delete`."""
    name = objects_of(database, SNAPSHOTS)[version]["metadata"]["name"]
    database.place.kubernetes.kubectl("delete", f"volumesnapshot/{name}", "-n", database.namespace)
