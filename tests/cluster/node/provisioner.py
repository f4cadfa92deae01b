"""A StorageClass without snapshots, as k3s users have: folders on the node, bound to the first consumer.

Runs as a process of the node (``python tests/cluster/node provisioner``). Level-based: it lists claims and
volumes, makes what is missing, removes what was released, and looks again.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import ssl
import time
from pathlib import Path
from typing import Any

from cluster.node import certificates
from cluster.node.layout import API_PORT, NODE_IP, NODE_NAME, state_dir
from cluster.node.say import say

CLASS = "facedb-local"
PROVISIONER = "facedb.dev/local"
PERIOD_S = 0.5
SELECTED_NODE = "volume.kubernetes.io/selected-node"

Json = dict[str, Any]


def storage_class() -> Json:
    """The StorageClass, the cluster's default."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER,
        "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Delete",
    }


def volume_name(claim: Json) -> str:
    """A volume's name, from the claim's uid: a second try finds the first."""
    return f"pvc-{claim['metadata']['uid']}"


def wanted(claim: Json, volumes: set[str]) -> bool:
    """Whether this claim waits for a volume that we shall make. Pure."""
    notes = claim["metadata"].get("annotations") or {}
    return (
        claim["spec"].get("storageClassName") == CLASS
        and not claim["spec"].get("volumeName")
        and notes.get(SELECTED_NODE) == NODE_NAME
        and volume_name(claim) not in volumes
        and not claim["metadata"].get("deletionTimestamp")
    )


def volume(claim: Json, path: Path) -> Json:
    """The PersistentVolume for a claim. Pure."""
    meta = claim["metadata"]
    terms = [{"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": volume_name(claim),
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Delete",
            "local": {"path": str(path)},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": meta["uid"],
            },
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": terms}]}},
        },
    }


class Api:
    """The API server, spoken to with the administrator's certificate."""

    def __init__(self) -> None:
        pki = certificates.folder()
        self._context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._context.load_cert_chain(str(pki / "admin.crt"), str(pki / "admin.key"))

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        """One request; the answer's JSON."""
        connection = http.client.HTTPSConnection(NODE_IP, API_PORT, context=self._context, timeout=10)
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            answer: Json = json.loads(reply.read() or b"{}")
        finally:
            connection.close()
        if reply.status >= 300:
            raise OSError(f"{method} {path}: {reply.status} {answer.get('message', '')}")
        return answer


def volumes_dir() -> Path:
    """The folder that holds every volume's folder."""
    return state_dir() / "volumes"


def run() -> None:
    """Make and remove volumes until ended."""
    api = Api()
    while True:
        try:
            once(api)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The API server restarts, or somebody was quicker: the next look will tell.
            say(f"{time.strftime('%H:%M:%S')} {error}")
        time.sleep(PERIOD_S)


def once(api: Api) -> None:
    """One look at all claims and volumes."""
    volumes = api.call("GET", "/api/v1/persistentvolumes")["items"]
    names = {v["metadata"]["name"] for v in volumes}
    for claim in api.call("GET", "/api/v1/persistentvolumeclaims")["items"]:
        if wanted(claim, names):
            path = volumes_dir() / volume_name(claim)
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o777)
            api.call("POST", "/api/v1/persistentvolumes", volume(claim, path))
            say(f"made {path.name} for {claim['metadata']['namespace']}/{claim['metadata']['name']}")
    for item in volumes:
        if _released(item):
            _remove(api, item["metadata"]["name"])


def _released(item: Json) -> bool:
    return (
        item["spec"].get("storageClassName") == CLASS
        and item.get("status", {}).get("phase") == "Released"
        and not item["metadata"].get("deletionTimestamp")
    )


def _remove(api: Api, name: str) -> None:
    # The name becomes a path that is deleted: it must be one of ours.
    if re.fullmatch(r"pvc-[0-9a-f-]{36}", name):
        shutil.rmtree(volumes_dir() / name, ignore_errors=True)
        api.call("DELETE", f"/api/v1/persistentvolumes/{name}")
        say(f"removed {name}")
