"""What happens to the Job that fetches: it is tried again, and a half release never becomes a good one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.faults import injured_pods
from cluster.node.layout import NODE_NAME
from cluster.stage import DATA_REPOSITORY, FIRST, SECOND
from cluster.waiting import wait_until
from cluster.world_of_one import Database
from release_server import ReleaseServer

pytestmark = pytest.mark.cluster

SLOW = 150_000
LITTLE = 8 << 20


@pytest.fixture(scope="module")
def serving(fdb: Database) -> Database:
    """A database that serves the first release."""
    fdb.apply(FIRST)
    fdb.wait_serving(FIRST)
    return fdb


@pytest.fixture
def fetching(serving: Database) -> Iterator[tuple[Database, ReleaseServer]]:
    """A fetch of the second release under way, slow enough to be hurt; afterwards the first serves again."""
    with ReleaseServer(serving.stage.root, host=serving.place.host) as server:
        server.faults.bytes_per_second = SLOW
        serving.apply(SECOND, source={"github": {"repository": DATA_REPOSITORY, "apiURL": server.url}})
        wait_until(lambda: fetch_pod(serving), "the fetch", timeout_s=60, tell=serving.describe)
        yield serving, server
        server.faults.bytes_per_second = None
    serving.apply(FIRST)
    serving.wait_serving(FIRST)


def fetch_pod(database: Database) -> dict[str, Any] | None:
    """The running pod that fetches the release, once it has begun to download."""
    bytes_done = (database.status().get("target") or {}).get("bytesDone", 0)
    selector = f"app.kubernetes.io/component=release,facedb.dev/database={database.name}"
    pods = database.place.kubernetes.items("pods", database.namespace, selector)
    running = [p for p in pods if p["status"].get("phase") == "Running"]
    return running[0] if running and bytes_done else None


def assert_converges(database: Database, server: ReleaseServer) -> None:
    """At full speed the second release comes and serves."""
    assert database.status()["active"]["version"] == FIRST
    server.faults.bytes_per_second = None
    database.wait_serving(SECOND)


@pytest.mark.fault("fetch Job is killed")
def test_a_fetch_that_is_killed_is_made_again_and_goes_on(fetching: tuple[Database, ReleaseServer]) -> None:
    database, server = fetching
    injured_pods.kill(fetch_pod(database) or {})
    database.wait("Ready", "False", "FetchDied")
    assert_converges(database, server)


@pytest.mark.fault("fetch Job runs out of memory")
def test_a_fetch_without_memory_is_told_and_made_again(fetching: tuple[Database, ReleaseServer]) -> None:
    database, server = fetching
    injured_pods.starve(fetch_pod(database) or {}, LITTLE)
    server.faults.bytes_per_second = None
    told = database.wait("Ready", "False", "FetchDied")
    assert "OOMKilled" in told["message"]
    assert_converges(database, server)


@pytest.mark.fault("fetch Job is evicted")
def test_a_fetch_that_is_evicted_is_made_again(fetching: tuple[Database, ReleaseServer]) -> None:
    database, server = fetching
    evict(database, fetch_pod(database) or {})
    database.wait("Ready", "False")
    assert_converges(database, server)


@pytest.mark.fault("node is drained in the middle of a fetch")
def test_a_drained_node_takes_the_fetch_up_again_once_it_is_back(
    fetching: tuple[Database, ReleaseServer],
) -> None:
    database, server = fetching
    kubectl = database.place.kubernetes.kubectl
    kubectl("cordon", NODE_NAME)
    try:
        evict(database, fetch_pod(database) or {})
        database.wait("Ready", "False", "FetchStuck")
    finally:
        kubectl("uncordon", NODE_NAME)
    assert_converges(database, server)


def evict(database: Database, pod: dict[str, Any]) -> None:
    """As `kubectl drain` does with each pod of a node."""
    name = pod["metadata"]["name"]
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": database.namespace},
    }
    path = f"/api/v1/namespaces/{database.namespace}/pods/{name}/eviction"
    database.place.kubernetes.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
