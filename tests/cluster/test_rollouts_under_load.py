"""Rollouts at 50 requests a second: none of them fails, whatever the strategy, the verb or the node does.

What is measured is printed at the end of the run, under "measured".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from cluster.client_pod import ClientPod
from cluster.faults.sidecar import faulty_image, with_fault
from cluster.node import node
from cluster.node.layout import NODE_NAME
from cluster.places import Place
from cluster.rolling import (
    RATE,
    ROLLOUT,
    Life,
    counted,
    is_ready,
    roll,
    say,
    serve,
    settled,
    sidecar_of,
    told,
    uids,
)
from cluster.stage import FIRST, SECOND, Stage
from cluster.waiting import wait_until
from cluster.world_of_one import Database
from release_server import ReleaseServer

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

# The bar: a rollback to a kept release takes so long and the time that a sidecar loads.
ROLLBACK_S = 10.0
STEPS = [{"percent": 25, "pause": "2s"}, {"percent": 50, "pause": "2s"}]
# Waits for somebody's word at half of the pods.
HALF = {**ROLLOUT, "strategy": "Canary", "steps": [{"percent": 50}]}
ONE_GPU = {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "150m", "memory": "256Mi"}}

Measure = Callable[[str, object], None]


@pytest.fixture(scope="module")
def database(fdb: Database, place: Place, stage: Stage) -> Iterator[Database]:
    """A database with a release server of its own, which may be stopped."""
    with ReleaseServer(stage.root, host=place.host) as server:
        yield replace(fdb, server=server)


@pytest.fixture
def client(database: Database) -> Iterator[ClientPod]:
    """A client at the rate of the bar, not started yet; it ends with the test."""
    found = database.client(RATE)
    yield found
    found.stop()


@pytest.mark.parametrize(
    ("strategy", "replicas", "before", "after", "more"),
    [
        ("Rolling", 2, FIRST, SECOND, {}),
        ("BlueGreen", 3, SECOND, FIRST, {}),
        ("Canary", 4, FIRST, SECOND, {"steps": STEPS}),
    ],
    ids=["Rolling", "BlueGreen", "Canary"],
)
def test_no_request_fails_in_a_rollout(
    database: Database,
    client: ClientPod,
    record_property: Measure,
    strategy: str,
    replicas: int,
    before: str,
    after: str,
    more: dict[str, Any],
) -> None:
    serve(database, before, replicas)
    client.start()
    roll(database, after, replicas, strategy=strategy, **more)
    settled(database, after, replicas)
    wait_until(lambda: after in client.seen().versions, "the client to see the bump", timeout_s=60)
    seen = client.stop()
    record_property("measured", told(f"{strategy} of {replicas} pods", seen))
    assert seen.failures == ()
    assert set(seen.versions) == {before, after}
    assert database.status()["history"][-1]["unavailableSeconds"] == 0


@pytest.fixture
def half_way(database: Database, client: ClientPod, request: pytest.FixtureRequest) -> Database:
    """A canary of two pods that waits for somebody's word, under load."""
    serve(database, SECOND, 2)
    client.start()
    roll(database, SECOND, 2, note=request.node.name, **HALF)
    database.wait("Ready", "False", "CanaryPaused")
    counted(database, 2)
    return database


@pytest.mark.fault("pod is deleted in a rollout under traffic")
def test_pods_deleted_in_a_rollout_fail_no_request_and_promote_ends_it(
    half_way: Database, client: ClientPod, record_property: Measure
) -> None:
    database = half_way
    kubectl = database.place.kubernetes.kubectl
    pods = [p["metadata"]["name"] for p in database.pods() if is_ready(p)]
    assert len(pods) == 2
    for name in pods:
        kubectl("delete", "pod", name, "-n", database.namespace, "--wait=false")
        kubectl("wait", f"pod/{name}", "-n", database.namespace, "--for=delete", "--timeout=600s")
        counted(database, len(pods))
    say(database, "promote", "1")
    settled(database, SECOND, 2)
    assert database.status()["handled"]["promote"] == "1"
    assert database.status()["history"][-1]["outcome"] == "Succeeded"
    seen = client.stop()
    record_property("measured", told(f"{len(pods)} pods deleted, one by one, in a canary", seen))
    assert seen.failures == ()


