"""The bridge that pods and this machine share, and what must be cleaned up after it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from cluster.node import binaries
from cluster.node.layout import BRIDGE, NETWORK_NAME, NODE_IP, POD_NETWORK, state_dir
from cluster.node.say import NodeError

# A bridge without an address of its own takes its lowest port's, another one as pods come and go: what pods
# send to the address that they knew is lost until they ask again. Locally administered (IEEE 802).
BRIDGE_MAC = "02:fa:ce:db:00:01"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def make_bridge() -> None:
    """Create the bridge with the node's address, before the kubelet looks for that address."""
    if not Path("/sys/class/net", BRIDGE).exists():
        add_bridge()
    prefix = POD_NETWORK.rpartition("/")[2]
    _run("ip", "addr", "replace", f"{NODE_IP}/{prefix}", "dev", BRIDGE)
    _run("ip", "link", "set", BRIDGE, "up")
    # Packets go from pod to Service to pod through this machine.
    (state_dir() / "ip_forward").write_text(_FORWARDING.read_text())
    _FORWARDING.write_text("1")


def add_bridge() -> None:
    """The bridge alone, whose MAC address never moves."""
    _run("ip", "link", "add", BRIDGE, "address", BRIDGE_MAC, "type", "bridge")


def write_cni_config() -> Path:
    """The CNI configuration of the pods' network; returns its folder."""
    folder = state_dir() / "cni" / "net.d"
    folder.mkdir(parents=True, exist_ok=True)
    first, _, _ = NODE_IP.rpartition(".")
    config = {
        "cniVersion": "1.0.0",
        "name": NETWORK_NAME,
        "plugins": [
            {
                "type": "bridge",
                "bridge": BRIDGE,
                "isGateway": True,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(state_dir() / "cni" / "leases"),
                    "ranges": [[{"subnet": POD_NETWORK, "rangeStart": f"{first}.10", "gateway": NODE_IP}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }
    (folder / "10-facedb.conflist").write_text(json.dumps(config, indent=1))
    return folder


def remove() -> None:
    """Take the Services' rules and the bridge away."""
    proxy = binaries.bin_dir() / "kube-proxy"
    if proxy.exists():
        _run(str(proxy), "--cleanup", check=False)
    # kube-proxy's cleanup forgets this one.
    for tool in ("iptables", "ip6tables"):
        for chain in ("INPUT", "OUTPUT"):
            _run(tool, "-w", "-D", chain, "-j", "KUBE-FIREWALL", check=False)
        _run(tool, "-w", "-F", "KUBE-FIREWALL", check=False)
        _run(tool, "-w", "-X", "KUBE-FIREWALL", check=False)
    if Path("/sys/class/net", BRIDGE).exists():
        _run("ip", "link", "del", BRIDGE)
    before = state_dir() / "ip_forward"
    if before.exists():
        _FORWARDING.write_text(before.read_text())


def _run(*command: str, check: bool = True) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise NodeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
