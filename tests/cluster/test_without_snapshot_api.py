"""A cluster without the snapshot API, as k3s users have it: Auto keeps volumes; asking for more is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kept import CLAIMS, kept, neighbour, wait_kept
from cluster.kubernetes import Kubernetes
from cluster.node import node, processes, snapshot_api
from cluster.stage import FIRST
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

SECOND = "2026.06.01"
GROUP = "snapshot.storage.k8s.io"
KINDS = ("volumesnapshots", "volumesnapshotcontents", "volumesnapshotclasses")


@pytest.fixture(scope="module")
def bare(fdb: Database) -> Iterator[Database]:
    """A database on a cluster without the API; `make cluster-up SNAPSHOTS=0` starts without it already."""
    had = snapshot_api.is_chosen()
    if had:
        take_away(fdb.place.kubernetes)
    try:
        yield fdb
    finally:
        if had:
            bring_back(fdb.place.kubernetes)


def take_away(kubernetes: Kubernetes) -> None:
    """No VolumeSnapshots are served any more; the driver goes on making volumes."""
    kubernetes.kubectl("delete", "volumesnapshots", "--all", "--all-namespaces", "--timeout=600s")
    wait_until(
        lambda: not kubernetes.kubectl("get", "volumesnapshotcontents", "-o", "name").strip(),
        "the snapshots' contents to go",
        timeout_s=120,
    )
    for name in ("csi-snapshotter", "snapshot-controller"):
        processes.stop(name)
    kubernetes.kubectl("delete", *(f"crd/{kind}.{GROUP}" for kind in KINDS), "--timeout=600s")


def bring_back(kubernetes: Kubernetes) -> None:
    """The API and who serves it; the operator need not wait until it looks for it by itself."""
    snapshot_api.start(node.kubectl)
    kubernetes.kubectl("rollout", "restart", "deployment/facedb-operator", "-n", "facedb-system")
    kubernetes.kubectl(
        "rollout", "status", "deployment/facedb-operator", "-n", "facedb-system", "--timeout=600s"
    )


def apply(database: Database, version: str, **storage: Any) -> None:
    """This version, kept as the cluster can."""
    spec = database.stage.spec(database.server, version)
    # On a node that never had the driver only the default class makes volumes.
    kind = {"storageClassName": snapshot_api.CLASS} if snapshot_api.is_chosen() else {}
    rollout = {**spec["rollout"], "drain": "1s"}
    database.apply(version, storage={**spec["storage"], **kind, **storage}, rollout=rollout)


@pytest.mark.fault("cluster has no snapshot API")
def test_without_the_snapshot_api_releases_are_kept_on_volumes(bare: Database) -> None:
    apply(bare, FIRST)
    bare.wait_serving(FIRST)
    neighbour(bare, SECOND)
    apply(bare, SECOND)
    bare.wait_serving(SECOND)
    assert bare.status()["storage"]["strategy"] == "Volume"
    wait_kept(bare, claims=[FIRST, SECOND])
    # Back without a download.
    before = bare.server.bytes_sent
    apply(bare, FIRST)
    bare.wait_serving(FIRST)
    assert bare.server.bytes_sent == before


@pytest.mark.fault("snapshots are asked for where the cluster has no snapshot API")
def test_snapshots_that_are_asked_for_without_their_api_are_told_with_what_to_do(bare: Database) -> None:
    apply(bare, FIRST)
    bare.wait_serving(FIRST)
    apply(bare, SECOND, strategy="Snapshot")
    told = bare.wait("Ready", "False", "SnapshotsUnavailable")
    assert "Install a snapshot controller" in told["message"]
    assert bare.condition("Stalled")["status"] == "True"
    assert bare.status()["active"]["version"] == FIRST
    apply(bare, SECOND, strategy="Volume")
    bare.wait_serving(SECOND)
    assert SECOND in kept(bare, CLAIMS)