@pytest.mark.fault("node is drained in a rollout under traffic")
def test_a_drain_in_a_rollout_respects_the_budget_and_abort_goes_back(
    half_way: Database, client: ClientPod, record_property: Measure
) -> None:
    database = half_way
    kubectl = database.place.kubernetes.kubectl
    before = {p["metadata"]["uid"] for p in database.pods() if is_ready(p)}
    assert len(before) == 2
    selector = f"app.kubernetes.io/component=sidecar,facedb.dev/database={database.name}"
    words = (f"--pod-selector={selector}", "--delete-emptydir-data", "--ignore-daemonsets", "--timeout=15s")
    try:
        with pytest.raises(RuntimeError, match="violate the pod's disruption budget"):
            kubectl("drain", NODE_NAME, *words)
        # One was let go, and nobody else until it is back, for which there is no other node.
        left = {p["metadata"]["uid"] for p in database.pods() if "deletionTimestamp" not in p["metadata"]}
        assert len(before - left) == 1
        ready = [p for p in database.pods() if is_ready(p)]
        assert len(ready) == len(before) - 1
    finally:
        kubectl("uncordon", NODE_NAME)
    say(database, "abort", "1")
    stalled = database.wait("Stalled", "True", "RolledBack")
    assert "Aborted" in stalled["message"]
    counted(database, 2)
    assert database.status()["handled"]["abort"] == "1"
    assert database.status()["history"][-1]["outcome"] == "Aborted"
    seen = client.stop()
    record_property("measured", told("node drained in a canary, then aborted", seen))
    assert seen.failures == ()


@pytest.mark.fault("rollout fails and onFailure is Freeze")
def test_a_frozen_rollout_stands_still_until_somebody_aborts_it(
    database: Database, client: ClientPod, record_property: Measure
) -> None:
    serve(database, SECOND, 2)
    client.start()
    degraded = with_fault(
        sidecar_of(database, replicas=2), faulty_image(database.place.images.sidecar), "Degraded"
    )
    checks = [{"name": "recall", "recall": {"min": 0.9}}]
    freeze = {**ROLLOUT, "onFailure": "Freeze", "checks": checks}
    database.apply(SECOND, sidecar=degraded, rollout=freeze)
    frozen = database.wait("Stalled", "True", "Frozen")
    assert "found 10.0% of its own faces" in frozen["message"]
    pods = {p["metadata"]["uid"] for p in database.pods() if "deletionTimestamp" not in p["metadata"]}
    assert len(pods) == 3
    say(database, "abort", "2")
    database.wait("Stalled", "True", "RolledBack")
    wait_until(lambda: len(database.pods()) == 2, "the failed pod to go", timeout_s=60)
    assert {p["metadata"]["uid"] for p in database.pods()} < pods
    seen = client.stop()
    record_property("measured", told("frozen, then aborted", seen))
    assert seen.failures == ()


def test_scaling_is_followed_and_sleep_keeps_every_volume(database: Database) -> None:
    kubernetes, namespace = database.place.kubernetes, database.namespace
    serve(database, SECOND, 1)
    volumes = uids(database, "pvc")
    wait_until(lambda: not uids(database, "pdb"), "no budget for one", timeout_s=60)
    sent = database.server.bytes_sent
    for replicas, budgets in ((2, 1), (0, 0), (1, 0)):
        kubernetes.kubectl("scale", "fdb", database.name, "-n", namespace, f"--replicas={replicas}")
        counted(database, replicas)
        wait_until(lambda n=budgets: len(uids(database, "pdb")) == n, "the budget", timeout_s=60)
        scale = kubernetes.kubectl(
            "get", "--raw", f"/apis/facedb.dev/v1alpha1/namespaces/{namespace}/facedatabases/stash/scale"
        )
        assert f'"status":{{"replicas":{replicas},' in scale
    assert uids(database, "pvc") == volumes
    assert database.server.bytes_sent == sent


