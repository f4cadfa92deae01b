"""What people do at the wrong moment: change their mind, delete, edit what is the operator's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from builders import archive_name
from cluster.stage import DATA_REPOSITORY, FIRST, SECOND
from cluster.waiting import wait_until
from cluster.world_of_one import Database
from release_server import ReleaseServer

pytestmark = pytest.mark.cluster

# Bytes of each answer, and no more: a fetch begins and does not end.
SOME, MANY = 20_000, 1_000


@pytest.fixture
def first(serving: Database) -> Database:
    """The first release serves, whatever the test before did."""
    serving.apply(FIRST)
    serving.wait_serving(FIRST)
    return serving


def patch(database: Database, kind: str, name: str, change: object) -> None:
    """A merge patch, as somebody's `kubectl patch`."""
    text = json.dumps(change)
    database.place.kubernetes.kubectl(
        "patch", kind, name, "-n", database.namespace, "--type=merge", f"--patch={text}"
    )


def deployments(database: Database) -> list[str]:
    """Names of the Deployments there are."""
    return [d["metadata"]["name"] for d in whole_deployments(database)]


def available(database: Database) -> set[str]:
    """The uids of Deployments with a pod in traffic: what tells one from another of the same name."""
    found = whole_deployments(database)
    return {d["metadata"]["uid"] for d in found if d["status"].get("availableReplicas")}


def whole_deployments(database: Database) -> list[dict[str, Any]]:
    """As the API server has them."""
    selector = f"facedb.dev/database={database.name}"
    return database.place.kubernetes.items("deployments", database.namespace, selector)


@pytest.mark.fault("two changes of the spec in flight")
def test_of_two_changes_in_flight_the_last_one_counts(first: Database) -> None:
    client = first.client()
    client.start()
    first.apply(SECOND)
    wait_until(lambda: first.status().get("target"), "the rollout to begin", timeout_s=60)
    sidecar = {
        **first.stage.spec(first.server, SECOND)["sidecar"],
        "env": [{"name": "LOG_LEVEL", "value": "DEBUG"}],
    }
    first.apply(SECOND, sidecar=sidecar)
    first.wait_serving(SECOND)
    assert len(deployments(first)) == 1
    assert client.stop().failures == ()


@pytest.mark.fault("spec is reverted in the middle of a rollout")
def test_a_change_of_mind_in_mid_roll_fails_no_request(first: Database) -> None:
    client = first.client()
    client.start()
    first.apply(SECOND)
    wait_until(lambda: len(deployments(first)) == 2, "the second Deployment", timeout_s=90)
    first.apply(FIRST)
    first.wait_serving(FIRST)
    assert client.stop().failures == ()


@pytest.mark.fault("somebody deletes a child")
def test_a_deployment_that_was_deleted_is_made_again(first: Database) -> None:
    before = available(first)
    first.place.kubernetes.kubectl("delete", "deployment", *deployments(first), "-n", first.namespace)
    # Ready is still what it was before: only another Deployment says that it was made again.
    wait_until(lambda: available(first) - before, "a pod of another Deployment", timeout_s=240)
    first.wait_taken(FIRST)


@pytest.mark.fault("somebody edits a child")
def test_replicas_that_somebody_changed_are_put_right(first: Database) -> None:
    (name,) = deployments(first)
    patch(first, "deployment", name, {"spec": {"replicas": 3}})
    wait_until(lambda: replicas(first, name) == 1, "one replica again", timeout_s=90)
    wait_until(lambda: len(first.pods()) == 1, "one pod", timeout_s=90)
    first.wait("Ready", "True")


def replicas(database: Database, name: str) -> int:
    """How many pods a Deployment is to have."""
    found = database.place.kubernetes.get("deployment", name, database.namespace)
    return int(found["spec"]["replicas"])


