"""The node as a whole: up, down, is it up. Each is safe to repeat."""

from __future__ import annotations

import json
import subprocess
import sys

from cluster.node import binaries, certificates, control_plane, network, prerequisites, processes, runtime
from cluster.node.layout import HERE, NODE_NAME, kubeconfig, state_dir
from cluster.node.provisioner import storage_class
from cluster.node.say import NodeError, say, step

READY_TIMEOUT_S = 120.0
PROVISIONER = "provisioner"


def up() -> None:
    """Bring the node up, building what is missing, and wait until it is Ready.

    Raises:
        NodeError: the machine lacks something, or a part did not start.
    """
    prerequisites.ensure()
    binaries.ensure()
    if is_up():
        say(f"The node is up: export KUBECONFIG={kubeconfig()}")
        return
    # What a dead node left behind would be in the way of a new one.
    if state_dir().exists():
        down()
    state_dir().mkdir(parents=True)
    with step("Starting the node's control plane"):
        network.make_bridge()
        certificates.make()
        control_plane.start()
    with step("Starting containerd and the kubelet"):
        runtime.start()
        kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(storage_class()))
        processes.start(PROVISIONER, [sys.executable, str(HERE), "provisioner"])
        processes.wait_for("kubelet", node_is_ready, "The node's Ready condition", timeout_s=READY_TIMEOUT_S)
    say(f"The node is up: export KUBECONFIG={kubeconfig()}")


def down() -> None:
    """End everything of the node and delete its state; the caches stay."""
    if not state_dir().exists():
        say("The node is down.")
        return
    with step("Taking the node down"):
        runtime.stop()
        for name in (PROVISIONER, *control_plane.NAMES):
            processes.stop(name)
        network.remove()
        runtime.remove_state()


def is_up() -> bool:
    """Whether every process runs and the node is Ready."""
    names = (*runtime.NAMES, *control_plane.NAMES, PROVISIONER)
    return all(processes.is_running(name) for name in names) and node_is_ready()


def node_is_ready() -> bool:
    """Whether the API server says so of our node."""
    path = '{.status.conditions[?(@.type=="Ready")].status}'
    return kubectl("get", "node", NODE_NAME, "-o", f"jsonpath={path}", check=False) == "True"


def kubectl(*args: str, stdin: str | None = None, check: bool = True) -> str:
    """Kubectl as the node's administrator."""
    command = [binaries.find("kubectl"), "--kubeconfig", str(kubeconfig()), *args]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise NodeError(f"kubectl {' '.join(args)} failed: {done.stderr.strip()}")
    return done.stdout


def set_pretend_gpus(count: int) -> None:
    """Give the node ``nvidia.com/gpu: count``, so that the true scheduler counts them; 0 takes them away.

    https://kubernetes.io/docs/tasks/administer-cluster/extended-resource-node/
    """
    body = json.dumps({"status": {"capacity": {"nvidia.com/gpu": str(count)}}})
    kubectl("patch", "node", NODE_NAME, "--subresource=status", "--type=merge", "-p", body)