def test_what_is_suspended_keeps_its_pods_and_volumes_whatever_the_spec_asks(database: Database) -> None:
    serve(database, SECOND, 1)
    wait_until(lambda: len(uids(database, "pods")) == 1, "the other pods to be gone", timeout_s=60)
    sidecar = sidecar_of(database)
    kept = uids(database, "pvc"), uids(database, "pods")
    database.apply(FIRST, suspend=True, sidecar=sidecar, rollout=ROLLOUT)
    database.wait("Ready", "False", "Suspended")
    assert (uids(database, "pvc"), uids(database, "pods")) == kept
    database.apply(SECOND, suspend=True, sidecar=sidecar, rollout=ROLLOUT)
    database.wait("Ready", "True", "Suspended")
    database.apply(SECOND, suspend=False, sidecar=sidecar, rollout=ROLLOUT)
    database.wait("Ready", "True", "Serving")
    assert (uids(database, "pvc"), uids(database, "pods")) == kept


@pytest.fixture
def one_gpu(database: Database) -> Iterator[None]:
    """The node pretends to have one GPU."""
    node.set_pretend_gpus(1)
    yield
    serve(database, SECOND, 1)
    node.set_pretend_gpus(0)


def test_the_gap_of_one_gpu_is_the_old_pods_end_and_the_new_ones_load(
    database: Database, one_gpu: None, record_property: Measure
) -> None:
    recreate = {**ROLLOUT, "strategy": "Recreate"}
    sidecar = sidecar_of(database, resources=ONE_GPU)
    database.apply(SECOND, sidecar=sidecar, rollout=recreate)
    settled(database, SECOND, 1)
    life = Life(database)
    life.look()
    (old,) = life.seen
    database.apply(FIRST, sidecar=sidecar, rollout=recreate)

    def done() -> bool:
        life.look()
        return database.condition("Ready").get("status") == "True"

    wait_until(done, "the rollout on one GPU", timeout_s=180, tell=database.describe)
    life.look()
    left = life.seen.pop(old)
    ((_, came),) = life.seen.items()
    parts = {
        "the old pod's end": left["gone"] - left["out"],
        "a new pod": came["runs"] - left["gone"],
        "its load": came["loaded"] - came["runs"],
        "its way into traffic": came["serves"] - came["loaded"],
    }
    gap = came["serves"] - left["out"]
    history = database.status()["history"][-1]
    record_property(
        "measured",
        f"Recreate on one GPU: nobody served for {gap:.1f} s (told: {history['unavailableSeconds']} s) = "
        + " + ".join(f"{name} {s:.1f} s" for name, s in parts.items()),
    )
    # Never both: one look may find the old one gone and the new one running.
    assert left["gone"] <= came["runs"]
    assert history["outcome"] == "Succeeded"
    assert history["unavailableSeconds"] > 0


@pytest.fixture(scope="module")
def offline(database: Database) -> Database:
    """Both releases are kept, and from here on their release server is gone."""
    serve(database, FIRST, 2)
    serve(database, SECOND, 2)
    database.server.__exit__()
    return database


@pytest.mark.fault("release server is gone when a release is rolled back")
@pytest.mark.parametrize("way", ["spec", "verb"])
def test_a_rollback_to_a_kept_release_needs_no_network(
    offline: Database, way: str, record_property: Measure
) -> None:
    database = offline
    serve(database, SECOND, 2, way)
    life = Life(database)
    life.look()
    before = set(life.seen)
    decided = time.monotonic()
    if way == "spec":
        roll(database, FIRST, 2, way)
    else:
        say(database, "rollback", f"{FIRST}-{way}")

    def back() -> dict[str, float]:
        life.look()
        return next((m for uid, m in life.seen.items() if uid not in before and "serves" in m), {})

    first = wait_until(back, f"a pod of {FIRST} in traffic", timeout_s=120, tell=database.describe)
    took, load = first["serves"] - decided, first["loaded"] - first["runs"]
    wait_until(
        lambda: {p["metadata"]["labels"]["facedb.dev/version"] for p in database.pods()} == {FIRST},
        f"{FIRST} alone",
        timeout_s=120,
        tell=database.describe,
    )
    counted(database, 2)
    record_property(
        "measured",
        f"rollback without network, by {way}: {took:.1f} s until the first pod served, of which it loaded "
        f"{load:.1f} s (bar: {ROLLBACK_S:.0f} s + load); {time.monotonic() - decided:.1f} s until both did",
    )
    assert took <= ROLLBACK_S + load
    assert database.status()["active"]["version"] == FIRST
