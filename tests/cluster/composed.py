"""A service of a compose file → the pod that a node runs as Docker would run the container. Pure.

There is no Docker here; what the example promises (user, read-only root, no capabilities, volume, variables)
is put to the same image by the node's own runtime.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

KNOWN = {
    *("image", "build", "restart", "ports", "environment", "extra_hosts", "volumes", "user", "read_only"),
    *("tmpfs", "cap_drop", "security_opt", "stop_grace_period"),
}


def service_of(path: Path, variables: Mapping[str, str]) -> Json:
    """The file's only service, with ``${NAME:-default}`` filled in.

    Raises:
        ValueError: there is not one service, or it has a key that ``pod_of`` does not know.
    """
    text = re.sub(
        r"\$\{(\w+):-([^}]*)\}", lambda found: variables.get(found[1]) or found[2], path.read_text()
    )
    services = list(yaml.safe_load(text)["services"].values())
    if len(services) != 1 or (strangers := set(services[0]) - KNOWN):
        raise ValueError(f"{path}: expected one service with known keys, found {strangers or services}")
    found: Json = services[0]
    return found


def pod_of(service: Json, name: str, namespace: str, *, image: str, folder: Path, more: Json) -> Json:
    """The pod.

    Args:
        service: from ``service_of``.
        name: the pod's.
        namespace: the pod's.
        image: what Docker would have built.
        folder: of this machine, for the volume on /data.
        more: variables over those of the file, as the user's own would be.
    """
    user, _, group = str(service["user"]).partition(":")
    volumes = [{"name": "data", "hostPath": {"path": str(folder), "type": "Directory"}}]
    mounts = [{"name": "data", "mountPath": service["volumes"][0].rpartition(":")[2]}]
    for number, entry in enumerate(service["tmpfs"]):
        path, _, size = entry.partition(":size=")
        volumes.append({"name": f"tmp-{number}", "emptyDir": {"medium": "Memory", "sizeLimit": _size(size)}})
        mounts.append({"name": f"tmp-{number}", "mountPath": path})
    container = {
        "name": "sidecar",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": k, "value": str(v)} for k, v in {**service["environment"], **more}.items()],
        "ports": [{"containerPort": int(service["ports"][0].rpartition(":")[2])}],
        "securityContext": {
            "runAsUser": int(user),
            "runAsGroup": int(group),
            "readOnlyRootFilesystem": service["read_only"],
            "allowPrivilegeEscalation": "no-new-privileges:true" not in service["security_opt"],
            "capabilities": {"drop": service["cap_drop"]},
        },
        "volumeMounts": mounts,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": int(service["stop_grace_period"].removesuffix("s")),
            "containers": [container],
            "volumes": volumes,
        },
    }


def _size(text: str) -> str:
    return text.upper() + "i"
