"""The kubelet: its configuration, the control groups that it works in, its start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cluster.node import binaries, certificates, processes
from cluster.node.layout import (
    CGROUP,
    CLUSTER_DOMAIN,
    KUBELET_PORT,
    NODE_IP,
    NODE_NAME,
    state_dir,
)

NAME = "kubelet"
_CGROUPS = Path("/sys/fs/cgroup")


def start() -> None:
    """Write the configuration and start the kubelet."""
    make_cgroups(_CGROUPS)
    (state_dir() / "resolv.conf").write_text(f"nameserver {NODE_IP}\n")
    path = state_dir() / "kubelet.json"
    path.write_text(json.dumps(configuration(state_dir()), indent=1))
    flags = {
        "config": str(path),
        "kubeconfig": str(state_dir() / "kubelet.kubeconfig"),
        "root-dir": str(state_dir() / "kubelet"),
        "cert-dir": str(certificates.folder() / "kubelet"),
        "hostname-override": NODE_NAME,
        "node-ip": NODE_IP,
    }
    processes.start(NAME, [binaries.find(NAME), *(f"--{k}={v}" for k, v in flags.items())])


def configuration(state: Path) -> dict[str, Any]:
    """KubeletConfiguration for a node that keeps everything below ``state``. Pure."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(state / "pki" / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "port": KUBELET_PORT,
        "address": NODE_IP,
        "healthzPort": 0,
        "clusterDNS": [NODE_IP],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(state / "resolv.conf"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "containerRuntimeEndpoint": f"unix://{state / 'containerd.sock'}",
        "podLogsDir": str(state / "pod-logs"),
        "volumePluginDir": str(state / "volume-plugins"),
        # A crashing container is started again within seconds: the tests kill on purpose.
        "crashLoopBackOff": {"maxContainerRestartPeriod": "2s"},
        # A build machine's disk may be nearly full without harm to a small cluster.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi"},
        # Images come from an import: one that was collected could not be pulled again.
        "imageGCHighThresholdPercent": 100,
        "imageMaximumGCAge": "0s",
        "serializeImagePulls": False,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "registerNode": True,
    }


def make_cgroups(root: Path) -> None:
    """Make our group in each tree of cgroup v1, or in the one tree of v2 with its controllers on."""
    if (root / "cgroup.controllers").exists():
        on = (root / "cgroup.controllers").read_text().split()
        (root / "cgroup.subtree_control").write_text(" ".join(f"+{c}" for c in on))
        (root / CGROUP).mkdir(exist_ok=True)
        return
    for controller in root.iterdir():
        if (controller / "tasks").exists():
            (controller / CGROUP).mkdir(exist_ok=True)
            _inherit_cpuset(controller)


def _inherit_cpuset(controller: Path) -> None:
    """A cpuset group takes no process before it has processors and memory nodes."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        source, target = controller / name, controller / CGROUP / name
        if source.exists() and not target.read_text().strip():
            target.write_text(source.read_text())
