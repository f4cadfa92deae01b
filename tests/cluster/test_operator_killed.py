"""The operator is killed right after every kind of step, and everything still comes out the same."""

from __future__ import annotations

import pytest

from cluster.crashing_operator import crashes, crashing_operator
from cluster.stage import CORRUPT, FIRST, SECOND
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster

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
