"""Releases kept as snapshots: one volume at rest, and the old release comes back without a download."""

from __future__ import annotations

import pytest

from cluster.kept import CLAIMS, SNAPSHOTS, annotate, kept, wait_kept
from cluster.node import snapshot_api
from cluster.stage import FIRST, SECOND, THIRD
from cluster.waiting import wait_until
from cluster.world_of_one import Database, Json

pytestmark = pytest.mark.cluster


def _storage(fdb: Database, version: str) -> Json:
    """Keep two releases, as snapshots."""
    fields: Json = fdb.stage.spec(fdb.server, version)["storage"]
    return {**fields, "storageClassName": snapshot_api.CLASS, "strategy": "Snapshot", "keep": 2}


def _serve(fdb: Database, version: str) -> None:
    fdb.apply(version, storage=_storage(fdb, version))
    fdb.wait_serving(version)


def test_a_release_that_is_only_a_snapshot_is_served_again(fdb: Database) -> None:
    if not snapshot_api.is_chosen():
        pytest.skip("this node was started without snapshots")
    _serve(fdb, FIRST)
    wait_kept(fdb, claims=[FIRST], snapshots=[FIRST])
    _serve(fdb, SECOND)
    wait_kept(fdb, claims=[SECOND], snapshots=[FIRST, SECOND])
    _serve(fdb, THIRD)
    wait_kept(fdb, claims=[THIRD], snapshots=[SECOND, THIRD])
    before = fdb.server.bytes_sent
    # The token is a version and a mark: whoever asks twice asks with another mark.
    annotate(fdb, "rollback", f"{SECOND}-1")

    def back() -> bool:
        status = fdb.status()
        return (status.get("active") or {}).get("version") == SECOND and kept(fdb, CLAIMS) == [SECOND]

    wait_until(back, f"{SECOND} to serve from its snapshot", timeout_s=180, tell=fdb.describe)
    assert fdb.status()["handled"]["rollback"] == f"{SECOND}-1"
    assert fdb.server.bytes_sent == before
    assert SECOND in kept(fdb, SNAPSHOTS)
