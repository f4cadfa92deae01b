"""The operator is killed right after every kind of step, and everything still comes out the same."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from cluster.crashing_operator import NAME as OPERATOR
from cluster.crashing_operator import NAMESPACE as SYSTEM
from cluster.crashing_operator import crashes, crashing_operator
from cluster.kubernetes import Kubernetes
from cluster.node import snapshot_api
from cluster.stage import CORRUPT, FIRST, SECOND, THIRD
from cluster.waiting import wait_until
from cluster.world_of_one import Database
from facedb_operator.steps import Step

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

INSTALL = {
    "EnsureService",
    "EnsureAccess",
    "CreateClaim",
    "StartFetch",
    "MarkVerified",
    "CreateWorkload",
    "SetGate",
}
BUMP = {
    "CreateClaim",
    "StartFetch",
    "MarkVerified",
    "CreateWorkload",
    "SetGate",
    "ScaleWorkload",
    "DeleteWorkload",
}
REFUSE = {"CreateClaim", "StartFetch", "DeleteClaim"}


@pytest.mark.fault("operator is killed after every step")
def test_an_operator_that_is_killed_after_every_step_converges(fdb: Database) -> None:
    kubernetes = fdb.place.kubernetes
    with crashing_operator(kubernetes):
        fdb.apply(FIRST)
        fdb.wait("Ready", "True", timeout_s=300)
        client = fdb.client()
        client.start()
        fdb.apply(SECOND)
        fdb.wait("Ready", "True", timeout_s=300)
        fdb.apply(CORRUPT)
        fdb.wait("Stalled", "True", "RolledBack", timeout_s=300)
        expected = {
            f"{version}-{step}"
            for version, steps in ((FIRST, INSTALL), (SECOND, BUMP), (CORRUPT, REFUSE))
            for step in steps
        }
        wait_until(
            lambda: expected <= crashes(kubernetes),
            "a crash after every step",
            timeout_s=120,
            tell=lambda: f"missing: {expected - crashes(kubernetes)}",
        )
        seen = client.stop()
    assert seen.failures == ()
    # While both pods are in the endpoints, and on a connection that is kept, the old one may still answer.
    assert (seen.versions[0], seen.versions[-1]) == (FIRST, SECOND)
    assert set(seen.versions) == {FIRST, SECOND}
    assert fdb.status()["active"]["version"] == SECOND
    assert [(h["version"], h["outcome"]) for h in fdb.status()["history"]] == [
        (FIRST, "Succeeded"),
        (SECOND, "Succeeded"),
        (CORRUPT, "RolledBack"),
    ]
    assert len(fdb.pods()) == 1


@pytest.mark.fault("operator is killed after every kind of step there is")
def test_no_kind_of_step_is_left_out(fdb: Database) -> None:
    """Channels, checks, snapshots, two pods and then one, a rollback from a snapshot, volumes to be kept."""
    kubernetes, namespace = fdb.place.kubernetes, fdb.namespace
    fdb = Database(fdb.place, fdb.stage, fdb.server, namespace, "every")
    with crashing_operator(kubernetes):
        _serve(fdb, None, FIRST, channel={"range": f"<{SECOND}", "policy": "Automatic", "interval": "1h"})
        _serve(fdb, SECOND, SECOND)
        kubernetes.kubectl("annotate", "fdb", fdb.name, "-n", namespace, f"facedb.dev/rollback={FIRST}-1")
        wait_until(lambda: _is_back(fdb), f"{FIRST} from its snapshot", timeout_s=300, tell=fdb.describe)
        _serve(fdb, THIRD, THIRD, storage={**_STORAGE, "keep": 1})
        one = {**fdb.stage.spec(fdb.server, THIRD)["sidecar"], "replicas": 1, "updates": "Disabled"}
        _serve(fdb, THIRD, THIRD, sidecar=one, deletionPolicy="Retain", storage={**_STORAGE, "keep": 1})
        every = {step.__name__ for step in get_args(Step)} - {"DeletePolicy"}
        _wait_for_crashes(fdb, every)
        # With the chart's networkPolicies switched off; the operator's new pod has new marks.
        off = "FACEDB_NETWORK_POLICIES=false"
        kubernetes.kubectl("set", "env", f"deployment/{OPERATOR}", "-n", SYSTEM, off)
        _wait_for_crashes(fdb, {"DeletePolicy"})


def _wait_for_crashes(fdb: Database, kinds: set[str]) -> None:
    wait_until(
        lambda: not kinds - _kinds(fdb.place.kubernetes),
        "a crash after every kind of step",
        timeout_s=120,
        tell=lambda: f"missing: {kinds - _kinds(fdb.place.kubernetes)}\n{fdb.describe()}",
    )


_STORAGE = {
    **{"size": "1Gi", "modelsSize": "256Mi", "keep": 2, "strategy": "Snapshot"},
    "storageClassName": snapshot_api.CLASS,
}
_CHECK = {"name": "own", "job": {"command": ["python", "-c", "print('fine')"]}}


def _serve(fdb: Database, version: str | None, expected: str, **more: Any) -> None:
    two = {**fdb.stage.spec(fdb.server, version)["sidecar"], "replicas": 2}
    rollout = {"strategy": "Rolling", "drain": "2s", "progressDeadline": "10m", "checks": [_CHECK]}
    fdb.apply(version, **{"sidecar": two, "rollout": rollout, "storage": _STORAGE, **more})
    wait_until(lambda: _serves(fdb, expected), f"{expected} to serve", timeout_s=400, tell=fdb.describe)


def _serves(fdb: Database, version: str) -> bool:
    ready = fdb.condition("Ready").get("status") == "True"
    return ready and fdb.status()["active"]["version"] == version


def _is_back(fdb: Database) -> bool:
    """Not Ready: the spec still wants the version that somebody went back from."""
    still = fdb.condition("Reconciling").get("status") == "False"
    return still and fdb.status()["active"]["version"] == FIRST


def _kinds(kubernetes: Kubernetes) -> set[str]:
    return {mark.partition("-")[2] for mark in crashes(kubernetes)}
