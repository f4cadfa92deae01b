"""What happens to the Job that fetches: it is tried again, and a half release never becomes a good one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cluster.bumps import Bump
from cluster.faults import injured_pods
from cluster.node.layout import NODE_NAME
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster

# A release takes minutes at this speed, of each of a few connections: there is time to hurt its Job.
SLOW = 3_000
# More than the archive's directory: its files are on their way.
BEGUN = 20_000


@pytest.fixture
def fetching(bump: Bump) -> Iterator[Bump]:
    """A bump whose fetch is under way."""
    bump.new = bump.shelf.put()
    bump.server.faults.bytes_per_second = SLOW
    bump.begin()
    wait_until(
        lambda: bump.server.bytes_sent > BEGUN and fetch_pod(bump.database),
        "the fetch",
        timeout_s=60,
        tell=bump.database.describe,
    )
    yield bump
    bump.server.faults.bytes_per_second = None


def fetch_pod(database: Database) -> dict[str, Any]:
    """The running pod that fetches the release; empty while there is none."""
    selector = f"app.kubernetes.io/component=release,facedb.dev/database={database.name}"
    pods = database.place.kubernetes.items("pods", database.namespace, selector)
    return next((p for p in pods if p["status"].get("phase") == "Running"), {})


def at_full_speed(bump: Bump) -> None:
    """The next attempt, which comes by itself, brings the release, and it serves."""
    bump.unharmed()
    bump.server.faults.bytes_per_second = None
    bump.converges()


@pytest.mark.fault("fetch Job is killed")
def test_a_fetch_that_is_killed_is_made_again(fetching: Bump) -> None:
    injured_pods.kill(fetch_pod(fetching.database))
    told = fetching.database.wait("Ready", "False", "FetchDied")["message"]
    assert "exit code 137" in told
    assert "next at" in told
    at_full_speed(fetching)


@pytest.mark.fault("fetch Job runs out of memory")
def test_a_fetch_without_memory_is_told_and_made_again(fetching: Bump) -> None:
    injured_pods.starve(fetch_pod(fetching.database))
    # Whichever of its processes the kernel takes: the first one, or one that reads a file for it.
    told = fetching.database.wait_message("Ready", "failed; next at")
    assert told["reason"] in ("FetchDied", "Interrupted")
    assert "OOMKilled" in told["message"] or "memory ran out" in told["message"]
    assert fetching.database.status().get("bad", []) == []
    at_full_speed(fetching)


@pytest.mark.fault("fetch Job is evicted")
def test_a_fetch_that_is_evicted_is_made_again(fetching: Bump) -> None:
    evict(fetching.database, fetch_pod(fetching.database))
    told = fetching.database.wait_message("Ready", "failed; next at")
    # Its last words, where they came before its pod was gone.
    assert told["reason"] in ("FetchDied", "Interrupted")
    at_full_speed(fetching)


@pytest.mark.alone
@pytest.mark.fault("node is drained in the middle of a fetch")
def test_a_drained_node_takes_the_fetch_up_again_once_it_is_back(fetching: Bump) -> None:
    database = fetching.database
    kubectl = database.place.kubernetes.kubectl
    kubectl("cordon", NODE_NAME)
    try:
        evict(database, fetch_pod(database))
        told = database.wait("Ready", "False", "FetchStuck")["message"]
    finally:
        kubectl("uncordon", NODE_NAME)
    assert "unschedulable" in told
    at_full_speed(fetching)


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
