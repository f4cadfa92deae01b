"""etcd, the API server, the controllers, the scheduler, the proxy and the cluster's DNS, as processes."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request

from cluster.node import binaries, certificates, processes
from cluster.node.layout import (
    API_PORT,
    CLUSTER_DOMAIN,
    CONTROLLERS_PORT,
    ETCD_HTTP_PORT,
    ETCD_PEER_PORT,
    ETCD_PORT,
    NODE_IP,
    NODE_NAME,
    POD_NETWORK,
    PROXY_HEALTH_PORT,
    PROXY_METRICS_PORT,
    SCHEDULER_PORT,
    SERVICE_NETWORK,
    api_url,
    state_dir,
)

NAMES = ("coredns", "kube-proxy", "kube-scheduler", "kube-controller-manager", "kube-apiserver", "etcd")
START_TIMEOUT_S = 300.0


def start() -> None:
    """Start etcd and the API server, and, once that answers, the rest."""
    _etcd()
    _apiserver()
    processes.wait_for("kube-apiserver", is_ready, "The API server's /readyz", timeout_s=START_TIMEOUT_S)
    _controllers()
    _proxy()
    _dns()


def is_ready() -> bool:
    """Whether the API server says that it is ready."""
    if not (certificates.folder() / "ca.crt").exists():
        return False
    context = ssl.create_default_context(cafile=str(certificates.folder() / "ca.crt"))
    pair = (certificates.folder() / "admin.crt", certificates.folder() / "admin.key")
    context.load_cert_chain(*map(str, pair))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(f"{api_url()}/readyz", timeout=2) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _etcd() -> None:
    client, peer = f"http://127.0.0.1:{ETCD_PORT}", f"http://127.0.0.1:{ETCD_PEER_PORT}"
    flags = {
        "data-dir": str(state_dir() / "etcd"),
        "listen-client-urls": client,
        # etcd advises against gRPC and HTTP on one port.
        "listen-client-http-urls": f"http://127.0.0.1:{ETCD_HTTP_PORT}",
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"default={peer}",
        # A test node's data need not survive a power cut.
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    _start("etcd", flags)


def _apiserver() -> None:
    pki = certificates.folder()
    flags = {
        "advertise-address": NODE_IP,
        "bind-address": "0.0.0.0",
        "secure-port": str(API_PORT),
        "etcd-servers": f"http://127.0.0.1:{ETCD_PORT}",
        "service-cluster-ip-range": SERVICE_NETWORK,
        "authorization-mode": "Node,RBAC",
        "allow-privileged": "true",
        "client-ca-file": str(pki / "ca.crt"),
        "tls-cert-file": str(pki / "apiserver.crt"),
        "tls-private-key-file": str(pki / "apiserver.key"),
        "kubelet-client-certificate": str(pki / "apiserver-kubelet.crt"),
        "kubelet-client-key": str(pki / "apiserver-kubelet.key"),
        "kubelet-preferred-address-types": "InternalIP",
        "service-account-key-file": str(pki / "service-account.key"),
        "service-account-signing-key-file": str(pki / "service-account.key"),
        "service-account-issuer": f"https://kubernetes.default.svc.{CLUSTER_DOMAIN}",
    }
    _start("kube-apiserver", flags)


def _controllers() -> None:
    pki = certificates.folder()
    kubeconfig = str(state_dir() / "controller-manager.kubeconfig")
    flags = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "root-ca-file": str(pki / "ca.crt"),
        "service-account-private-key-file": str(pki / "service-account.key"),
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "bind-address": "127.0.0.1",
        "secure-port": str(CONTROLLERS_PORT),
        "cluster-cidr": POD_NETWORK,
        "allocate-node-cidrs": "false",
        "flex-volume-plugin-dir": str(state_dir() / "volume-plugins"),
    }
    _start("kube-controller-manager", flags)
    kubeconfig = str(state_dir() / "scheduler.kubeconfig")
    flags = {
        "kubeconfig": kubeconfig,
        "authentication-kubeconfig": kubeconfig,
        "authorization-kubeconfig": kubeconfig,
        "leader-elect": "false",
        "bind-address": "127.0.0.1",
        "secure-port": str(SCHEDULER_PORT),
    }
    _start("kube-scheduler", flags)


def _proxy() -> None:
    flags = {
        "kubeconfig": str(state_dir() / "proxy.kubeconfig"),
        "proxy-mode": "iptables",
        "hostname-override": NODE_NAME,
        "cluster-cidr": POD_NETWORK,
        # Pods share one bridge: without this an answer would go straight back, past the address change.
        "masquerade-all": "true",
        # Not ours to change without CAP_SYS_RESOURCE.
        "conntrack-max-per-core": "0",
        "conntrack-tcp-timeout-established": "0",
        "conntrack-tcp-timeout-close-wait": "0",
        "metrics-bind-address": f"127.0.0.1:{PROXY_METRICS_PORT}",
        "healthz-bind-address": f"127.0.0.1:{PROXY_HEALTH_PORT}",
    }
    _start("kube-proxy", flags)


def _dns() -> None:
    """CoreDNS on the node's own address: it follows the Services and knows nothing of the world."""
    corefile = state_dir() / "Corefile"
    corefile.write_text(
        f".:53 {{\n  bind {NODE_IP}\n  errors\n"
        f"  kubernetes {CLUSTER_DOMAIN} in-addr.arpa {{\n"
        f"    kubeconfig {state_dir() / 'admin.kubeconfig'} facedb\n    ttl 5\n  }}\n}}\n"
    )
    processes.start("coredns", [binaries.find("coredns"), "-conf", str(corefile)])


def _start(name: str, flags: dict[str, str]) -> None:
    processes.start(name, [binaries.find(name), *(f"--{k}={v}" for k, v in flags.items())])
