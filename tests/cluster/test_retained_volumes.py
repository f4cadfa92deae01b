"""What outlives a FaceDatabase: its volumes where Retain says so, and the state of its users always."""

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
    in_pod(fdb, "touch", "/state/kept")
    before = {c["uid"] for c in claims()}
    fdb.apply(FIRST, deletionPolicy="Retain")
    wait_until(
        lambda: not any(c.get("ownerReferences") for c in claims()), "claims without owner", timeout_s=60
    )
    kubernetes.kubectl("delete", "fdb", fdb.name, "-n", fdb.namespace, "--timeout=600s")
    wait_until(lambda: not fdb.pods(), "the pods to go", timeout_s=90)
    assert {c["uid"] for c in claims()} == before
    assert not any(c.get("deletionTimestamp") for c in claims())


def test_a_database_made_anew_finds_its_users_state(fdb: Database) -> None:
    kubernetes = fdb.place.kubernetes
    before = kubernetes.get("pvc", "stash-state", fdb.namespace)["metadata"]["uid"]
    fdb.apply(FIRST, deletionPolicy="Delete")
    fdb.wait_serving(FIRST)
    assert kubernetes.get("pvc", "stash-state", fdb.namespace)["metadata"]["uid"] == before
    assert {"kept", "stash_sense.db"} <= set(in_pod(fdb, "ls", "/state").split())


def in_pod(fdb: Database, *command: str) -> str:
    """Run a command in the serving pod."""
    name = fdb.pods()[0]["metadata"]["name"]
    return fdb.place.kubernetes.kubectl("exec", name, "-n", fdb.namespace, "--", *command)
