"""``rollout.checks`` as they are meant: true requests, a true Prometheus, Jobs of one's own, on true pods."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.prometheus import prometheus
from cluster.stage import FIRST, SECOND
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster

NOT_FOUND = {"name": "lost", "http": {"url": "{pod}/no-such-page", "status": 200}}
BROKEN_JOB = {"name": "own", "job": {"command": ["python", "-c", "raise SystemExit('no face was found')"]}}

# Long enough for somebody to delete its pod.
SLOW_JOB = {"name": "slow", "job": {"command": ["python", "-c", "import time; time.sleep(10)"]}}


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory, fdb: Database) -> Iterator[str]:
    """The URL of a Prometheus."""
    folder: Path = tmp_path_factory.mktemp("prometheus")
    with prometheus(folder, fdb.place.host) as url:
        yield url


def rollout(*checks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """``spec.rollout`` with these checks."""
    return {"strategy": "Rolling", "drain": "2s", "progressDeadline": "10m", "checks": list(checks), **more}


def over(url: str, **bounds: float) -> dict[str, Any]:
    """A check of how many targets Prometheus follows."""
    return {"name": "targets", "prometheus": {"url": url, "query": "sum(up)", **bounds}}


def refused(serving: Database, check: dict[str, Any]) -> str:
    """Roll the second release out with this check; what the status says once it has gone back."""
    serving.apply(SECOND, rollout=rollout(check))
    told = serving.wait("Stalled", "True", "RolledBack")
    assert serving.status()["active"]["version"] == FIRST
    message: str = told["message"]
    serving.apply(FIRST)
    serving.wait_serving(FIRST)
    return message


def test_a_page_that_is_not_there_sends_the_release_back(serving: Database) -> None:
    message = refused(serving, NOT_FOUND)
    assert "Check lost failed" in message
    assert "404" in message


def test_a_value_of_prometheus_out_of_bounds_sends_it_back(serving: Database, metrics: str) -> None:
    message = refused(serving, over(metrics, min=2))
    assert "Check targets failed" in message
    assert "1" in message


def test_a_job_of_ones_own_that_fails_sends_it_back_with_its_last_words(serving: Database) -> None:
    message = refused(serving, BROKEN_JOB)
    assert "Check own failed" in message


def test_a_release_that_passes_every_check_serves(serving: Database, metrics: str) -> None:
    serving.apply(
        SECOND,
        rollout=rollout(
            {"name": "recall", "recall": {"min": 0.9}},
            {"name": "latency", "latency": {"maxRatio": 100}},
            {"name": "ready", "http": {"url": "{pod}/ready", "status": 200}},
            {"name": "through-the-service", "when": "Bake", "http": {"url": "{service}/health"}},
            over(metrics, min=1, max=1),
            {"name": "own", "job": {"command": ["python", "-c", "print('fine')"]}},
            bake="1s",
        ),
    )
    serving.wait_serving(SECOND)


@pytest.mark.fault("check's pod is evicted, or deleted")
def test_a_check_whose_pod_is_deleted_is_made_again_and_the_release_serves(serving: Database) -> None:
    kubernetes, here = serving.place.kubernetes, serving.namespace

    def running() -> str:
        found = kubernetes.items("pods", here, "app.kubernetes.io/component=check")
        names = [p["metadata"]["name"] for p in found if p["status"].get("phase") == "Running"]
        return names[0] if names else ""

    serving.apply(FIRST, rollout=rollout(SLOW_JOB))
    pod = wait_until(running, "the check's pod", timeout_s=60, tell=serving.describe)
    kubernetes.kubectl("delete", "pod", pod, "-n", here, "--grace-period=1", "--wait=false")
    told = serving.wait_message("Ready", "made again")
    assert told["reason"] == "Checking"
    serving.wait_taken(FIRST)
