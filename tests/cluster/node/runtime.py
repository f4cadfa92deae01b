"""containerd and the kubelet: what runs the pods, and how everything of theirs goes away again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from cluster.node import archives, binaries, certificates, network, processes
from cluster.node.layout import (
    CGROUP,
    CLUSTER_DOMAIN,
    KUBELET_PORT,
    NODE_IP,
    NODE_NAME,
    containerd_socket,
    state_dir,
)
from cluster.node.say import NodeError

NAMES = ("kubelet", "containerd")
PAUSE_IMAGE = "localhost/facedb-pause:1"
START_TIMEOUT_S = 60.0
_CONTAINERD = """version = 3
root = "{state}/containerd"
state = "{state}/containerd-run"
[grpc]
  address = "{socket}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE no process may lower its oom_score_adj.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{bin}"]
  conf_dir = "{cni}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  SystemdCgroup = false
"""


def start() -> None:
    """Start containerd with the pause image in it, then the kubelet."""
    config = state_dir() / "containerd.toml"
    config.write_text(
        _CONTAINERD.format(
            state=state_dir(),
            socket=containerd_socket(),
            pause=PAUSE_IMAGE,
            bin=binaries.bin_dir(),
            cni=network.write_cni_config(),
        )
    )
    path = f"{binaries.bin_dir()}{os.pathsep}{os.environ['PATH']}"
    processes.start("containerd", [binaries.find("containerd"), "-c", str(config)], env={"PATH": path})
    processes.wait_for("containerd", _answers, "containerd's answer", timeout_s=START_TIMEOUT_S)
    if PAUSE_IMAGE not in ctr("images", "ls", "-q"):
        load_image(archives.pause_image(PAUSE_IMAGE))
    _kubelet()


def ctr(*args: str, check: bool = True) -> str:
    """Containerd's own client, in Kubernetes' namespace."""
    command = [binaries.find("ctr"), "-a", str(containerd_socket()), "-n", "k8s.io", *args]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise NodeError(f"ctr {' '.join(args)} failed: {done.stderr.strip()}")
    return done.stdout


def load_image(tar: Path) -> None:
    """Import an image archive (OCI or docker-archive) for pods to use."""
    ctr("images", "import", str(tar))


def stop() -> None:
    """End the kubelet, every container, and containerd; unmount what they mounted."""
    processes.stop("kubelet")
    if processes.is_running("containerd"):
        for task in ctr("tasks", "ls", "-q", check=False).split():
            ctr("tasks", "kill", "-s", "SIGKILL", task, check=False)
            ctr("tasks", "rm", "-f", task, check=False)
        processes.stop("containerd")
    for pid in _shims():
        processes.end(pid)
    unmount()
    remove_cgroups()


def unmount() -> None:
    """Unmount everything below the state folder, deepest first."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    ours = [m.encode().decode("unicode_escape") for m in mounts if Path(m).is_relative_to(state_dir())]
    for target in sorted(ours, key=len, reverse=True):
        subprocess.run(["umount", "-l", target], capture_output=True, check=False)


def remove_cgroups() -> None:
    """Remove the control groups that the kubelet made; they are empty by now."""
    for root in Path("/sys/fs/cgroup").glob(f"*/{CGROUP}"):
        for folder, _, _ in os.walk(root, topdown=False):
            Path(folder).rmdir()


def _shims() -> list[int]:
    """Shims that outlived their containerd: their command line names our socket."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "containerd-shim-runc-v2" in words[0] and any(str(state_dir()) in w for w in words):
            found.append(int(entry.name))
    return found


def _answers() -> bool:
    command = [binaries.find("ctr"), "-a", str(containerd_socket()), "version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _kubelet() -> None:
    for controller in Path("/sys/fs/cgroup").iterdir():
        # cgroup v1: each controller is a tree of its own; the kubelet wants its root in all of them.
        if (controller / "tasks").exists():
            (controller / CGROUP).mkdir(exist_ok=True)
            _inherit_cpuset(controller)
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certificates.folder() / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "port": KUBELET_PORT,
        "address": NODE_IP,
        "healthzPort": 0,
        "clusterDNS": [NODE_IP],
        "clusterDomain": CLUSTER_DOMAIN,
        "resolvConf": str(_resolv_conf()),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,
        "containerRuntimeEndpoint": f"unix://{containerd_socket()}",
        "podLogsDir": str(state_dir() / "pod-logs"),
        # A crashing container is started again within seconds: the tests kill on purpose.
        "featureGates": {"KubeletCrashLoopBackOffMax": True},
        "crashLoopBackOff": {"maxContainerRestartPeriod": "2s"},
        # A build machine's disk may be nearly full without harm to a small cluster.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1Gi", "imagefs.available": "1Gi"},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "registerNode": True,
    }
    path = state_dir() / "kubelet.json"
    path.write_text(json.dumps(config, indent=1))
    flags = {
        "config": str(path),
        "kubeconfig": str(state_dir() / "kubelet.kubeconfig"),
        "root-dir": str(state_dir() / "kubelet"),
        "cert-dir": str(certificates.folder() / "kubelet"),
        "hostname-override": NODE_NAME,
        "node-ip": NODE_IP,
    }
    processes.start("kubelet", [binaries.find("kubelet"), *(f"--{k}={v}" for k, v in flags.items())])


def _inherit_cpuset(controller: Path) -> None:
    """A cpuset group takes no process before it has processors and memory nodes."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        source, target = controller / name, controller / CGROUP / name
        if source.exists() and not target.read_text().strip():
            target.write_text(source.read_text())


def _resolv_conf() -> Path:
    path = state_dir() / "resolv.conf"
    path.write_text(f"nameserver {NODE_IP}\n")
    return path


def remove_state() -> None:
    """Delete the state folder, once nothing is mounted in it any more."""
    mounts = Path("/proc/self/mounts").read_text()
    if str(state_dir()) in mounts:
        raise NodeError(f"Something is still mounted below {state_dir()}; nothing was deleted.")
    shutil.rmtree(state_dir(), ignore_errors=True)
