"""What the demo and the cluster tests stand on: releases, models, a release server, an installed chart.

Everything is made on the spot: a small model pack from networks that PyPI and npm carry, a real photo of a
real face, releases that hold that face among synthetic ones.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from builders import Enrolled, make_release, with_flipped_byte, without_member
from cluster.kubernetes import Kubernetes
from model_pack import ModelFile, build_model_pack
from release_server import ReleaseServer

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "facedb"
DATA_REPOSITORY = "carrotwaxr/stash-sense-data"
MODELS_REPOSITORY = "carrotwaxr/stash-sense"

FIRST = "2026.02.12"
SECOND = "2026.02.18"
THIRD = "2026.02.24"
CORRUPT = "2026.03.01"
NO_ASSET = "2026.03.02"
INCOMPLETE = "2026.03.03"
MISMATCHED = "2026.03.04"
UNPUBLISHED = "2026.12.31"


@dataclass(frozen=True)
class Images:
    """The two images, as the cluster's nodes know them."""

    operator: str
    sidecar: str


@dataclass(frozen=True)
class Stage:
    """A release server's content and what a FaceDatabase needs to know of it."""

    root: Path
    models: tuple[ModelFile, ...]
    photo: bytes
    person: str

    def spec(self, server: ReleaseServer, version: str | None, **sidecar: Any) -> dict[str, Any]:
        """The spec of a FaceDatabase that takes releases and models from this server."""
        return {
            **({"version": version} if version else {}),
            "source": {"github": {"repository": DATA_REPOSITORY, "apiURL": server.url}},
            "models": {
                "source": {
                    "github": {"repository": MODELS_REPOSITORY, "apiURL": server.url, "tag": "models"}
                },
                "files": [{"name": m.name, "size": m.size, "sha256": m.sha256} for m in self.models],
            },
            "storage": {"size": "1Gi", "modelsSize": "256Mi"},
            "sidecar": {
                "device": "cpu",
                "replicas": 1,
                "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}},
                **sidecar,
            },
            "rollout": {"strategy": "Rolling", "drain": "5s", "progressDeadline": "10m"},
        }


def prepare(folder: Path, enrolled: Sequence[Enrolled], photo: bytes, *, performers: int = 60) -> Stage:
    """Build the models and every release that the demo and the tests use into ``folder``.

    Args:
        folder: becomes the release server's root.
        enrolled: real faces; the first one is the person on the photo.
        photo: the image that clients send.
        performers: synthetic people in each release.
    """
    models = build_model_pack(folder / MODELS_REPOSITORY / "models")
    work = folder.parent / "made"
    archives = {
        version: make_release(work, version, performers=performers, seed=seed, enrolled=enrolled)
        for seed, version in enumerate((FIRST, SECOND, CORRUPT, INCOMPLETE, MISMATCHED, THIRD))
    }
    archives[CORRUPT] = with_flipped_byte(archives[CORRUPT], "face_arcface.voy")
    archives[INCOMPLETE] = without_member(archives[INCOMPLETE], "face_facenet.voy")
    archives[MISMATCHED] = with_flipped_byte(archives[MISMATCHED], "manifest.json")
    for version, archive in archives.items():
        target = folder / DATA_REPOSITORY / f"v{version}" / archive.name
        target.parent.mkdir(parents=True, exist_ok=True)
        archive.replace(target)
    notes = folder / DATA_REPOSITORY / f"v{NO_ASSET}" / "README.txt"
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.write_text("This release forgot its archive.\n")
    return Stage(folder, models, photo, enrolled[0].name)


def database(name: str, namespace: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A FaceDatabase."""
    return {
        "apiVersion": "facedb.dev/v1alpha1",
        "kind": "FaceDatabase",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": spec,
    }


def install_chart(kubernetes: Kubernetes, images: Images, *settings: str) -> None:
    """Install or upgrade the operator with Helm, and wait until it runs.

    Args:
        kubernetes: the cluster.
        images: the operator's, and the default of sidecars.
        settings: more values, as in ``watchNamespaces={media}``.
    """
    namespace = "facedb-system"
    repository, tag = images.operator.rsplit(":", 1)
    kubernetes.ensure_namespace(namespace, {"pod-security.kubernetes.io/enforce": "restricted"})
    kubernetes.helm(
        *("upgrade", "--install", "facedb", str(CHART), "--namespace", namespace, "--create-namespace"),
        *("--set", f"image.repository={repository}", "--set", f"image.tag={tag}"),
        *("--set", f"sidecarImage={images.sidecar}", "--wait", "--timeout", "10m"),
        # The definition may be somebody else's: of a chart before 0.2.0, of kubectl.
        "--take-ownership",
        *(word for setting in settings for word in ("--set", setting)),
    )


def address_towards(kubernetes: Kubernetes) -> str:
    """This machine's address as the cluster sees it: the one that packets to the API server leave from."""
    url = urlsplit(
        kubernetes.kubectl("config", "view", "--minify", "-o", "jsonpath={.clusters[0].cluster.server}")
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # A UDP connect sends nothing; it only asks the routing table.
        probe.connect((url.hostname or "127.0.0.1", url.port or 443))
        return str(probe.getsockname()[0])
