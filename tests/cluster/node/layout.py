"""Where the test node keeps its things, and which addresses it uses. Constants and paths, nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
REPOSITORY: Final = HERE.parents[2]
GO_MODULES: Final = HERE / "go"

NODE_NAME: Final = "facedb-node"
BRIDGE: Final = "facedb0"
NETWORK_NAME: Final = "facedb"
# Neither k3s (10.42/10.43), kind (10.244/10.96) nor Docker (172.17) uses these.
NODE_IP: Final = "10.213.0.1"
POD_NETWORK: Final = "10.213.0.0/24"
SERVICE_NETWORK: Final = "10.214.0.0/24"
SERVICE_IP: Final = "10.214.0.1"
API_PORT: Final = 16443
ETCD_PORT: Final = 12379
ETCD_PEER_PORT: Final = 12380
ETCD_HTTP_PORT: Final = 12381
KUBELET_PORT: Final = 20250
# Kubernetes' own ports + 10,000, so that another node on this machine keeps its own.
CONTROLLERS_PORT: Final = 20257
SCHEDULER_PORT: Final = 20259
PROXY_METRICS_PORT: Final = 20249
PROXY_HEALTH_PORT: Final = 20256
PORTS: Final = (
    API_PORT,
    ETCD_PORT,
    ETCD_HTTP_PORT,
    ETCD_PEER_PORT,
    KUBELET_PORT,
    CONTROLLERS_PORT,
    SCHEDULER_PORT,
    PROXY_METRICS_PORT,
    PROXY_HEALTH_PORT,
)
CLUSTER_DOMAIN: Final = "cluster.local"
CGROUP: Final = "facedb"


def state_dir() -> Path:
    """Processes, certificates, data and logs of the running node."""
    return Path(os.environ.get("FACEDB_CLUSTER_DIR", "/var/lib/facedb-cluster"))


def cache_dir() -> Path:
    """What is worth keeping between runs: binaries by version, the base image, downloads."""
    if chosen := os.environ.get("FACEDB_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "facedb"


def buildah_storage() -> Path:
    """Images and layers of our builds, apart from the machine's own."""
    return cache_dir() / "buildah"


def kubeconfig() -> Path:
    """The administrator's kubeconfig of the running node."""
    return state_dir() / "admin.kubeconfig"


def containerd_socket() -> Path:
    """Containerd's gRPC address."""
    return state_dir() / "containerd.sock"


def api_url() -> str:
    """The API server as pods and this machine reach it."""
    return f"https://{NODE_IP}:{API_PORT}"
