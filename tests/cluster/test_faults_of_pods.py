"""What new pods do wrong: the trial ends, the last good release serves on, and the status says why."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from cluster.client_pod import ClientPod
from cluster.faults import injured_pods
from cluster.faults.sidecar import faulty_image, with_fault
from cluster.rolling import assert_goes_back, counted, sidecar_of
from cluster.stage import FIRST, SECOND, THIRD
from cluster.world_of_one import Database, Json

pytestmark = pytest.mark.cluster

ROLLOUT = {"strategy": "Rolling", "drain": "2s", "progressDeadline": "10m"}
# For pods that can never come up.
HASTY = {**ROLLOUT, "progressDeadline": "20s"}
RECALL = [{"name": "recall", "recall": {"min": 0.9}}]


@pytest.fixture(scope="module")
def serving(fdb: Database) -> Database:
    """A database that serves the first release, and holds the second one too."""
    fdb.apply(SECOND, rollout=ROLLOUT)
    fdb.wait_serving(SECOND)
    fdb.apply(FIRST, rollout=ROLLOUT)
    fdb.wait_serving(FIRST)
    return fdb


@pytest.fixture
def healed(serving: Database) -> Iterator[Database]:
    """The same, healthy again after the test."""
    yield serving
    serving.apply(FIRST, rollout=ROLLOUT)
    serving.wait_serving(FIRST)


@pytest.fixture
def client(healed: Database) -> Iterator[ClientPod]:
    """A client that never stops asking, until the test ends."""
    found = healed.client()
    found.start()
    yield found
    found.stop()


@pytest.mark.parametrize(
    ("fault", "rollout", "words"),
    [
        pytest.param(
            "CrashLoop",
            ROLLOUT,
            ("CrashLoop", "restarted 3 times", "exit code 3"),
            marks=pytest.mark.fault("sidecar crash loop"),
            id="crash loop",
        ),
        pytest.param(
            "WrongVersion",
            ROLLOUT,
            ("WrongReleaseServed", "1999.01.01"),
            marks=pytest.mark.fault("sidecar serves the wrong version"),
            id="wrong version",
        ),
        pytest.param(
            "NeverReady",
            HASTY,
            ("ProgressDeadlineExceeded", "no progress for 20 s"),
            marks=pytest.mark.fault("sidecar is never ready"),
            id="never ready",
        ),
        pytest.param(
            "Degraded",
            {**ROLLOUT, "checks": RECALL},
            ("CheckFailed", "found 10.0% of its own faces, not 90.0%"),
            marks=pytest.mark.fault("sidecar answers 200 and is degraded"),
            id="degraded",
        ),
    ],
)
def test_a_trial_that_fails_leaves_the_last_good_release_in_traffic(
    healed: Database, client: ClientPod, fault: str, rollout: Json, words: tuple[str, ...]
) -> None:
    image = faulty_image(healed.place.images.sidecar)
    healed.apply(SECOND, sidecar=with_fault(sidecar_of(healed), image, fault), rollout=rollout)
    assert_goes_back(healed, *words)
    seen = client.stop()
    assert seen.failures == ()
    assert set(seen.versions) == {FIRST}


@pytest.mark.fault("sidecar runs out of memory while it loads")
def test_a_pod_that_needs_more_memory_than_it_may_have_is_told(healed: Database, client: ClientPod) -> None:
    small = {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}}
    healed.apply(SECOND, sidecar=sidecar_of(healed, resources=small), rollout=ROLLOUT)
    assert_goes_back(healed, "CrashLoop", "OOMKilled")
    assert client.stop().failures == ()


@pytest.mark.fault("sidecar crashes in the bake")
def test_a_crash_in_the_bake_brings_the_old_release_back(healed: Database) -> None:
    # The old pod stands by until the new one has proven itself.
    blue_green = {**ROLLOUT, "strategy": "BlueGreen", "bake": "5m"}
    healed.apply(SECOND, rollout=blue_green)
    healed.wait("Ready", "False", "Baking")
    injured_pods.kill(serving_pod(healed), signal.SIGKILL)
    told = healed.wait("Stalled", "True", "RolledBack")
    assert "Restarted" in told["message"]
    assert "exit code 137" in told["message"]
    assert healed.status()["active"]["version"] == FIRST
    # The one pod that was asked died of it: that was a gap, and it is told.
    assert healed.status()["history"][-1]["unavailableSeconds"] >= 0


@pytest.mark.fault("container restarts after its gate opened")
def test_a_single_pod_that_restarts_is_a_gap_that_is_told_and_ends(healed: Database) -> None:
    pod = serving_pod(healed)
    injured_pods.kill(pod, signal.SIGKILL)
    healed.wait("Available", "False", "NotServing")
    healed.wait("Ready", "True")
    after = serving_pod(healed)
    assert after["metadata"]["uid"] == pod["metadata"]["uid"]
    assert restarts(after) == restarts(pod) + 1
    assert gate_moved_at(after) > gate_moved_at(pod)


@pytest.mark.fault("one of two containers restarts after its gate opened")
def test_one_of_two_pods_that_restarts_is_out_of_traffic_until_it_answers(healed: Database) -> None:
    healed.apply(FIRST, sidecar=sidecar_of(healed, replicas=2), rollout=ROLLOUT)
    healed.wait_serving(FIRST)
    counted(healed, 2)
    client = healed.client()
    client.start()
    pod = serving_pod(healed)
    injured_pods.kill(pod, signal.SIGKILL)
    healed.wait("Degraded", "True", "NotServing")
    assert healed.condition("Available")["status"] == "True"
    # What it had in its hands when it died is lost; from here on nobody is sent to it.
    lost = client.seen().failed
    healed.wait("Ready", "True")
    counted(healed, 2)
    assert client.stop().failed == lost
    mine = next(p for p in healed.pods() if p["metadata"]["uid"] == pod["metadata"]["uid"])
    assert gate_moved_at(mine) > gate_moved_at(pod)


@pytest.mark.fault("sidecar dies of SIGSEGV")
def test_a_release_that_ends_in_segmentation_faults_is_left_after_three_restarts(
    healed: Database, client: ClientPod
) -> None:
    in_pod(healed, "touch", "/state/segfault")
    injured = with_fault(sidecar_of(healed), faulty_image(healed.place.images.sidecar), "Segfault")
    healed.apply(SECOND, sidecar=injured, rollout=ROLLOUT)
    assert_goes_back(healed, "CrashLoop", "restarted 3 times", "exit code 139")
    in_pod(healed, "rm", "/state/segfault")
    assert client.stop().failures == ()


@pytest.mark.fault("image of the sidecar cannot be pulled")
def test_an_image_that_is_not_there_is_named_while_pods_wait_for_it(
    healed: Database, client: ClientPod
) -> None:
    healed.apply(SECOND, sidecar=sidecar_of(healed, image="localhost/nobody/has-this:1"), rollout=HASTY)
    told = healed.wait_message("Ready", "has-this")
    assert told["reason"] == "RollingOut"
    assert_goes_back(healed, "ProgressDeadlineExceeded", "has-this")
    assert client.stop().failures == ()


@pytest.mark.fault("image of the fetch Job cannot be pulled")
def test_an_image_that_is_not_there_is_named_before_anything_is_fetched(healed: Database) -> None:
    healed.apply(THIRD, sidecar=sidecar_of(healed, image="localhost/nobody/has-this:1"), rollout=ROLLOUT)
    told = healed.wait("Ready", "False", "FetchStuck")
    assert "has-this" in told["message"]
    assert healed.status()["active"]["version"] == FIRST


def serving_pod(database: Database) -> Json:
    """The first pod of the release that is active, or was last."""
    version = (database.status().get("active") or database.status()["lastGood"])["version"]
    mine = [p for p in database.pods() if p["metadata"]["labels"]["facedb.dev/version"] == version]
    return next(p for p in mine if "deletionTimestamp" not in p["metadata"])


def in_pod(database: Database, *command: str) -> None:
    """Run a command in the serving pod."""
    name = serving_pod(database)["metadata"]["name"]
    database.place.kubernetes.kubectl("exec", name, "-n", database.namespace, "--", *command)


def restarts(pod: Json) -> int:
    """How often its container was started again."""
    return int(pod["status"]["containerStatuses"][0]["restartCount"])


def gate_moved_at(pod: Json) -> str:
    """When the operator last opened or closed its gate."""
    gate = next(c for c in pod["status"]["conditions"] if c["type"] == "facedb.dev/serving")
    return str(gate["lastTransitionTime"])
