"""Volumes at fault: too small, full, not to be had, deleted, changed at rest. What is good serves on."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any

import pytest

from cluster.csi import faults
from cluster.csi.faults import Faults
from cluster.kept import (
    CLAIMS,
    annotate,
    flip_a_bit,
    folder_of,
    neighbour,
    objects_of,
    wait_event,
    wait_kept,
    wait_told,
)
from cluster.node import provisioner, snapshot_api
from cluster.stage import DATA_REPOSITORY, FIRST
from cluster.waiting import wait_until
from cluster.world_of_one import Database, Json
from release_server import ReleaseServer

pytestmark = pytest.mark.cluster

ROOM, TIGHT = "64Mi", "16Mi"
# Bytes of each answer, and no more: a fetch begins and does not end.
SOME, MANY = 20_000, 1_000


@pytest.fixture(scope="module")
def serving(fdb: Database) -> Database:
    """A database whose volumes hold no byte more than they were asked for."""
    if not snapshot_api.is_chosen():
        pytest.skip("this node was started without the CSI driver")
    apply(fdb, FIRST)
    fdb.wait_serving(FIRST)
    return fdb


def apply(database: Database, version: str, source: Json | None = None, **storage: Any) -> None:
    """This version on volumes of this sort: one for each release, limited."""
    spec = database.stage.spec(database.server, version)
    kind = {"storageClassName": snapshot_api.LIMITED_CLASS, "strategy": "Volume", "keep": 2}
    size = {"size": ROOM, "modelsSize": ROOM}
    rollout = {**spec["rollout"], "drain": "1s"}
    database.apply(
        version, storage={**kind, **size, **storage}, rollout=rollout, source=source or spec["source"]
    )


def active(database: Database) -> str:
    """The version that serves."""
    return str(database.status()["active"]["version"])


@pytest.mark.fault("volume is too small for the release")
def test_a_volume_that_is_too_small_is_told_with_both_sizes_and_a_larger_one_heals_it(
    serving: Database,
) -> None:
    before, wanted = active(serving), "2026.04.01"
    neighbour(serving, wanted)
    client = serving.client()
    client.start()
    apply(serving, wanted, size=TIGHT)
    told = serving.wait("Ready", "False", "NoSpace")
    assert re.search(r"Expected \d+ bytes free, found \d+ bytes free", told["message"])
    assert serving.condition("Stalled")["status"] == "True"
    assert active(serving) == before
    apply(serving, wanted)
    serving.wait_serving(wanted)
    assert client.stop().failures == ()


@pytest.mark.fault("disk becomes full in the middle of a fetch")
def test_a_disk_that_becomes_full_stops_the_fetch_alone_and_room_and_a_retry_end_it(
    serving: Database,
) -> None:
    before, wanted = active(serving), "2026.04.02"
    neighbour(serving, wanted)
    with ReleaseServer(serving.stage.root, host=serving.place.host) as slow:
        slow.faults.stall_after, slow.faults.stalls_left = SOME, MANY
        apply(serving, wanted, {"github": {"repository": DATA_REPOSITORY, "apiURL": slow.url}})
        wait_until(slow.faults.stalled.is_set, "bytes to move", timeout_s=90, tell=serving.describe)
        filler = fill(folder_of(serving, wanted))
        slow.faults.stalls_left = 0
        slow.faults.resume()
        wait_told(serving, "is full", reason="NoSpace")
        assert active(serving) == before
        filler.unlink()
        annotate(serving, "retry", "room")
        serving.wait_serving(wanted)


def fill(folder: Path) -> Path:
    """Leave no byte on the file system of this folder; the file that takes them all."""
    filler = folder / "lost+found"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        # The fetch takes some of it meanwhile.
        while True:
            file.write(bytes(1 << 16))
    assert os.statvfs(folder).f_bavail == 0
    return filler


@pytest.mark.fault("claim stays Pending: its StorageClass is not there")
@pytest.mark.fault("claim stays Pending: the driver cannot make the volume")
def test_a_volume_that_does_not_come_is_told_in_the_clusters_words_until_it_can_come(
    serving: Database,
) -> None:
    before, wanted = active(serving), "2026.04.03"
    neighbour(serving, wanted)
    apply(serving, wanted, storageClassName="nowhere")
    wait_told(serving, '"nowhere" not found', reason="FetchStuck")
    assert active(serving) == before
    faults.put(serving.namespace, Faults(create_volume="RESOURCE_EXHAUSTED"))
    try:
        # The right class is taken at once, though a Job waits for the claim of the wrong one.
        apply(serving, wanted)
        wait_told(serving, "create_volume fails", reason="FetchStuck")
        assert active(serving) == before
    finally:
        faults.put(serving.namespace, Faults())
    serving.wait_serving(wanted)


@pytest.mark.fault("snapshots are asked for where the storage class has none")
def test_snapshots_that_cannot_be_had_are_told_with_what_to_do_and_nothing_moves(serving: Database) -> None:
    before, wanted = active(serving), "2026.04.04"
    neighbour(serving, wanted)
    apply(serving, wanted, storageClassName=provisioner.CLASS, strategy="Snapshot")
    told = serving.wait("Ready", "False", "SnapshotsUnavailable")
    assert provisioner.CLASS in told["message"]
    assert "set spec.storage.strategy to Volume" in told["message"]
    assert serving.condition("Stalled")["status"] == "True"
    assert active(serving) == before
    assert wanted not in objects_of(serving, CLAIMS)
    apply(serving, before)
    serving.wait_serving(before)


@pytest.mark.fault("a kept volume changed at rest before it is served again")
def test_a_kept_release_that_changed_at_rest_is_refused_and_fetched_anew_by_a_retry(
    serving: Database,
) -> None:
    older, newer = "2026.04.05", "2026.04.06"
    for version in (older, newer):
        neighbour(serving, version)
        apply(serving, version)
        serving.wait_serving(version)
    wait_kept(serving, claims=[older, newer])
    flip_a_bit(folder_of(serving, older) / "performers.db")
    client = serving.client()
    client.start()
    apply(serving, older)
    told = serving.wait("Ready", "False", "RolledBack")
    assert "WrongChecksum" in told["message"]
    assert "performers.db" in told["message"]
    wait_kept(serving, claims=[newer])
    # What had changed never took traffic.
    assert client.seen().versions == (newer,)
    before = serving.server.bytes_sent
    annotate(serving, "retry", "fetch-it-anew")
    serving.wait_serving(older)
    seen = client.stop()
    assert serving.server.bytes_sent > before
    assert seen.failures == ()
    assert (seen.versions[0], seen.versions[-1]) == (newer, older)


@pytest.mark.fault("the serving volume changed at rest and its pod starts anew")
def test_the_serving_release_that_changed_at_rest_is_fetched_anew_by_itself(serving: Database) -> None:
    version = active(serving)
    before = serving.server.bytes_sent
    flip_a_bit(folder_of(serving, version) / "performers.json")
    (pod,) = serving.pods()
    delete(serving, f"pod/{pod['metadata']['name']}")
    wait_event(serving, "Restoring", "changed at rest", "performers.json")
    serving.wait_serving(version)
    assert serving.server.bytes_sent > before


@pytest.mark.fault("somebody deletes the claim of the serving release")
def test_a_claim_deleted_under_its_pods_is_served_on_and_comes_back_when_somebody_decides(
    serving: Database,
) -> None:
    version = active(serving)
    claim = objects_of(serving, CLAIMS)[version]["metadata"]["name"]
    client = serving.client()
    client.start()
    delete(serving, f"pvc/{claim}", "--wait=false")
    told = serving.wait("Ready", "False", "VolumeDeleted")
    assert "delete the Deployment" in told["message"]
    assert serving.condition("Available")["status"] == "True"
    assert client.stop().failures == ()
    delete(serving, f"deployment/{deployment_of(serving, version)}")
    serving.wait_serving(version)
    wait_until(lambda: version in objects_of(serving, CLAIMS), "the volume to be back", timeout_s=30)


def test_as_many_releases_are_kept_as_asked_for_and_a_volume_that_nobody_knows_goes(
    serving: Database,
) -> None:
    older, newer = active(serving), "2026.04.07"
    neighbour(serving, newer)
    serving.place.kubernetes.apply(orphan(serving))
    apply(serving, newer)
    serving.wait_serving(newer)
    wait_kept(serving, claims=[older, newer])
    assert "2020.01.01" not in objects_of(serving, CLAIMS)
    apply(serving, newer, keep=1)
    wait_kept(serving, claims=[newer])
    serving.wait_serving(newer)


def orphan(database: Database) -> Json:
    """A claim as the operator makes them, of a release that nothing remembers."""
    name = objects_of(database, CLAIMS)[active(database)]
    labels = {**name["metadata"]["labels"], "facedb.dev/version": "2020.01.01", "facedb.dev/key": "0" * 8}
    spec = {key: name["spec"][key] for key in ("accessModes", "resources", "storageClassName")}
    metadata = {"name": f"{database.name}-orphan", "namespace": database.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}


def deployment_of(database: Database, version: str) -> str:
    """The name of the Deployment that serves this version."""
    selector = f"facedb.dev/database={database.name},facedb.dev/version={version}"
    (found,) = database.place.kubernetes.items("deployments", database.namespace, selector)
    return str(found["metadata"]["name"])


def delete(database: Database, what: str, *more: str) -> None:
    """As somebody's `kubectl delete`."""
    database.place.kubernetes.kubectl("delete", what, "-n", database.namespace, *more)
