"""One database in a namespace of its own, as the cluster tests drive and question it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from cluster.client_pod import ClientPod
from cluster.places import Place
from cluster.stage import Stage, database
from cluster.waiting import wait_until
from release_server import ReleaseServer

# A rollout of four pods takes 100 s on two cores of its own, and more where the host shares them.
SETTLE_S = 400.0

Json = dict[str, Any]


@dataclass(frozen=True)
class Database:
    """A FaceDatabase under test."""

    place: Place
    stage: Stage
    server: ReleaseServer
    namespace: str
    name: str = "stash"

    def apply(
        self, version: str | None, *, annotations: dict[str, str] | None = None, **changes: Any
    ) -> None:
        """Kubectl apply at this version (None: a channel names it); ``changes`` replace parts of the spec."""
        spec = {**self.stage.spec(self.server, version), **changes}
        self.place.kubernetes.apply(database(self.name, self.namespace, spec, annotations=annotations or {}))

    def get(self) -> Json:
        """The object as it stands."""
        return self.place.kubernetes.get("fdb", self.name, self.namespace)

    def status(self) -> Json:
        """Its status."""
        found: Json = self.get().get("status", {})
        return found

    def condition(self, kind: str) -> Json:
        """A condition that was computed for the present generation; empty before that."""
        found = self.get()
        for condition in found.get("status", {}).get("conditions", []):
            fresh = condition.get("observedGeneration") == found["metadata"]["generation"]
            if condition["type"] == kind and fresh:
                kept: Json = condition
                return kept
        return {}

    def wait(self, kind: str, status: str, reason: str = "", *, timeout_s: float = SETTLE_S) -> Json:
        """Wait until a condition says this, and return it."""

        def reached() -> Json | None:
            found = self.condition(kind)
            hit = found.get("status") == status and reason in ("", found.get("reason"))
            return found if hit else None

        what = f"{kind}={status} {reason}".strip()
        return wait_until(reached, what, timeout_s=timeout_s, tell=self.describe) or {}

    def wait_message(self, kind: str, word: str) -> Json:
        """Wait until a condition's message has this word in it, and return the condition."""

        def told() -> Json | None:
            found = self.condition(kind)
            return found if word in found.get("message", "") else None

        what = f"{kind} to tell of {word}"
        return wait_until(told, what, timeout_s=SETTLE_S, tell=self.describe) or {}

    def wait_serving(self, version: str) -> None:
        """Wait until Ready is True; this version is active then."""
        self.wait("Ready", "True")
        assert self.status()["active"]["version"] == version

    def wait_taken(self, version: str) -> None:
        """Wait until this version is active, and Ready. A channel is Ready too while it asks for another."""

        def taken() -> bool:
            active = self.status().get("active") or {}
            return active.get("version") == version and self.condition("Ready").get("status") == "True"

        wait_until(taken, f"{version} to be taken", timeout_s=SETTLE_S, tell=self.describe)

    def client(self, rate: float = 0) -> ClientPod:
        """A client that asks again and again, or so many times a second; not started yet."""
        return ClientPod(
            self.place.kubernetes,
            self.namespace,
            self.name,
            image=self.place.images.sidecar,
            photo=self.stage.photo,
            rate=rate,
        )

    def pods(self) -> list[Json]:
        """The sidecar pods."""
        selector = "app.kubernetes.io/component=sidecar,facedb.dev/database=" + self.name
        return self.place.kubernetes.items("pods", self.namespace, selector)

    def describe(self) -> str:
        """What a failing test should print."""
        kubectl = self.place.kubernetes.kubectl
        events = kubectl("get", "events", "-n", self.namespace, "--sort-by=.lastTimestamp", check=False)
        objects = kubectl("get", "pods,pvc,jobs,deploy", "-n", self.namespace, "-o", "wide", check=False)
        logs = kubectl(*("logs", "-n", "facedb-system", "deploy/facedb-operator", "--tail=30"), check=False)
        status = json.dumps(self.status(), indent=1)
        return f"{status}\n{objects}\n{events[-4000:]}\nOperator's log:\n{logs[-6000:]}"
