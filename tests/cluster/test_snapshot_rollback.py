"""Releases kept as snapshots: one volume at rest, and the old release comes back without a download."""

from __future__ import annotations

import pytest

from cluster.node import snapshot_api
from cluster.stage import FIRST, SECOND, THIRD
from cluster.waiting import wait_until
from cluster.world_of_one import Database, Json

pytestmark = pytest.mark.cluster

RELEASE = "app.kubernetes.io/component=release"


def _storage(fdb: Database, version: str) -> Json:
    """Keep two releases, as snapshots."""
    fields: Json = fdb.stage.spec(fdb.server, version)["storage"]
    return {**fields, "storageClassName": snapshot_api.CLASS, "strategy": "Snapshot", "keep": 2}


def _serve(fdb: Database, version: str) -> None:
    fdb.apply(version, storage=_storage(fdb, version))
    fdb.wait_serving(version)


def _kept(fdb: Database, kind: str) -> list[str]:
    """The versions that are kept as this kind of object, ready or bound."""
    found = fdb.place.kubernetes.items(kind, fdb.namespace, f"facedb.dev/database={fdb.name},{RELEASE}")
    there = [o["metadata"] for o in found if _stands(o)]
    return sorted(m["labels"]["facedb.dev/version"] for m in there)


def _stands(thing: Json) -> bool:
    status = thing.get("status", {})
    good = status.get("readyToUse") or status.get("phase") == "Bound"
    return bool(good) and "deletionTimestamp" not in thing["metadata"]


def _wait_kept(fdb: Database, *, claims: list[str], snapshots: list[str]) -> None:
    def reached() -> bool:
        return (_kept(fdb, "pvc"), _kept(fdb, "volumesnapshot")) == (claims, snapshots)

    def tell() -> str:
        kept = f"claims {_kept(fdb, 'pvc')}, snapshots {_kept(fdb, 'volumesnapshot')}"
        return f"{kept}\n{fdb.describe()}"

    what = f"claims {claims} and snapshots {snapshots}"
    wait_until(reached, what, timeout_s=120, tell=tell)


def test_a_release_that_is_only_a_snapshot_is_served_again(fdb: Database) -> None:
    if not snapshot_api.is_chosen():
        pytest.skip("this node was started without snapshots")
    _serve(fdb, FIRST)
    _wait_kept(fdb, claims=[FIRST], snapshots=[FIRST])
    _serve(fdb, SECOND)
    _wait_kept(fdb, claims=[SECOND], snapshots=[FIRST, SECOND])
    _serve(fdb, THIRD)
    _wait_kept(fdb, claims=[THIRD], snapshots=[SECOND, THIRD])
    before = fdb.server.bytes_sent
    # The token is a version and a mark: whoever asks twice asks with another mark.
    asked = f"facedb.dev/rollback={SECOND}-1"
    fdb.place.kubernetes.kubectl("annotate", "fdb", fdb.name, "-n", fdb.namespace, asked)

    def back() -> bool:
        status = fdb.status()
        return (status.get("active") or {}).get("version") == SECOND and _kept(fdb, "pvc") == [SECOND]

    wait_until(back, f"{SECOND} to serve from its snapshot", timeout_s=180, tell=fdb.describe)
    assert fdb.status()["handled"]["rollback"] == f"{SECOND}-1"
    assert fdb.server.bytes_sent == before
    assert SECOND in _kept(fdb, "volumesnapshot")
