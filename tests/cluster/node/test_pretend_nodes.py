"""Pretend nodes take pods from the true scheduler and give them up by the true rules of eviction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kubernetes import Kubernetes
from cluster.node import binaries, node, pretend_nodes
from cluster.node.layout import kubeconfig
from cluster.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

NAMESPACE = "pretend-nodes"
NODES = ("pretend-a", "pretend-b")
LABELS = {"app": "web"}


@pytest.fixture
def kubernetes() -> Iterator[Kubernetes]:
    """The node with two pretend ones, and a namespace."""
    node.up()
    found = Kubernetes(kubeconfig(), binaries.bin_dir())
    found.ensure_namespace(NAMESPACE)
    with pretend_nodes.pretending(found.kubectl, NODES):
        yield found
        found.kubectl("delete", "namespace", NAMESPACE, "--timeout=600s")


def _budget(least: int) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"minAvailable": least, "selector": {"matchLabels": LABELS}},
    }


def _deployment() -> dict[str, Any]:
    """Two pods that spread over the nodes, and only over pretend ones."""
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    spec = {
        "containers": [{"name": "main", "image": "example.com/never-pulled"}],
        "nodeSelector": {pretend_nodes.LABEL: "true"},
        "tolerations": [{"key": pretend_nodes.LABEL, "operator": "Exists"}],
        "topologySpreadConstraints": [{**spread, "labelSelector": {"matchLabels": LABELS}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": LABELS},
            "template": {"metadata": {"labels": LABELS}, "spec": spec},
        },
    }


def test_a_drain_waits_for_the_budget_and_moves_the_pods_when_it_may(kubernetes: Kubernetes) -> None:
    def places() -> list[str]:
        pods = kubernetes.items("pods", NAMESPACE)
        running = [
            p for p in pods if p["status"]["phase"] == "Running" and "deletionTimestamp" not in p["metadata"]
        ]
        return sorted(p["spec"]["nodeName"] for p in running)

    def disruptions() -> Any:
        return (
            kubernetes.get("poddisruptionbudget", "web", NAMESPACE)
            .get("status", {})
            .get("disruptionsAllowed")
        )

    kubernetes.apply(_budget(2), _deployment())
    wait_until(lambda: places() == list(NODES), "a pod on each node", timeout_s=60)
    wait_until(lambda: disruptions() == 0, "the budget to be counted", timeout_s=30)
    drain = ("drain", NODES[0], "--ignore-daemonsets", "--force")
    with pytest.raises(RuntimeError, match="disruption budget"):
        kubernetes.kubectl(*drain, "--timeout=3s")
    assert places() == list(NODES)
    kubernetes.apply(_budget(1))
    wait_until(lambda: disruptions() == 1, "the budget to allow one", timeout_s=30)
    kubernetes.kubectl(*drain, "--timeout=600s")
    wait_until(lambda: places() == [NODES[1]] * 2, "both pods on the other node", timeout_s=60)
