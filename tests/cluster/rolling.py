"""Rollouts as the tests of traffic drive and measure them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from cluster.client_pod import Seen
from cluster.stage import FIRST, SECOND
from cluster.waiting import wait_until
from cluster.world_of_one import Database, Json

RATE = 50
ROLLOUT = {"strategy": "Rolling", "drain": "5s", "progressDeadline": "10m"}


def roll(database: Database, version: str, replicas: int, note: str = "", **rollout: object) -> None:
    """Apply; another ``note`` is another revision of the same release."""
    env = [{"name": "TESTS_NOTE", "value": note}] if note else []
    sidecar = sidecar_of(database, replicas=replicas, env=env)
    database.apply(version, sidecar=sidecar, rollout={**ROLLOUT, **rollout})


def sidecar_of(database: Database, **changes: object) -> Json:
    """``spec.sidecar`` with these changes; the pods have a claim to some of a busy node's CPU."""
    found: Json = database.stage.spec(database.server, FIRST)["sidecar"]
    return {**found, "resources": {"requests": {"cpu": "150m", "memory": "256Mi"}}, **changes}


def serve(database: Database, version: str, replicas: int, note: str = "") -> None:
    """Have this release serve with so many pods."""
    roll(database, version, replicas, note)
    settled(database, version, replicas)


def settled(database: Database, version: str, replicas: int) -> None:
    """Wait until this release serves alone with so many pods."""
    database.wait_serving(version)
    counted(database, replicas)


def say(database: Database, verb: str, token: str) -> None:
    """Kubectl annotate."""
    word = f"facedb.dev/{verb}={token}"
    database.place.kubernetes.kubectl(
        "annotate", "--overwrite", "fdb", database.name, "-n", database.namespace, word
    )


def told(what: str, seen: Seen) -> str:
    """A line for the summary."""
    rate = seen.sent / max(seen.seconds, 1)
    return (
        f"{what}: {seen.failed} of {seen.sent} requests failed, at {rate:.1f} a second "
        f"(of {RATE} wanted; the latest was sent {seen.late_s:.2f} s after its time)"
    )


def assert_goes_back(database: Database, *words: str) -> None:
    """The second release is refused with these words, and the first one serves."""
    told = database.wait("Stalled", "True", "RolledBack")
    assert all(word in told["message"] for word in (SECOND, *words)), told["message"]
    status = database.status()
    assert status["active"]["version"] == FIRST
    assert status["bad"][-1]["version"] == SECOND
    assert status["history"][-1]["outcome"] == "RolledBack"
    assert status["history"][-1]["unavailableSeconds"] == 0


def counted(database: Database, replicas: int) -> None:
    """Wait until the status tells of so many pods, all ready."""

    def all_up() -> bool:
        status = database.status()
        return (status["readyReplicas"], status["replicas"]) == (replicas, replicas)

    wait_until(all_up, f"{replicas} pods", timeout_s=90, tell=database.describe)


def uids(database: Database, kind: str) -> set[str]:
    """Of the database's objects of a kind."""
    found = database.place.kubernetes.items(kind, database.namespace, f"facedb.dev/database={database.name}")
    return {o["metadata"]["uid"] for o in found}


@dataclass
class Life:
    """When each pod of a database was first seen to be there, run, have loaded, serve and be gone.

    Attributes:
        seen: uid → word → seconds of the monotonic clock.
    """

    database: Database
    seen: dict[str, dict[str, float]] = field(default_factory=dict)

    def look(self) -> None:
        """Once; as often as the moments shall be true to."""
        pods = self.database.pods()
        now = time.monotonic()
        for pod in pods:
            mine = self.seen.setdefault(pod["metadata"]["uid"], {})
            for word in _words(pod):
                mine.setdefault(word, now)
            if "serves" in mine and "serves" not in _words(pod):
                mine.setdefault("out", now)
        there = {p["metadata"]["uid"] for p in pods}
        for uid, mine in self.seen.items():
            if uid not in there:
                mine.setdefault("gone", now)


def is_ready(pod: Json) -> bool:
    """Whether it is in the Service's endpoints."""
    return "deletionTimestamp" not in pod["metadata"] and "serves" in _words(pod)


def _words(pod: Json) -> list[str]:
    status = pod["status"]
    true = {c["type"] for c in status.get("conditions", ()) if c["status"] == "True"}
    runs = any("running" in c.get("state", {}) for c in status.get("containerStatuses", ()))
    facts = {"runs": runs, "loaded": "ContainersReady" in true, "serves": "Ready" in true}
    return ["made", *(word for word, holds in facts.items() if holds)]
