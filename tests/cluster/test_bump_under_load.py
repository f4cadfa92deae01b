"""The main job: a first release, a bump and a refused release, while a client never stops asking."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.client_pod import ClientPod
from cluster.stage import CORRUPT, FIRST, SECOND
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster

# contract.md 1.2
WORDS = {
    *("idle", "downloading", "extracting", "verifying"),
    *("swapping", "reloading", "complete", "failed"),
}


def test_a_bump_and_a_refused_release_fail_no_request(fdb: Database) -> None:
    fdb.apply(FIRST)
    fdb.wait_serving(FIRST)
    client = fdb.client()
    client.start()

    fdb.apply(SECOND)
    fdb.wait_serving(SECOND)
    wait_until(lambda: SECOND in client.seen().versions, "the client to see the bump", timeout_s=60)

    wait_until(lambda: client.seen().updates[-1]["status"] == "complete", "the word complete", timeout_s=60)
    assert_told(client.seen().updates)
    assert_pinned(client)

    before = fdb.status()["active"]
    fdb.apply(CORRUPT)
    ready = fdb.wait("Stalled", "True", "RolledBack")
    assert SECOND in ready["message"]
    assert "WrongChecksum" in ready["message"]
    assert fdb.status()["active"] == before
    assert fdb.condition("Ready")["status"] == "False"
    assert fdb.condition("Available")["status"] == "True"
    assert fdb.condition("Verified")["reason"] == "WrongChecksum"

    wait_until(lambda: client.seen().updates[-1]["status"] == "failed", "the word failed", timeout_s=60)
    last = client.seen().updates[-1]
    assert (last["current_version"], last["target_version"]) == (SECOND, CORRUPT)
    assert "WrongChecksum" in last["error"]

    seen = client.stop()
    assert seen.failures == ()
    assert seen.failed == 0
    assert seen.sent > 50
    # While both pods are in the endpoints, and on a connection that is kept, the old one may still answer.
    assert (seen.versions[0], seen.versions[-1]) == (FIRST, SECOND)
    assert set(seen.versions) == {FIRST, SECOND}


def assert_told(updates: tuple[dict[str, Any], ...]) -> None:
    """What Stash's page showed of the bump: words that it knows, in their order, and rising progress."""
    assert {u["status"] for u in updates} <= WORDS
    bump = [u for u in updates if u["target_version"] == SECOND]
    assert bump[0]["status"] in ("downloading", "verifying")
    assert bump[-1] == {
        "status": "complete",
        "progress_pct": 100,
        "current_version": SECOND,
        "target_version": SECOND,
        "error": None,
    }
    assert {"swapping", "reloading"} & {u["status"] for u in bump}
    progress = [u["progress_pct"] for u in bump]
    assert progress == sorted(progress)


def assert_pinned(client: ClientPod) -> None:
    """The version stands in the spec: the sidecar says so, and how to change it."""
    status, check = client.ask("GET", "/database/check-update")
    assert (status, check["current_version"], check["update_available"]) == (200, SECOND, False)
    assert check["error"] is None
    status, refusal = client.ask("POST", "/database/update")
    assert status == 409
    assert "kubectl" in refusal["detail"]
    assert SECOND in refusal["detail"]


def test_kubectl_wait_sees_ready_after_going_back_to_a_good_version(fdb: Database) -> None:
    fdb.apply(SECOND)
    kubectl = fdb.place.kubernetes.kubectl
    kubectl("wait", f"fdb/{fdb.name}", "-n", fdb.namespace, "--for=condition=Ready", "--timeout=600s")
    assert fdb.status()["active"]["version"] == SECOND


def test_the_history_tells_of_every_rollout(fdb: Database) -> None:
    told = [(entry["version"], entry["outcome"]) for entry in fdb.status()["history"]]
    assert told[:3] == [(FIRST, "Succeeded"), (SECOND, "Succeeded"), (CORRUPT, "RolledBack")]
    assert all(entry["unavailableSeconds"] == 0 for entry in fdb.status()["history"][1:])


def test_the_corrupt_digest_is_remembered_and_its_volume_is_gone(fdb: Database) -> None:
    bad = fdb.status()["bad"]
    assert [entry["version"] for entry in bad] == [CORRUPT]
    assert bad[0]["digest"].startswith("sha256:")
    claims = fdb.place.kubernetes.items("pvc", fdb.namespace)
    versions = {c["metadata"]["labels"].get("facedb.dev/version") for c in claims}
    assert CORRUPT not in versions
    assert {FIRST, SECOND} <= versions


def test_pods_meet_the_restricted_standard(fdb: Database) -> None:
    """The API server's own judgement: a dry run of the running pods in an enforcing namespace."""
    kubernetes = fdb.place.kubernetes
    name = f"{fdb.namespace}-restricted"
    kubernetes.ensure_namespace(name, {"pod-security.kubernetes.io/enforce": "restricted"})
    own = ("nodeName", "serviceAccount", "serviceAccountName")
    for pod in fdb.pods():
        bare = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "copy", "namespace": name},
            "spec": {k: v for k, v in pod["spec"].items() if k not in own},
        }
        kubernetes.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(bare))
    kubernetes.kubectl("delete", "namespace", name, "--wait=false")


def test_a_deleted_database_takes_everything_along_but_the_users_state(fdb: Database) -> None:
    kubernetes = fdb.place.kubernetes
    kubernetes.kubectl("delete", "fdb", fdb.name, "-n", fdb.namespace, "--timeout=600s")
    selector = f"facedb.dev/database={fdb.name}"
    kinds = "pods,pvc,jobs,deployments,services,serviceaccounts,roles,rolebindings"
    wait_until(
        lambda: (
            [o["metadata"]["name"] for o in kubernetes.items(kinds, fdb.namespace, selector)]
            == ["stash-state"]
        ),
        "every child but the users' state to go",
        timeout_s=90,
        tell=lambda: kubernetes.kubectl("get", kinds, "-n", fdb.namespace),
    )
