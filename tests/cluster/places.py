"""Which cluster: the test node of this machine, or the one that the kubeconfig leads to."""

from __future__ import annotations

import os
from dataclasses import dataclass

from cluster.kubernetes import Kubernetes
from cluster.node import binaries, images, node
from cluster.node.layout import NODE_IP, kubeconfig
from cluster.node.say import NodeError
from cluster.stage import Images, address_towards


@dataclass(frozen=True)
class Place:
    """A cluster, the images that it can run, and this machine's address as its pods see it."""

    kubernetes: Kubernetes
    images: Images
    host: str


def own_cluster() -> Place:
    """Bring the test node up, with both images in it."""
    node.up()
    operator, sidecar = images.ensure_loaded()
    return Place(Kubernetes(kubeconfig(), binaries.bin_dir()), Images(operator, sidecar), NODE_IP)


def installed_cluster() -> Place:
    """The test node as it is, with the images of the operator that is installed there."""
    kubernetes = Kubernetes(kubeconfig(), binaries.bin_dir())
    live = kubernetes.get("deployment", "facedb-operator", "facedb-system")
    container = live["spec"]["template"]["spec"]["containers"][0]
    sidecar = next(e["value"] for e in container["env"] if e["name"] == "FACEDB_SIDECAR_IMAGE")
    return Place(kubernetes, Images(container["image"], sidecar), NODE_IP)


def current_cluster() -> Place:
    """The kubeconfig's cluster, with images that its nodes can already get.

    Raises:
        NodeError: the images are not named, or the cluster does not answer.
    """
    missing = [name for name in ("OPERATOR_IMAGE", "SIDECAR_IMAGE") if not os.environ.get(name)]
    if missing:
        raise NodeError(
            f"CLUSTER=current needs {' and '.join(missing)}: images that its nodes can pull, as in\n"
            "  make demo CLUSTER=current OPERATOR_IMAGE=registry/facedb-operator:1 "
            "SIDECAR_IMAGE=registry/facedb-sidecar:1"
        )
    kubernetes = Kubernetes(None, None)
    try:
        kubernetes.kubectl("version", "--request-timeout=10s")
    except RuntimeError as error:
        raise NodeError(f"The kubeconfig's cluster does not answer. {error}") from error
    found = Images(os.environ["OPERATOR_IMAGE"], os.environ["SIDECAR_IMAGE"])
    return Place(kubernetes, found, os.environ.get("RELEASE_SERVER_HOST") or address_towards(kubernetes))