@pytest.mark.fault("a policy rewrites labels")
def test_labels_that_a_policy_adds_are_left_alone(first: Database) -> None:
    (name,) = deployments(first)
    labels = {
        "metadata": {"labels": {"policy.example.org/team": "media", "app.kubernetes.io/name": "renamed"}}
    }
    patch(first, "deployment", name, labels)
    first.apply(SECOND)
    wait_until(lambda: len(deployments(first)) == 2, "the second Deployment", timeout_s=90)
    found = first.place.kubernetes.get("deployment", name, first.namespace)["metadata"]["labels"]
    assert labels["metadata"]["labels"].items() <= found.items()
    first.wait_serving(SECOND)


@pytest.mark.fault("FaceDatabase is deleted in the middle of a rollout")
def test_a_database_that_is_deleted_in_mid_roll_takes_its_children_along(first: Database) -> None:
    first.apply(SECOND)
    wait_until(lambda: first.status().get("target"), "the rollout to begin", timeout_s=60)
    kubectl = first.place.kubernetes.kubectl
    kubectl("delete", "fdb", first.name, "-n", first.namespace, "--timeout=600s")
    wait_until(lambda: not deployments(first) and not first.pods(), "the children to go", timeout_s=120)
    # Users' state stays, and a database made anew finds it.
    first.apply(FIRST)
    first.wait_serving(FIRST)


@pytest.fixture
def fetching(fdb: Database) -> Iterator[tuple[Database, ReleaseServer]]:
    """Another database, which has only begun to fetch its first release."""
    namespace = f"{fdb.namespace}-fetching"
    kubernetes = fdb.place.kubernetes
    kubernetes.ensure_namespace(namespace)
    try:
        with ReleaseServer(fdb.stage.root, host=fdb.place.host) as server:
            server.faults.stall_after, server.faults.stalls_left = SOME, MANY
            database = Database(fdb.place, fdb.stage, fdb.server, namespace)
            database.apply(FIRST, source={"github": {"repository": DATA_REPOSITORY, "apiURL": server.url}})
            wait_until(server.faults.stalled.is_set, "bytes to move", timeout_s=120, tell=database.describe)
            yield database, server
    finally:
        kubernetes.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--timeout=600s")


def left(database: Database) -> list[str]:
    """What is left of a database, by its label, but for the volume of its users' state."""
    kinds = "jobs,pods,deployments,services,persistentvolumeclaims,roles,rolebindings,serviceaccounts"
    found = database.place.kubernetes.kubectl(
        *("get", kinds, "-n", database.namespace, "-l", f"facedb.dev/database={database.name}"),
        *("-o", "name"),
    )
    return [name for name in found.split() if not name.endswith("-state")]


@pytest.mark.fault("FaceDatabase is deleted in the middle of a fetch")
def test_a_database_that_is_deleted_in_mid_fetch_stops_its_job_and_leaves_users_state_alone(
    fetching: tuple[Database, ReleaseServer],
) -> None:
    database, server = fetching
    kubectl = database.place.kubernetes.kubectl
    kubectl("delete", "fdb", database.name, "-n", database.namespace, "--timeout=600s")
    wait_until(lambda: not left(database), "all of it to go", timeout_s=90, tell=lambda: str(left(database)))
    sent = server.bytes_sent
    archive = server.root / DATA_REPOSITORY / f"v{FIRST}" / archive_name(FIRST)
    assert sent < archive.stat().st_size
    assert "stash-state" in kubectl("get", "pvc", "-n", database.namespace, "-o", "name")


@pytest.mark.fault("namespace is deleted in the middle of a fetch")
def test_a_namespace_that_is_deleted_in_mid_fetch_ends_without_a_finalizer_in_the_way(
    fetching: tuple[Database, ReleaseServer],
) -> None:
    database, _ = fetching
    database.place.kubernetes.kubectl("delete", "namespace", database.namespace, "--timeout=600s")
    assert not database.place.kubernetes.get("namespace", database.namespace, "default")
