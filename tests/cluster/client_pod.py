"""The traffic pod: starts traffic.py inside the cluster and reads back what it saw."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cluster.kubernetes import Kubernetes
from cluster.waiting import wait_until

# Together they hold 50 requests a second as long as one takes less than a third of a second.
CONNECTIONS = 16
SCRIPT = Path(__file__).with_name("traffic.py")


@dataclass(frozen=True)
class Seen:
    """What the client saw: requests sent and failed, the versions in order, the failures.

    ``updates``: each answer of /database/update/status that differed from the one before. ``seconds``: from
    the first line to the last. ``late_s``: how much later than its time a request was sent, at most.
    """

    sent: int
    failed: int
    versions: tuple[str, ...]
    failures: tuple[str, ...]
    updates: tuple[dict[str, Any], ...]
    seconds: float = 0.0
    late_s: float = 0.0


def _failure(line: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(line["at"], UTC).strftime("%H:%M:%S.%f")
    way = "a new connection" if line["idle_s"] is None else f"a connection idle for {line['idle_s']} s"
    return f"{at} {line['path']} over {way}, after {line['took_s']} s: {line['error']}"


class ClientPod:
    """A pod that keeps asking a database's Service until ``stop``.

    Args:
        kubernetes: the cluster.
        namespace: where the database lives.
        database: its name, which is its Service's.
        image: an image with Python; the sidecar's own.
        photo: an image file with a face, at most 700 kB.
        rate: requests a second, sent whether or not answers come; 0: one after the other, with a tenth of a
            second between them.
    """

    def __init__(
        self,
        kubernetes: Kubernetes,
        namespace: str,
        database: str,
        *,
        image: str,
        photo: bytes,
        rate: float = 0,
    ) -> None:
        self.kubernetes, self.namespace, self.database = kubernetes, namespace, database
        self.name = f"client-{database}"
        self.image, self.photo, self.rate = image, photo, rate

    def start(self) -> None:
        """Create the pod and wait until its first request succeeded."""
        self.kubernetes.apply(self._config(), self._pod())
        wait_until(
            lambda: any(line["sent"] - line["failed"] > 0 for line in self._lines()),
            "the client's first answered request",
            timeout_s=120,
        )

    def seen(self) -> Seen:
        """What it saw until now."""
        lines = self._lines()
        last = lines[-1] if lines else {"sent": 0, "failed": 0}
        return Seen(
            sent=int(last["sent"]),
            failed=int(last["failed"]),
            versions=tuple(line["version"] for line in lines if line["event"] == "version"),
            failures=tuple(_failure(x) for x in lines if x["event"] == "failed"),
            updates=tuple(line["answer"] for line in lines if line["event"] == "update"),
            seconds=lines[-1]["at"] - lines[0]["at"] if lines else 0.0,
            late_s=float(last.get("late_s", 0)),
        )

    def ask(self, method: str, path: str) -> tuple[int, Any]:
        """One request to the Service from within the pod: its status and its JSON."""
        script = (
            "import http.client as h, os;"
            "c = h.HTTPConnection(os.environ['TARGET'], timeout=30);"
            f"c.request({method!r}, {path!r}); r = c.getresponse(); print(r.status, r.read().decode())"
        )
        said = self.kubernetes.kubectl(
            *("exec", self.name, "-n", self.namespace, "--", "python", "-c", script)
        )
        status, _, text = said.partition(" ")
        return int(status), json.loads(text)

    def timeline(self) -> list[dict[str, Any]]:
        """Every line that the client printed, with the time in seconds since the epoch."""
        return self._lines()

    def stop(self) -> Seen:
        """Delete the pod, if it is there, and return what it had seen."""
        found = self.seen()
        gone = ("--ignore-not-found", "--grace-period=5")
        self.kubernetes.kubectl("delete", "pod", self.name, "-n", self.namespace, *gone)
        return found

    def _lines(self) -> list[dict[str, Any]]:
        text = self.kubernetes.kubectl("logs", self.name, "-n", self.namespace, check=False)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def _config(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "data": {"traffic.py": SCRIPT.read_text()},
            "binaryData": {"photo": base64.b64encode(self.photo).decode()},
        }

    def _pod(self) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "restartPolicy": "Never",
                "terminationGracePeriodSeconds": 5,
                # As the namespace wants it of every pod.
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [
                    {
                        "name": "client",
                        "image": self.image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python", "/client/traffic.py"],
                        # Else whatever else the node does would decide the rate.
                        "resources": {"requests": {"cpu": "250m", "memory": "32Mi"}},
                        "env": [
                            # As its neighbours call it: any longer name is asked for in every search domain.
                            {"name": "TARGET", "value": f"{self.database}:5000"},
                            {"name": "PHOTO", "value": "/client/photo"},
                            {"name": "RATE", "value": str(self.rate)},
                            {"name": "CONNECTIONS", "value": str(CONNECTIONS if self.rate else 1)},
                        ],
                        "volumeMounts": [{"name": "client", "mountPath": "/client"}],
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
                "volumes": [{"name": "client", "configMap": {"name": self.name}}],
            },
        }
