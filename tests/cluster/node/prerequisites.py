"""What the node needs of the machine: checked first, with one clear message for each thing that is missing.

Debian packages are installed; everything else is for the user to decide.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.node import ownership
from cluster.node.layout import BRIDGE, PORTS, state_dir
from cluster.node.say import NodeError, say, step

GO_NEEDED = (1, 26)
# Command to look for → Debian package that brings it.
PACKAGES: Mapping[str, str] = {
    "runc": "runc",
    "iptables": "iptables",
    "ip": "iproute2",
    "conntrack": "conntrack",
    "ethtool": "ethtool",
    "openssl": "openssl",
    "mount": "mount",
    "buildah": "buildah",
    "mmdebstrap": "mmdebstrap",
    "npm": "npm",
}

_ROOT = "The test node needs root (it makes a bridge, mounts and containers). Run with sudo."


@dataclass(frozen=True)
class Machine:
    """The facts that the check judges."""

    platform: str
    user_id: int
    go_version: str | None
    missing: tuple[str, ...]
    has_apt: bool
    foreign_state: bool = False
    foreign_bridge: bool = False
    foreign_kubernetes: bool = False
    taken_ports: tuple[int, ...] = ()


def look() -> Machine:
    """Read the facts of this machine."""
    missing = tuple(package for command, package in PACKAGES.items() if shutil.which(command) is None)
    # What a node of ours occupies is no obstacle: `up` finds it running, or clears it away.
    ours = ownership.is_ours(state_dir())
    return Machine(
        platform=sys.platform,
        user_id=os.geteuid(),
        go_version=_go_version(),
        missing=missing,
        has_apt=shutil.which("apt-get") is not None,
        foreign_state=ownership.is_foreign(state_dir()),
        foreign_bridge=not ours and Path("/sys/class/net", BRIDGE).exists(),
        foreign_kubernetes=not ours and _has_service_rules(),
        taken_ports=() if ours else tuple(port for port in PORTS if _is_taken(port)),
    )


def problems(machine: Machine) -> tuple[str, ...]:
    """One message for each thing that only the user can change. Pure."""
    found = []
    if machine.platform != "linux":
        found.append(
            "The test node runs on Linux only. Use `make demo CLUSTER=current` with a cluster of yours."
        )
    if machine.user_id != 0:
        found.append(_ROOT)
    if machine.go_version is None:
        found.append("Go was not found on PATH. Install Go 1.26 or newer: https://go.dev/doc/install")
    elif go_number(machine.go_version) < GO_NEEDED:
        found.append(
            f"Go {machine.go_version} is too old. Install Go 1.26 or newer: https://go.dev/doc/install"
        )
    if machine.missing and not machine.has_apt:
        found.append(f"These tools are missing and there is no apt-get: {', '.join(machine.missing)}.")
    found += _conflicts(machine)
    return tuple(found)


def _conflicts(machine: Machine) -> list[str]:
    found = []
    if machine.foreign_state:
        found.append(
            f"{state_dir()} holds something that is not a test node of ours, and would be deleted. "
            "Choose another folder with FACEDB_CLUSTER_DIR."
        )
    if machine.foreign_bridge:
        found.append(
            f"A network bridge {BRIDGE} exists, but no node of ours in {state_dir()}. Another copy runs "
            f"with another FACEDB_CLUSTER_DIR, or died: take it down, or `ip link del {BRIDGE}`."
        )
    if machine.foreign_kubernetes:
        found.append(
            "Another Kubernetes node runs on this machine (iptables has its chain KUBE-SERVICES), and two "
            "would write over each other's rules. Stop it, or use it: `make demo CLUSTER=current`."
        )
    if machine.taken_ports:
        found.append(
            f"Other programs listen on ports that the node needs: {', '.join(map(str, machine.taken_ports))}."
        )
    return found


def go_number(version: str) -> tuple[int, int]:
    """``1.26.8`` → (1, 26)."""
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def ensure() -> None:
    """Check the machine and install missing Debian packages.

    Raises:
        NodeError: something only the user can change.
    """
    machine = look()
    if found := problems(machine):
        raise NodeError("\n".join(found))
    if machine.missing:
        install(machine.missing)


def ensure_root() -> None:
    """Raise a NodeError unless this is root."""
    if os.geteuid() != 0:
        raise NodeError(_ROOT)


def install(packages: tuple[str, ...]) -> None:
    """apt-get install, quietly, with the log shown when it fails."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    say(f"Installing Debian packages: {' '.join(packages)}")
    with step("  apt-get update and install"):
        for args in (("update",), ("install", "-y", "--no-install-recommends", *packages)):
            done = subprocess.run(
                ["apt-get", "-qq", *args], env=env, capture_output=True, text=True, check=False
            )
            if done.returncode != 0:
                raise NodeError(f"apt-get {args[0]} failed:\n{done.stderr[-2000:]}")


def _go_version() -> str | None:
    if shutil.which("go") is None:
        return None
    # GOTOOLCHAIN=local: the answer shall be this Go's, not one that it would download.
    done = subprocess.run(
        ["go", "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip().removeprefix("go") or None


def _has_service_rules() -> bool:
    if shutil.which("iptables") is None:
        return False
    command = ["iptables", "-w", "-t", "nat", "-S", "KUBE-SERVICES"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: an address that only waits for late packets is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return True
    return False
