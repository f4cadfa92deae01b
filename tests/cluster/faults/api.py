"""What happens to the API server: a restart that cuts every watch, 429 for one account, a second writer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cluster.kubernetes import Kubernetes
from cluster.node import control_plane, processes

NAME = "facedb-tests-throttle"


def restart_api_server() -> None:
    """End the node's API server and start it again: connections and watches break."""
    processes.stop("kube-apiserver")
    control_plane.start()


@contextmanager
def throttled(kubernetes: Kubernetes, namespace: str, account: str) -> Iterator[None]:
    """Every request of this account is answered with 429, by the API server's own priority and fairness.

    https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
    """
    try:
        kubernetes.apply(*_nothing_for(namespace, account))
        yield
    finally:
        names = (f"flowschema/{NAME}", f"prioritylevelconfiguration/{NAME}")
        kubernetes.kubectl("delete", *names, "--ignore-not-found")


def _nothing_for(namespace: str, account: str) -> tuple[dict[str, Any], dict[str, Any]]:
    version = "flowcontrol.apiserver.k8s.io/v1"
    rule = {
        "subjects": [{"kind": "ServiceAccount", "serviceAccount": {"namespace": namespace, "name": account}}],
        "resourceRules": [
            {
                "verbs": ["*"],
                "apiGroups": ["*"],
                "resources": ["*"],
                "namespaces": ["*"],
                "clusterScope": True,
            }
        ],
    }
    level = {
        "apiVersion": version,
        "kind": "PriorityLevelConfiguration",
        "metadata": {"name": NAME},
        "spec": {
            "type": "Limited",
            "limited": {
                "nominalConcurrencyShares": 0,
                "lendablePercent": 0,
                "borrowingLimitPercent": 0,
                "limitResponse": {"type": "Reject"},
            },
        },
    }
    schema = {
        "apiVersion": version,
        "kind": "FlowSchema",
        "metadata": {"name": NAME},
        "spec": {
            "priorityLevelConfiguration": {"name": NAME},
            # Before every other schema but the one for the masters.
            "matchingPrecedence": 2,
            "rules": [rule],
        },
    }
    return level, schema


@contextmanager
def second_writer(kubernetes: Kubernetes, namespace: str, *objects: str) -> Iterator[None]:
    """Somebody else changes these objects (``kind/name``) without a pause: who writes by version gets 409."""
    stopped = threading.Event()

    def write() -> None:
        number = 0
        while not stopped.is_set():
            number += 1
            for one in objects:
                note = f"example.org/touched={number}"
                kubernetes.kubectl("annotate", one, "-n", namespace, "--overwrite", note, check=False)

    thread = threading.Thread(target=write, name="second writer", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(timeout=60)
