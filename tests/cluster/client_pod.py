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

SCRIPT = Path(__file__).with_name("traffic.py")


@dataclass(frozen=True)
class Seen:
    """What the client saw: requests sent and failed, the versions in order, the failures.

    ``updates``: each answer of /database/update/status that differed from the one before.
    """

    sent: int
    failed: int
    versions: tuple[str, ...]
    failures: tuple[str, ...]
    updates: tuple[dict[str, Any], ...]


def _failure(line: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(line["at"], UTC).strftime("%H:%M:%S.%f")
    way = "a new connection" if line["idle_s"] is None else f"a connection idle for {line['idle_s']} s"
    return f"{at} {line['path']} over {way}, after {line['took_s']} s: {line['error']}"


class ClientPod:
    """A pod that asks a database's Service without a pause until ``stop``.

    Args:
        kubernetes: the cluster.
        namespace: where the database lives.
        database: its name, which is its Service's.
        image: an image with Python; the sidecar's own.
        photo: an image file with a face, at most 700 kB.
    """

    def __init__(
        self, kubernetes: Kubernetes, namespace: str, database: str, *, image: str, photo: bytes
    ) -> None:
        self.kubernetes, self.namespace, self.database = kubernetes, namespace, database
        self.name = f"client-{database}"
        self.image, self.photo = image, photo

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
        """Delete the pod and return what it had seen."""
        found = self.seen()
        self.kubernetes.kubectl("delete", "pod", self.name, "-n", self.namespace, "--grace-period=5")
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
                "containers": [
                    {
                        "name": "client",
                        "image": self.image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python", "/client/traffic.py"],
                        "env": [
                            {"name": "TARGET", "value": f"{self.database}.{self.namespace}.svc:5000"},
                            {"name": "PHOTO", "value": "/client/photo"},
                        ],
                        "volumeMounts": [{"name": "client", "mountPath": "/client"}],
                    }
                ],
                "volumes": [{"name": "client", "configMap": {"name": self.name}}],
            },
        }
