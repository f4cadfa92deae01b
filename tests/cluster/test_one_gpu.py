"""No GPU, and one: a second pod finds no room; the true scheduler judges over a pretended nvidia.com/gpu."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.node import node
from cluster.rolling import assert_goes_back, sidecar_of
from cluster.stage import FIRST, SECOND
from cluster.waiting import wait_until
from cluster.world_of_one import Database, Json

# One file: no other one may ask for GPUs meanwhile, but those that run alone.
pytestmark = pytest.mark.cluster

ONE_GPU = {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "50m", "memory": "256Mi"}}


@pytest.fixture(scope="module")
def one_gpu(place: object) -> Iterator[None]:
    """Pretend one GPU from here to the end of this module."""
    node.set_pretend_gpus(1)
    yield
    node.set_pretend_gpus(0)


def _changes(fdb: Database, version: str, strategy: str) -> Json:
    spec = fdb.stage.spec(fdb.server, version, resources=ONE_GPU)
    return {"sidecar": spec["sidecar"], "rollout": {**spec["rollout"], "strategy": strategy}}


def _holders(fdb: Database) -> list[str]:
    """Pods that hold the GPU: scheduled and not ended."""
    return [
        p["metadata"]["name"]
        for p in fdb.pods()
        if p["spec"].get("nodeName") and p["status"]["phase"] not in ("Succeeded", "Failed")
    ]


@pytest.mark.fault("GPU is wanted and the node has none")
def test_a_gpu_that_is_not_there_costs_no_pod_its_place(serving: Database) -> None:
    client = serving.client()
    client.start()
    # Auto takes an old pod away where it is in the new one's way: this one is not.
    auto = {**serving.stage.spec(serving.server, SECOND)["rollout"], "strategy": "Auto"}
    sidecar = sidecar_of(serving, device="gpu")
    serving.apply(SECOND, sidecar=sidecar, rollout={**auto, "progressDeadline": "20s"})
    told = serving.wait_message("Ready", "Insufficient nvidia.com/gpu")
    assert told["reason"] == "RollingOut"
    assert_goes_back(serving, "ProgressDeadlineExceeded", "Unschedulable", "Insufficient nvidia.com/gpu")
    assert client.stop().failures == ()


@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize(
    ("strategy", "before", "after"), [("Recreate", FIRST, SECOND), ("Auto", SECOND, FIRST)]
)
def test_the_old_pod_is_gone_before_the_new_one_runs(
    fdb: Database, strategy: str, before: str, after: str
) -> None:
    fdb.apply(before, **_changes(fdb, before, strategy))
    fdb.wait_serving(before)
    fdb.apply(after, **_changes(fdb, after, strategy))

    most = 0

    def done() -> bool:
        nonlocal most
        most = max(most, len(_holders(fdb)))
        return fdb.condition("Ready").get("status") == "True"

    wait_until(done, "the rollout on one GPU", timeout_s=180, tell=fdb.describe)
    assert most == 1
    assert fdb.status()["active"]["version"] == after
    last = fdb.status()["history"][-1]
    assert last["outcome"] == "Succeeded"
    # There is no room for two: the gap is real, and is told.
    assert 0 < last["unavailableSeconds"] < 120
