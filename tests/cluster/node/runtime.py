"""containerd: what runs the pods and keeps their images. All of its folders lie below the state folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from cluster.node import archives, binaries, network, processes
from cluster.node.layout import containerd_socket, state_dir
from cluster.node.say import NodeError

NAME = "containerd"
PAUSE_IMAGE = "localhost/facedb-pause:1"
START_TIMEOUT_S = 300.0
_CONFIG = """version = 3
root = "{state}/containerd"
state = "{state}/containerd-run"
imports = []
[grpc]
  address = "{state}/containerd.sock"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE no process may lower its oom_score_adj.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{bin}"]
  conf_dir = "{cni}"
  use_internal_loopback = true
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  Root = "{state}/runc"
  SystemdCgroup = false
[plugins.'io.containerd.internal.v1.opt']
  path = "{state}/opt"
[plugins.'io.containerd.nri.v1.nri']
  disable = true
"""


def start() -> None:
    """Start containerd, with the pause image in it."""
    config = state_dir() / "containerd.toml"
    config.write_text(configuration(state_dir(), bin_dir=binaries.bin_dir(), cni=network.write_cni_config()))
    path = f"{binaries.bin_dir()}{os.pathsep}{os.environ['PATH']}"
    processes.start(NAME, [binaries.find(NAME), "-c", str(config)], env={"PATH": path})
    processes.wait_for(NAME, _answers, "containerd's answer", timeout_s=START_TIMEOUT_S)
    if PAUSE_IMAGE not in ctr("images", "ls", "-q").split():
        load_image(archives.pause_image(PAUSE_IMAGE))


def configuration(state: Path, *, bin_dir: Path, cni: Path) -> str:
    """Containerd's configuration. Pure."""
    return _CONFIG.format(state=state, pause=PAUSE_IMAGE, bin=bin_dir, cni=cni)


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


def has_blob(hexdigest: str) -> bool:
    """Whether containerd holds the content of this sha256."""
    store = state_dir() / "containerd" / "io.containerd.content.v1.content"
    return (store / "blobs" / "sha256" / hexdigest).exists()


def _answers() -> bool:
    command = [binaries.find("ctr"), "-a", str(containerd_socket()), "version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
