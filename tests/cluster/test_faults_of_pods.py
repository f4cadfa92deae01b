"""What new pods do wrong: the trial ends, the last good release serves on, and the status says why."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from cluster.faults import injured_pods
from cluster.faults.sidecar import faulty_image, with_fault
from cluster.stage import FIRST, SECOND
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster

ROLLOUT = {"strategy": "Rolling", "drain": "2s", "progressDeadline": "30s", "bake": "5s"}


@pytest.fixture(scope="module")
def image() -> str:
    """The sidecar with a fault of choice."""
    return faulty_image()


@pytest.fixture(scope="module")
def serving(fdb: Database) -> Database:
    """A database that serves the first release."""
    fdb.apply(FIRST, rollout=ROLLOUT)
    fdb.wait_serving(FIRST)
    return fdb


@pytest.fixture
def healed(serving: Database) -> Iterator[Database]:
    """The same, healthy again after the test."""
    yield serving
    serving.apply(FIRST, rollout=ROLLOUT)
    serving.wait_serving(FIRST)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(
            "CrashLoop", "CrashLoop", marks=pytest.mark.fault("sidecar crash loop"), id="crash loop"
        ),
        pytest.param(
            "WrongVersion",
            "WrongReleaseServed",
            marks=pytest.mark.fault("sidecar serves the wrong version"),
            id="wrong version",
        ),
        pytest.param(
            "NeverReady",
            "ProgressDeadlineExceeded",
            marks=pytest.mark.fault("sidecar is never ready"),
            id="never ready",
        ),
        pytest.param(
            "Degraded",
            "CheckFailed",
            marks=pytest.mark.fault("sidecar answers 200 and is degraded"),
            id="degraded",
        ),
        pytest.param(
            "CrashAfter", "CrashLoop", marks=pytest.mark.fault("sidecar crashes in the bake"), id="bake"
        ),
    ],
)
def test_a_trial_that_fails_leaves_the_last_good_release_in_traffic(
    healed: Database, image: str, fault: str, reason: str
) -> None:
    client = healed.client()
    client.start()
    sidecar = healed.stage.spec(healed.server, SECOND)["sidecar"]
    checks = [{"name": "recall", "recall": {"min": "0.9"}}]
    injured = with_fault(sidecar, image, fault, FACEDB_FAULT_AFTER_S="2")
    healed.apply(SECOND, sidecar=injured, rollout={**ROLLOUT, "bake": "20s", "checks": checks})
    stalled = healed.wait("Stalled", "True", "RolledBack")
    assert SECOND in stalled["message"]
    assert reason in stalled["message"]
    wait_until(lambda: healed.status()["active"]["version"] == FIRST, "the first release", timeout_s=60)
    assert client.stop().failures == ()


@pytest.mark.fault("container restarts after its gate opened")
def test_a_container_that_restarts_is_taken_out_until_it_answers_again(healed: Database) -> None:
    pod = healed.pods()[0]
    injured_pods.kill(pod, signal.SIGKILL)
    wait_until(
        lambda: healed.pods()[0]["status"]["containerStatuses"][0]["restartCount"] == 1,
        "a restart",
        timeout_s=60,
    )
    healed.wait("Ready", "True")
    assert healed.status()["active"]["version"] == FIRST
    assert healed.pods()[0]["metadata"]["uid"] == pod["metadata"]["uid"]


@pytest.mark.fault("serving sidecar dies of SIGSEGV")
def test_a_segmentation_fault_is_a_restart(healed: Database) -> None:
    pod = healed.pods()[0]
    before = pod["status"]["containerStatuses"][0]["restartCount"]
    injured_pods.kill(pod, signal.SIGSEGV)
    wait_until(
        lambda: healed.pods()[0]["status"]["containerStatuses"][0]["restartCount"] > before,
        "a restart",
        timeout_s=60,
    )
    healed.wait("Ready", "True")


@pytest.mark.fault("image cannot be pulled")
def test_an_image_that_is_not_there_is_named(healed: Database) -> None:
    sidecar = {**healed.stage.spec(healed.server, SECOND)["sidecar"], "image": "localhost/nobody/has-this:1"}
    healed.apply(SECOND, sidecar=sidecar, rollout=ROLLOUT)
    told = healed.wait("Ready", "False", "FetchStuck")
    assert "has-this" in told["message"]
    assert healed.status()["active"]["version"] == FIRST
