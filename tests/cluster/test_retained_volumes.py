"""deletionPolicy: Retain, also when it was set after the volumes were made."""

from __future__ import annotations

import pytest

from cluster.stage import FIRST
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster


def test_retained_volumes_outlive_their_database(fdb: Database) -> None:
    kubernetes = fdb.place.kubernetes
    selector = f"facedb.dev/database={fdb.name}"

    def claims() -> list[dict[str, object]]:
        return [c["metadata"] for c in kubernetes.items("pvc", fdb.namespace, selector)]

    fdb.apply(FIRST)
    fdb.wait_serving(FIRST)
    before = {c["uid"] for c in claims()}
    fdb.apply(FIRST, deletionPolicy="Retain")
    wait_until(
        lambda: not any(c.get("ownerReferences") for c in claims()), "claims without owner", timeout_s=60
    )
    kubernetes.kubectl("delete", "fdb", fdb.name, "-n", fdb.namespace, "--timeout=30s")
    wait_until(lambda: not fdb.pods(), "the pods to go", timeout_s=90)
    assert {c["uid"] for c in claims()} == before
    assert not any(c.get("deletionTimestamp") for c in claims())
