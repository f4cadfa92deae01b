"""Nodes that only pretend (kwok): the true scheduler places pods on them, evictions and budgets count.

A pod there is Running and Ready within a second, its readiness gates included, a Job's pod is Succeeded, and
nothing of either runs: no fetch, no answer. What must truly work belongs on the real node.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cluster.node import binaries, go_modules, processes
from cluster.node.layout import kubeconfig
from cluster.node.say import NodeError

NAME = "kwok"
LABEL = "facedb.dev/pretend"
READY_TIMEOUT_S = 300.0
# How kwok lets nodes and pods live: its own definitions.
_STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat/node-heartbeat.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)

Json = dict[str, Any]
Kubectl = Callable[..., str]


@contextmanager
def pretending(kubectl: Kubectl, names: Sequence[str], *, gpus: int = 0) -> Iterator[None]:
    """Have nodes of these names, and take them away again with everything on them.

    Args:
        kubectl: runs it as the administrator, with ``stdin``.
        names: one node each, with ``facedb.dev/pretend`` as label and taint: only what tolerates it comes.
        gpus: ``nvidia.com/gpu`` of each.

    Raises:
        NodeError: kwok did not start, or a node did not become Ready.
    """
    _start()
    nodes = {"apiVersion": "v1", "kind": "List", "items": [node(name, gpus) for name in names]}
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(nodes))
    try:
        kubectl("wait", "--for=condition=Ready", "--timeout=600s", *(f"node/{n}" for n in names))
        yield
    finally:
        for name in names:
            # First the pods: without their node nobody would confirm their end.
            chosen = f"--field-selector=spec.nodeName={name}"
            kubectl("delete", "pods", "-A", chosen, "--timeout=600s", check=False)
        kubectl("delete", "node", "--ignore-not-found", *names)
        processes.stop(NAME)


def node(name: str, gpus: int = 0) -> Json:
    """A node's object. Pure."""
    room = {"cpu": "4", "memory": "16Gi", "pods": "110", **({"nvidia.com/gpu": str(gpus)} if gpus else {})}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {LABEL: "true", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "spec": {"taints": [{"key": LABEL, "effect": "NoSchedule"}]},
        "status": {"capacity": room, "allocatable": room},
    }


def _start() -> None:
    stages = go_modules.folder("kwok", "sigs.k8s.io/kwok") / "kustomize" / "stage"
    command = [str(binaries.ensure_one(binaries.KWOK)), f"--kubeconfig={kubeconfig()}"]
    command.append(f"--manage-nodes-with-label-selector={LABEL}=true")
    command += [f"--config={stages / stage}" for stage in _STAGES]
    processes.start(NAME, command)
    if not processes.is_running(NAME):
        raise NodeError(f"kwok ended at its start. {processes.tail(NAME)}")
