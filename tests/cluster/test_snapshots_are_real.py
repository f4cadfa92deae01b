"""Snapshots on the test node are Kubernetes' own: old bytes come back, and faults look as they really do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster.csi import faults
from cluster.csi.driver_layout import driver_dir
from cluster.csi.faults import Faults
from cluster.kubernetes import Kubernetes
from cluster.node import binaries, images, node, snapshot_api
from cluster.node.layout import NODE_NAME, kubeconfig
from cluster.waiting import wait_until

pytestmark = pytest.mark.cluster

NAMESPACE = "snapshots-are-real"
USER = 65532
Json = dict[str, Any]


@pytest.fixture(scope="module")
def kubernetes() -> Iterator[Kubernetes]:
    """The node, with a namespace for this module."""
    node.up()
    if not snapshot_api.is_chosen():
        pytest.skip("this node was started without snapshots")
    found = Kubernetes(kubeconfig(), binaries.bin_dir())
    found.ensure_namespace(NAMESPACE)
    yield found
    found.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def image() -> str:
    """An image with a shell in it."""
    return images.ensure_base_loaded()


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    yield
    faults.put(NAMESPACE, Faults())


def _claim(name: str, size: str = "8Mi", source: Json | None = None) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": snapshot_api.CLASS,
            "resources": {"requests": {"storage": size}},
            **({"dataSource": source} if source else {}),
        },
    }


def _snapshot(name: str, claim: str) -> Json:
    return {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"source": {"persistentVolumeClaimName": claim}},
    }


def _of_snapshot(name: str) -> Json:
    return {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": name}


def _pod(name: str, image: str, claim: str, script: str) -> Json:
    """A restricted pod that runs a script with the claim at /data."""
    container = {
        "name": "main",
        "image": image,
        "command": ["sh", "-c", script],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
            "containers": [container],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
        },
    }


def _run(kubernetes: Kubernetes, image: str, name: str, claim: str, script: str) -> str:
    """Run a script to its end with a claim mounted; what it printed."""
    kubernetes.apply(_pod(name, image, claim, script))

    def ended() -> str:
        phase = str(kubernetes.get("pod", name, NAMESPACE).get("status", {}).get("phase"))
        return phase if phase in ("Succeeded", "Failed") else ""

    phase = wait_until(
        ended, f"pod {name} to end", timeout_s=90, tell=lambda: _events(kubernetes, f"pod/{name}")
    )
    printed = kubernetes.kubectl("logs", name, "-n", NAMESPACE)
    kubernetes.kubectl("delete", "pod", name, "-n", NAMESPACE)
    assert phase == "Succeeded", printed
    return printed.strip()


def _events(kubernetes: Kubernetes, what: str) -> str:
    return kubernetes.kubectl("describe", what, "-n", NAMESPACE, check=False)[-3000:]


def _ready(kubernetes: Kubernetes, name: str) -> Json:
    def found() -> Json | None:
        status: Json = kubernetes.get("volumesnapshot", name, NAMESPACE).get("status", {})
        return status if status.get("readyToUse") else None

    tell = f"volumesnapshot/{name}"
    return (
        wait_until(found, f"{name} to be ready", timeout_s=60, tell=lambda: _events(kubernetes, tell)) or {}
    )


def _kept() -> set[Path]:
    """Volumes and snapshots of the driver."""
    return {p for kind in ("volumes", "snapshots") for p in (driver_dir() / kind).iterdir()}


def test_a_snapshot_gives_the_old_bytes_back_even_after_its_volume_is_gone(
    kubernetes: Kubernetes, image: str
) -> None:
    # What a test before this one left may go meanwhile.
    before = _kept()
    kubernetes.apply(_claim("source"))
    assert kubernetes.get("pvc", "source", NAMESPACE)["status"]["phase"] == "Pending"
    _run(kubernetes, image, "write", "source", "echo old > /data/file && ln -s file /data/link")
    kubernetes.apply(_snapshot("cut", "source"))
    status = _ready(kubernetes, "cut")
    assert status["restoreSize"] == "8Mi"
    _run(kubernetes, image, "change", "source", "echo new > /data/file && echo more > /data/later")
    kubernetes.apply(_claim("restored", source=_of_snapshot("cut")))
    show = "ls -n /data && cat /data/link && touch /data/mine && id -u"
    printed = _run(kubernetes, image, "read", "restored", show)
    assert "later" not in printed
    assert printed.splitlines()[-2:] == ["old", str(USER)]
    kubernetes.kubectl("delete", "pvc/source", "-n", NAMESPACE)
    kubernetes.apply(_claim("again", source=_of_snapshot("cut")))
    assert _run(kubernetes, image, "read-again", "again", "cat /data/file") == "old"
    kubernetes.kubectl("delete", "pvc/restored", "pvc/again", "volumesnapshot/cut", "-n", NAMESPACE)
    wait_until(lambda: not _kept() - before, "the folders to go", timeout_s=60)


def test_a_clone_holds_its_volumes_bytes_and_goes_its_own_way(kubernetes: Kubernetes, image: str) -> None:
    kubernetes.apply(_claim("first"))
    _run(kubernetes, image, "fill", "first", "echo one > /data/file")
    kubernetes.apply(_claim("second", source={"kind": "PersistentVolumeClaim", "name": "first"}))
    script = "cat /data/file && echo two > /data/file"
    assert _run(kubernetes, image, "fork", "second", script) == "one"
    assert _run(kubernetes, image, "look", "first", "cat /data/file") == "one"
    kubernetes.kubectl("delete", "pvc/first", "pvc/second", "-n", NAMESPACE)


def test_a_volume_is_bound_to_the_node_that_holds_it(kubernetes: Kubernetes, image: str) -> None:
    kubernetes.apply(_claim("pinned"))
    _run(kubernetes, image, "pin", "pinned", "true")
    name = kubernetes.get("pvc", "pinned", NAMESPACE)["spec"]["volumeName"]
    terms = kubernetes.get("pv", name, "default")["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert [e["values"] for t in terms for e in t["matchExpressions"]] == [[NODE_NAME]]
    kubernetes.kubectl("delete", "pvc/pinned", "-n", NAMESPACE)


def test_a_claim_smaller_than_its_snapshot_stays_pending_and_says_why(
    kubernetes: Kubernetes, image: str
) -> None:
    kubernetes.apply(_claim("wide"))
    _run(kubernetes, image, "widen", "wide", "true")
    kubernetes.apply(_snapshot("wide", "wide"))
    _ready(kubernetes, "wide")
    kubernetes.apply(_claim("narrow", "4Mi", _of_snapshot("wide")), _pod("wait", image, "narrow", "true"))
    wait_until(
        lambda: "is less than the size" in _events(kubernetes, "pvc/narrow"), "the reason", timeout_s=60
    )
    assert kubernetes.get("pvc", "narrow", NAMESPACE)["status"]["phase"] == "Pending"
    kubernetes.kubectl("delete", "pod/wait", "pvc/narrow", "pvc/wide", "volumesnapshot/wide", "-n", NAMESPACE)


def test_a_snapshot_that_never_becomes_ready_is_ready_once_the_fault_ends(
    kubernetes: Kubernetes, image: str
) -> None:
    kubernetes.apply(_claim("slow"))
    _run(kubernetes, image, "slow", "slow", "echo slow > /data/file")
    faults.put(NAMESPACE, Faults(never_ready=True))
    kubernetes.apply(_snapshot("slow", "slow"))

    def status() -> Json:
        found: Json = kubernetes.get("volumesnapshot", "slow", NAMESPACE).get("status", {})
        return found

    wait_until(lambda: status().get("creationTime"), "the snapshot to be cut", timeout_s=60)
    assert status()["readyToUse"] is False
    faults.put(NAMESPACE, Faults())
    _ready(kubernetes, "slow")
    kubernetes.kubectl("delete", "pvc/slow", "volumesnapshot/slow", "-n", NAMESPACE)


def test_a_snapshot_that_cannot_be_cut_says_so_and_comes_when_it_can(
    kubernetes: Kubernetes, image: str
) -> None:
    kubernetes.apply(_claim("broken"))
    _run(kubernetes, image, "broken", "broken", "true")
    faults.put(NAMESPACE, Faults(create_snapshot="INTERNAL"))
    kubernetes.apply(_snapshot("broken", "broken"))

    def error() -> str:
        status = kubernetes.get("volumesnapshot", "broken", NAMESPACE).get("status", {})
        return str(status.get("error", {}).get("message", ""))

    assert "create_snapshot" in wait_until(error, "the error", timeout_s=60)
    faults.put(NAMESPACE, Faults())
    _ready(kubernetes, "broken")
    kubernetes.kubectl("delete", "pvc/broken", "volumesnapshot/broken", "-n", NAMESPACE)


@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"])
def test_a_volume_that_cannot_be_made_leaves_its_claim_pending_until_it_can(
    kubernetes: Kubernetes, image: str, code: str
) -> None:
    faults.put(NAMESPACE, Faults(create_volume=code))
    name = code.lower().replace("_", "-")
    kubernetes.apply(_claim(name), _pod(name, image, name, "true"))
    wait_until(
        lambda: "create_volume" in _events(kubernetes, f"pvc/{name}"), "the claim's event", timeout_s=60
    )
    assert kubernetes.get("pvc", name, NAMESPACE)["status"]["phase"] == "Pending"
    faults.put(NAMESPACE, Faults())
    wait_until(
        lambda: kubernetes.get("pod", name, NAMESPACE)["status"]["phase"] == "Succeeded",
        "the pod to run after all",
        timeout_s=90,
        tell=lambda: _events(kubernetes, f"pvc/{name}"),
    )
    kubernetes.kubectl("delete", f"pod/{name}", f"pvc/{name}", "-n", NAMESPACE)


def test_the_default_class_has_no_snapshots(kubernetes: Kubernetes, image: str) -> None:
    claim = _claim("plain")
    del claim["spec"]["storageClassName"]
    kubernetes.apply(claim)
    _run(kubernetes, image, "plain", "plain", "true")
    kubernetes.apply(_snapshot("plain", "plain"))

    def error() -> str:
        status = kubernetes.get("volumesnapshot", "plain", NAMESPACE).get("status", {})
        return str(status.get("error", {}).get("message", ""))

    assert wait_until(error, "the refusal", timeout_s=60)
    kubernetes.kubectl("delete", "pvc/plain", "volumesnapshot/plain", "-n", NAMESPACE)


def test_no_pod_leaves_a_volume_mounted(kubernetes: Kubernetes, image: str) -> None:
    kubernetes.apply(_claim("mounted"))
    look = "grep -c ' /data ' /proc/mounts"
    assert _run(kubernetes, image, "mounted", "mounted", look) == "1"
    mounts = Path("/proc/self/mounts")
    volume = kubernetes.get("pvc", "mounted", NAMESPACE)["spec"]["volumeName"]
    wait_until(lambda: volume not in mounts.read_text(), "the mount to go", timeout_s=60)
    kubernetes.kubectl("delete", "pvc/mounted", "-n", NAMESPACE)
