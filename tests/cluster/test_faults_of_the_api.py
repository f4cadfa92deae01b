"""What happens to the API server and the operator: nothing is fetched twice, no pod is lost, it converges."""

from __future__ import annotations

import pytest

from cluster.faults import api
from cluster.places import Place
from cluster.plugin import facedb
from cluster.stage import FIRST, SECOND, install_chart
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

OPERATOR = ("deployment/facedb-operator", "-n", "facedb-system")


@pytest.fixture
def bumping(serving: Database) -> Database:
    """From the first release to the second, just begun."""
    serving.apply(FIRST)
    serving.wait_serving(FIRST)
    serving.apply(SECOND)
    wait_until(lambda: serving.status().get("target"), "the rollout to begin", timeout_s=60)
    return serving


@pytest.mark.fault("API server restarts, watches are cut")
def test_a_restarted_api_server_is_found_again(bumping: Database) -> None:
    api.restart_api_server()
    bumping.wait_serving(SECOND)
    # The watches are new: a change is still seen at once.
    bumping.apply(FIRST)
    bumping.wait_serving(FIRST)


@pytest.mark.fault("API server answers 429")
def test_an_operator_that_is_throttled_waits_and_goes_on(bumping: Database, place: Place) -> None:
    with api.throttled(place.kubernetes, "facedb-system", "facedb-operator"):
        client = bumping.client()
        client.start()
        wait_until(lambda: client.seen().sent > 20, "requests meanwhile", timeout_s=60)
    bumping.wait_serving(SECOND)
    assert client.stop().failures == ()


@pytest.mark.fault("somebody else writes the same objects, 409")
def test_a_second_writer_does_not_stop_the_rollout(bumping: Database, place: Place) -> None:
    with api.second_writer(
        place.kubernetes, bumping.namespace, f"fdb/{bumping.name}", f"service/{bumping.name}"
    ):
        bumping.wait_serving(SECOND)


@pytest.mark.fault("operator is down while a pod is rescheduled")
def test_a_pod_that_came_while_no_operator_ran_is_let_in_once_it_is_back(
    serving: Database, place: Place
) -> None:
    serving.apply(FIRST)
    serving.wait_serving(FIRST)
    kubectl = place.kubernetes.kubectl
    kubectl("scale", *OPERATOR, "--replicas=0")
    try:
        old = serving.pods()[0]["metadata"]["name"]
        kubectl("delete", "pod", old, "-n", serving.namespace)
        wait_until(
            lambda: [p for p in serving.pods() if p["metadata"]["name"] != old], "another pod", timeout_s=60
        )
    finally:
        kubectl("scale", *OPERATOR, "--replicas=1")
    kubectl("rollout", "status", *OPERATOR, "--timeout=600s")
    wait_until(lambda: _available(serving), "the new pod in the endpoints", timeout_s=90)


@pytest.mark.fault("operator is upgraded")
def test_an_upgraded_operator_restarts_no_pod(serving: Database, place: Place) -> None:
    serving.apply(FIRST)
    serving.wait_serving(FIRST)
    before = [(p["metadata"]["uid"], p["status"]["containerStatuses"]) for p in serving.pods()]
    old = _operators(place)
    # Another template, so that Helm replaces the operator's pod; the resources stay as they are.
    install_chart(place.kubernetes, place.images, "podAnnotations.edition=next")
    try:
        wait_until(lambda: _operators(place).isdisjoint(old), "the new operator alone", timeout_s=60)
        # It has made a pass over the database once it obeys a verb.
        facedb(serving, "pause", serving.name, "--wait")
        facedb(serving, "resume", serving.name, "--wait")
    finally:
        install_chart(place.kubernetes, place.images)
    assert [(p["metadata"]["uid"], p["status"]["containerStatuses"]) for p in serving.pods()] == before


def _operators(place: Place) -> set[str]:
    pods = place.kubernetes.items("pods", "facedb-system", "app.kubernetes.io/name=facedb")
    return {p["metadata"]["uid"] for p in pods}


def _available(database: Database) -> bool:
    active = database.status().get("active") or {}
    ready = database.status().get("readyReplicas", 0)
    return bool(active.get("version") == FIRST and ready == 1)
