"""What people do at the wrong moment: change their mind, delete, edit what is the operator's."""

from __future__ import annotations

import json

import pytest

from cluster.stage import FIRST, SECOND
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def serving(fdb: Database) -> Database:
    """A database that serves the first release."""
    fdb.apply(FIRST)
    fdb.wait_serving(FIRST)
    return fdb


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
    selector = f"facedb.dev/database={database.name}"
    found = database.place.kubernetes.items("deployments", database.namespace, selector)
    return [d["metadata"]["name"] for d in found]


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
    (name,) = deployments(first)
    first.place.kubernetes.kubectl("delete", "deployment", name, "-n", first.namespace)
    first.wait("Ready", "True")
    assert first.status()["active"]["version"] == FIRST


@pytest.mark.fault("somebody edits a child")
def test_replicas_that_somebody_changed_are_put_right(first: Database) -> None:
    (name,) = deployments(first)
    patch(first, "deployment", name, {"spec": {"replicas": 3}})
    wait_until(lambda: len(first.pods()) == 1, "one pod", timeout_s=90)
    first.wait("Ready", "True")


@pytest.mark.fault("a policy rewrites labels")
def test_labels_that_a_policy_adds_are_left_alone(first: Database) -> None:
    (name,) = deployments(first)
    labels = {
        "metadata": {"labels": {"policy.example.org/team": "media", "app.kubernetes.io/name": "renamed"}}
    }
    patch(first, "deployment", name, labels)
    first.apply(SECOND)
    first.wait_serving(SECOND)


@pytest.mark.fault("FaceDatabase is deleted in the middle of a rollout")
def test_a_database_that_is_deleted_in_mid_roll_takes_its_children_along(first: Database) -> None:
    first.apply(SECOND)
    wait_until(lambda: first.status().get("target"), "the rollout to begin", timeout_s=60)
    kubectl = first.place.kubernetes.kubectl
    kubectl("delete", "fdb", first.name, "-n", first.namespace, "--timeout=60s")
    wait_until(lambda: not deployments(first) and not first.pods(), "the children to go", timeout_s=120)
    # Users' state stays, and a database made anew finds it.
    first.apply(FIRST)
    first.wait_serving(FIRST)
