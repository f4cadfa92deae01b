"""What the suite takes for granted of its node: names resolve, gates hold traffic, volumes come and go."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.kubernetes import Kubernetes
from cluster.node import binaries, images, node
from cluster.node.layout import kubeconfig
from cluster.node.provisioner import volumes_dir
from cluster.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.alone]

NAMESPACE = "node-is-real"
GATE = "facedb.dev/serving"
ASK = "import urllib.request as u; print(u.urlopen('http://web/name', timeout=2).read().decode())"


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[Kubernetes]:
    """The node, with a namespace for this module."""
    node.up()
    found = Kubernetes(kubeconfig(), binaries.bin_dir())
    found.ensure_namespace(NAMESPACE)
    yield found
    found.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def image() -> str:
    """An image with Python in it."""
    return images.ensure_base_loaded()


def _pod(name: str, image: str, script: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": image, "command": ["sh", "-c", script]}
    container |= spec.pop("container", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **spec},
    }


def _running(kubernetes: Kubernetes, name: str) -> bool:
    return bool(kubernetes.get("pod", name, NAMESPACE)["status"].get("phase") == "Running")


def test_a_service_is_found_by_name_and_sends_nothing_to_a_pod_before_its_gate_opens(
    kubernetes: Kubernetes, image: str
) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8000}]},
    }
    serve = "cd /tmp && echo hello > name && exec python3 -m http.server 8000"
    kubernetes.apply(
        service,
        _pod("web", image, serve, readinessGates=[{"conditionType": GATE}]),
        _pod("client", image, "exec sleep 600"),
    )
    wait_until(
        lambda: _running(kubernetes, "web") and _running(kubernetes, "client"), "pods to run", timeout_s=60
    )

    def ask() -> str:
        return kubernetes.kubectl(
            "exec", "client", "-n", NAMESPACE, "--", "python3", "-c", ASK, check=False
        ).strip()

    assert ask() == ""
    condition = {"status": {"conditions": [{"type": GATE, "status": "True"}]}}
    patch = ("--subresource=status", "--type=strategic", "-p", json.dumps(condition))
    kubernetes.kubectl("patch", "pod", "web", "-n", NAMESPACE, *patch)
    wait_until(lambda: ask() == "hello", "an answer through the Service", timeout_s=30)
    assert "GET /name" in kubernetes.kubectl("logs", "web", "-n", NAMESPACE)


def test_a_volume_comes_with_its_first_consumer_and_goes_with_its_claim(
    kubernetes: Kubernetes, image: str
) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": NAMESPACE},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    kubernetes.apply(claim)

    def folder() -> Path | None:
        found = kubernetes.get("pvc", "data", NAMESPACE)
        bound = found["status"]["phase"] == "Bound"
        return volumes_dir() / str(found["spec"]["volumeName"]) if bound else None

    assert folder() is None
    write = _pod(
        "writer",
        image,
        "echo kept > /data/file && exec sleep 600",
        container={"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
        securityContext={"runAsUser": 65532, "runAsGroup": 65532},
    )
    kubernetes.apply(write)
    made = wait_until(folder, "the claim to be bound", timeout_s=60)
    assert made is not None
    wait_until(lambda: (made / "file").exists(), "the pod to write", timeout_s=60)
    kubernetes.kubectl("delete", "pod/writer", "pvc/data", "-n", NAMESPACE)
    wait_until(lambda: not made.exists(), "the volume's folder to go", timeout_s=60)


def test_a_pretend_gpu_is_counted_by_the_true_scheduler(kubernetes: Kubernetes, image: str) -> None:
    node.set_pretend_gpus(1)
    one = {"resources": {"limits": {"nvidia.com/gpu": "1"}}}
    try:
        kubernetes.apply(*(_pod(name, image, "exec sleep 600", container=one) for name in ("gpu-a", "gpu-b")))

        def waits_for_a_gpu() -> bool:
            pods = [kubernetes.get("pod", name, NAMESPACE) for name in ("gpu-a", "gpu-b")]
            return sorted(p["status"].get("phase") for p in pods) == ["Pending", "Running"] and any(
                "Insufficient nvidia.com/gpu" in json.dumps(p["status"]) for p in pods
            )

        wait_until(waits_for_a_gpu, "one pod to run and one to wait", timeout_s=60)
    finally:
        kubernetes.kubectl("delete", "pod", "gpu-a", "gpu-b", "-n", NAMESPACE, "--ignore-not-found")
        node.set_pretend_gpus(0)
