"""An operator that dies right after each kind of step, once for each version: SIGKILL at every seam.

It dies after the first status of each reason too. It is the true operator in the true image; only what it
writes with is wrapped by a script from a ConfigMap. The marks of past crashes lie in the pod's emptyDir,
which outlives the container.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from cluster.kubernetes import Kubernetes
from cluster.waiting import wait_until

NAMESPACE = "facedb-system"
OPERATOR = "facedb-operator"
NAME = "crashing-operator"
SCRIPT = """
import os, pathlib, signal
from facedb_operator import reconcile
real_act, real_status = reconcile.act, reconcile.write_status
marks = pathlib.Path("/tmp/crashed")
marks.mkdir(exist_ok=True)

def die_once(at):
    mark = marks / at
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)

async def act(kube, db, step, now):
    wrote = await real_act(kube, db, step, now)
    die_once(f"{db.version}-{type(step).__name__}")
    return wrote

async def write_status(kube, namespace, name, status):
    wrote = await real_status(kube, namespace, name, status)
    ready = next((c for c in status.get("conditions", ()) if c["type"] == "Ready"), {})
    die_once(f"status-{ready.get('reason')}")
    return wrote

reconcile.act, reconcile.write_status = act, write_status
from facedb_operator.__main__ import main
main()
"""


@contextmanager
def crashing_operator(kubernetes: Kubernetes) -> Iterator[None]:
    """Put the crashing operator in the installed one's place, and the installed one back afterwards."""
    live = kubernetes.get("deployment", OPERATOR, NAMESPACE)
    kubernetes.kubectl("scale", f"deployment/{OPERATOR}", "-n", NAMESPACE, "--replicas=0")
    wait_until(lambda: not _pods(kubernetes, OPERATOR), "the installed operator to go", timeout_s=60)
    template = live["spec"]["template"]
    template["metadata"]["labels"] = {"app": NAME}
    pod = template["spec"]
    pod["volumes"].append({"name": "script", "configMap": {"name": NAME}})
    container = pod["containers"][0]
    container["command"] = ["python", "/script/crash.py"]
    container["volumeMounts"].append({"name": "script", "mountPath": "/script"})
    metadata = {"name": NAME, "namespace": NAMESPACE}
    kubernetes.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"crash.py": SCRIPT}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": NAME}}, "template": template},
        },
    )
    try:
        yield
    finally:
        kubernetes.kubectl("delete", f"deployment/{NAME}", f"configmap/{NAME}", "-n", NAMESPACE)
        kubernetes.kubectl("scale", f"deployment/{OPERATOR}", "-n", NAMESPACE, "--replicas=1")
        kubernetes.kubectl("rollout", "status", f"deployment/{OPERATOR}", "-n", NAMESPACE, "--timeout=600s")


def crashes(kubernetes: Kubernetes) -> set[str]:
    """The marks: ``VERSION-Step`` or ``status-Reason`` of every crash so far."""
    args = ("exec", f"deploy/{NAME}", "-n", NAMESPACE, "--", "ls", "/tmp/crashed")
    return set(kubernetes.kubectl(*args, check=False).split())


def _pods(kubernetes: Kubernetes, name: str) -> list[object]:
    found = kubernetes.items("pods", NAMESPACE)
    return [json.dumps(p["metadata"]["name"]) for p in found if p["metadata"]["name"].startswith(f"{name}-")]
