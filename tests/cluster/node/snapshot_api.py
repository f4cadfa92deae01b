"""Volume snapshots on the node: their API, its controller, the test driver and CSI's side-cars, as processes.

``facedb-csi`` is the StorageClass with snapshots, ``facedb-csi-limited`` the same with volumes that can be
full. The default class stays ``facedb-local`` (provisioner.py), which has none: that is what k3s users have.
``up --without-snapshots`` leaves all of this away, so that not even the API is there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cluster.csi import limits
from cluster.csi.driver_layout import DRIVER, endpoint
from cluster.node import binaries, go_modules, processes
from cluster.node.layout import HERE, NODE_NAME, kubeconfig, state_dir

CLASS = "facedb-csi"
LIMITED_CLASS = "facedb-csi-limited"
SNAPSHOT_CLASS = "facedb-csi"
PLUGIN = "csi"
# In the order in which they are ended.
NAMES = ("csi-provisioner", "csi-snapshotter", "snapshot-controller", PLUGIN)
START_TIMEOUT_S = 300.0
_API = ("csi", "github.com/kubernetes-csi/external-snapshotter/client/v8")
_CRDS = ("volumesnapshotclasses", "volumesnapshotcontents", "volumesnapshots")

Kubectl = Callable[..., str]


def start(kubectl: Kubectl) -> None:
    """Install the API and the classes, and start everything that serves them; the kubelet runs already.

    Raises:
        NodeError: a module could not be had, or a part did not start.
    """
    # Not above: `down` must work where gRPC is not installed yet, or no longer.
    from cluster.csi import wire

    wire.ensure()
    # The API's own definitions, of the version that the controller is built with.
    crds = go_modules.folder(*_API) / "config" / "crd"
    for name in _CRDS:
        kubectl("apply", "--server-side", "-f", str(crds / f"snapshot.storage.k8s.io_{name}.yaml"))
    kubectl(
        "wait",
        "--for=condition=Established",
        "--timeout=600s",
        *(f"crd/{n}.snapshot.storage.k8s.io" for n in _CRDS),
    )
    objects = [csi_driver(), storage_class(), storage_class(limited=True), snapshot_class()]
    many = {"apiVersion": "v1", "kind": "List", "items": objects}
    kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(many))
    processes.start(PLUGIN, [sys.executable, str(HERE), PLUGIN])
    processes.wait_for(PLUGIN, _answers, "The CSI driver's answer", timeout_s=START_TIMEOUT_S)
    for name, flags in sidecars().items():
        processes.start(name, [binaries.find(name), *(f"--{k}={v}" for k, v in flags.items())])
    processes.wait_for(
        PLUGIN,
        lambda: (
            DRIVER
            in kubectl("get", "csinode", NODE_NAME, "-o", "jsonpath={.spec.drivers[*].name}", check=False)
        ),
        "The kubelet's registration of the CSI driver",
        timeout_s=START_TIMEOUT_S,
    )


def sidecars() -> dict[str, dict[str, str]]:
    """Each program's flags. One of each runs, so none of them holds an election."""
    client = {"kubeconfig": str(kubeconfig()), "leader-election": "false"}
    # A fault that a test ends shall end within seconds, not after the last of ever longer waits.
    retry = {"retry-interval-start": "500ms", "retry-interval-max": "3s"}
    beside = {**client, **retry, "csi-address": str(endpoint()), "extra-create-metadata": "true"}
    return {
        "snapshot-controller": {**client, **retry},
        "csi-snapshotter": {**beside, "timeout": "60s"},
        "csi-provisioner": {**beside, "timeout": "60s", "strict-topology": "true", "default-fstype": "ext4"},
    }


def csi_driver() -> dict[str, Any]:
    """What Kubernetes must know of the driver: nothing to attach, and fsGroup is the kubelet's work."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSIDriver",
        "metadata": {"name": DRIVER},
        "spec": {
            "attachRequired": False,
            "podInfoOnMount": False,
            "fsGroupPolicy": "File",
            "volumeLifecycleModes": ["Persistent"],
        },
    }


def storage_class(*, limited: bool = False) -> dict[str, Any]:
    """The StorageClass whose volumes can be snapshotted and cloned; or the one whose volumes can be full."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": LIMITED_CLASS if limited else CLASS},
        "provisioner": DRIVER,
        **({"parameters": {limits.PARAMETER: "true"}} if limited else {}),
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    }


def snapshot_class() -> dict[str, Any]:
    """The driver's VolumeSnapshotClass, the default one for its volumes."""
    return {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshotClass",
        "metadata": {
            "name": SNAPSHOT_CLASS,
            "annotations": {"snapshot.storage.kubernetes.io/is-default-class": "true"},
        },
        "driver": DRIVER,
        "deletionPolicy": "Delete",
    }


def choose(*, on: bool) -> None:
    """Remember for the life of the node whether it has all this."""
    mark = _mark()
    mark.unlink(missing_ok=True) if on else mark.touch()


def is_chosen() -> bool:
    """Whether the node was started with all this."""
    return not _mark().exists()


def _mark() -> Path:
    return state_dir() / "without-snapshots"


def _answers() -> bool:
    import grpc

    from cluster.csi import wire

    try:
        with grpc.insecure_channel(f"unix:{endpoint()}") as channel:
            request = wire.message("csi.v1.ProbeRequest")()
            return bool(wire.call(channel, "csi.v1.Identity", "Probe", request, timeout_s=2).ready.value)
    except grpc.RpcError:
        return False
