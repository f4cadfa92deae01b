"""An example → the same on this node: other servers, the tests' models, its storage classes. Pure.

An example names servers that do not exist, and waits that nobody has time for in a test. Only those are
changed; everything else is applied as it is written.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.stage import DATA_REPOSITORY, MODELS_REPOSITORY
from model_pack import ModelFile

Json = dict[str, Any]

# An example's storage class → the node's.
CLASSES = {"local-path": "facedb-local", "csi-fast": "facedb-csi"}
LONGEST_WAIT = {"pause": "3s", "bake": "3s", "drain": "3s", "progressDeadline": "10m"}
LITTLE = {"requests": {"cpu": "50m", "memory": "256Mi"}}
MODELS_CLAIM, MODELS_PATH = "models-by-hand", "facedb"


@dataclass(frozen=True)
class Here:
    """Where things are on this node.

    Attributes:
        server: URL of the release server, which speaks GitHub's API and serves plain files.
        models: the tests' models.
        mirrors: URLs of servers that stand for mirror-1, mirror-2 …
        registry: HOST:PORT of the registry.
        prometheus: URL of a Prometheus.
        image: of Jobs of the user's own.
        digests: version → sha256 of its archive.
        authority: the ConfigMap with the authority that the mirrors and the registry are judged by.
    """

    server: str
    models: tuple[ModelFile, ...]
    mirrors: tuple[str, ...] = ()
    registry: str = ""
    prometheus: str = ""
    image: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    authority: Json = field(default_factory=lambda: {"name": "own-ca", "key": "ca.crt"})


def moved(example: Json, namespace: str, here: Here) -> Json:
    """Return the example as it is applied here."""
    body = copy.deepcopy(example)
    body["metadata"]["namespace"] = namespace
    spec = body["spec"]
    spec["source"] = _source(spec.get("source") or {"github": {}}, here)
    spec["models"] = {"source": _models(spec["models"]["source"], here), "files": _files(here)}
    if "digest" in spec:
        spec["digest"] = here.digests[spec["version"]]
    storage = spec.get("storage", {})
    for name in ("storageClassName", "volumeSnapshotClassName"):
        if name in storage:
            storage[name] = CLASSES[storage[name]]
    spec["sidecar"] = _sidecar(spec["sidecar"])
    if "rollout" in spec:
        spec["rollout"] = _rollout(spec["rollout"], here)
    return body


def _source(source: Json, here: Here) -> Json:
    if "github" in source:
        return source | {"github": source["github"] | {"apiURL": here.server}}
    if "http" in source:
        folder = f"files/{DATA_REPOSITORY}/v{{version}}"
        urls = [_mirrored(url, folder, here) for url in source["http"]["urls"]]
        return source | {"http": {"urls": urls}, "caBundleRef": here.authority}
    return _oci(source, here)


def _mirrored(url: str, folder: str, here: Here) -> str:
    found = re.fullmatch(r"https://mirror-(\d)\.example\.org/faces/(.+)", url)
    assert found, f"{url} is no mirror of the examples"
    return f"{here.mirrors[int(found[1]) - 1]}/{folder}/{found[2]}"


def _models(source: Json, here: Here) -> Json:
    if "http" in source:
        return {"http": {"urls": [f"{here.server}/files/{MODELS_REPOSITORY}/models/{{file}}"]}}
    if "volume" in source:
        assert source["volume"] == {"claimName": MODELS_CLAIM, "path": MODELS_PATH}
        return source
    return _oci(source, here)


def _oci(source: Json, here: Here) -> Json:
    reference = source["oci"]["reference"].replace("registry.example.org", here.registry)
    return source | {"oci": source["oci"] | {"reference": reference}, "caBundleRef": here.authority}


def _files(here: Here) -> list[Json]:
    return [{"name": m.name, "size": m.size, "sha256": m.sha256} for m in here.models]


def _sidecar(sidecar: Json) -> Json:
    """The node's GPU is pretended: pods ask for it, and compute without."""
    own = {"resources": LITTLE, **sidecar}
    if own["device"] == "gpu":
        own |= {"device": "cpu", "resources": LITTLE | {"limits": {"nvidia.com/gpu": "1"}}}
    return own


def _rollout(rollout: Json, here: Here) -> Json:
    short = {name: LONGEST_WAIT.get(name, value) for name, value in rollout.items()}
    if "steps" in rollout:
        short["steps"] = [{k: LONGEST_WAIT.get(k, v) for k, v in step.items()} for step in rollout["steps"]]
    if "checks" in rollout:
        short["checks"] = [_check(check, here) for check in rollout["checks"]]
    return short


def _check(check: Json, here: Here) -> Json:
    if "prometheus" in check:
        return check | {"prometheus": check["prometheus"] | {"url": here.prometheus}}
    if "job" in check:
        command = ["python", "-c", "import sys; sys.exit(sys.argv[2] == '')", *check["job"]["command"][1:]]
        return check | {"job": {"image": here.image, "command": command}}
    if "latency" in check:
        # Pods that load beside each other on two cores say nothing of a release.
        return check | {"latency": {"maxRatio": 100}}
    return check
