"""The node as a whole: up, down, is it up. Each is safe to repeat."""

from __future__ import annotations

import json
import subprocess
import sys

from cluster.node import (
    binaries,
    certificates,
    control_plane,
    kubelet,
    network,
    ownership,
    prerequisites,
    pretend_nodes,
    processes,
    runtime,
    snapshot_api,
    teardown,
)
from cluster.node.layout import HERE, NODE_NAME, kubeconfig, state_dir
from cluster.node.provisioner import storage_class
from cluster.node.say import NodeError, say, step

READY_TIMEOUT_S = 120.0
PROVISIONER = "provisioner"
# In the order in which they are ended: first who would start something anew.
_ALWAYS = (kubelet.NAME, runtime.NAME, PROVISIONER, *control_plane.NAMES)
_ALL = (pretend_nodes.NAME, *snapshot_api.NAMES, *_ALWAYS)


def up(*, snapshots: bool = True) -> None:
    """Bring the node up, building what is missing, and wait until it is Ready.

    Args:
        snapshots: whether a node that is started now gets the snapshot API and what serves it; one that
            runs is left as it is.

    Raises:
        NodeError: the machine lacks something, or a part did not start.
    """
    prerequisites.ensure()
    with ownership.alone():
        binaries.ensure()
        if not is_up():
            # What a dead node left behind would be in the way of a new one.
            _down()
            _start(snapshots=snapshots)
    say(f"The node is up: export KUBECONFIG={kubeconfig()}")


def _start(*, snapshots: bool) -> None:
    ownership.claim(state_dir())
    snapshot_api.choose(on=snapshots)
    with step("Starting the control plane"):
        network.make_bridge()
        certificates.make()
        control_plane.start()
    with step("Starting containerd and the kubelet"):
        runtime.start()
        kubelet.start()
        kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(storage_class()))
        processes.start(PROVISIONER, [sys.executable, str(HERE), PROVISIONER])
        processes.wait_for(
            kubelet.NAME, node_is_ready, "The node's Ready condition", timeout_s=READY_TIMEOUT_S
        )
    if snapshots:
        with step("Starting the snapshot API and its CSI driver"):
            snapshot_api.start(kubectl)
    if ended := [name for name in _processes() if not processes.is_running(name)]:
        raise NodeError("\n".join(f"{name} ended at its start. {processes.tail(name)}" for name in ended))


def down() -> None:
    """End everything of the node and delete its state; the caches stay.

    Raises:
        NodeError: it is not ours to end, or something of it does not go.
    """
    prerequisites.ensure_root()
    with ownership.alone():
        _down()
    say("The node is down.")


def _down() -> None:
    if ownership.is_ours(state_dir()):
        with step("Taking the node down"):
            teardown.run(_ALL)


def is_up() -> bool:
    """Whether every process runs and the node is Ready."""
    return all(processes.is_running(name) for name in _processes()) and node_is_ready()


def _processes() -> tuple[str, ...]:
    """What a node of this kind runs."""
    return (*snapshot_api.NAMES, *_ALWAYS) if snapshot_api.is_chosen() else _ALWAYS


def node_is_ready() -> bool:
    """Whether the API server says so of our node."""
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    return kubectl("get", "node", NODE_NAME, "-o", f"jsonpath={path}", check=False) == "True"


def kubectl(*args: str, stdin: str | None = None, check: bool = True) -> str:
    """Run kubectl as the node's administrator."""
    command = [binaries.find("kubectl"), "--kubeconfig", str(kubeconfig()), *args]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise NodeError(f"kubectl {' '.join(args)} failed: {done.stderr.strip()}")
    return done.stdout


def set_pretend_gpus(count: int) -> None:
    """Give the node ``nvidia.com/gpu: count``, so that the true scheduler counts them; 0 takes them away.

    https://kubernetes.io/docs/tasks/administer-cluster/extended-resource-node/
    """
    amount = str(count) if count else None
    body = json.dumps({"status": {"capacity": {"nvidia.com/gpu": amount}}})
    kubectl("patch", "node", NODE_NAME, "--subresource=status", "--type=merge", "-p", body)
