"""Flux's real kustomize-controller; what its source-controller would fetch out of Git is served by the test.

The controller reads a GitRepository's status only: a revision, and where its files lie as an archive.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from api_server import ApiServer
from cluster.node import binaries, go_modules
from gitops.children import Children
from go_server import free_port
from operator_process import until
from played_cluster import NAME, NAMESPACE
from release_server import ReleaseServer

SOURCE = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/gitrepositories"
Body = dict[str, Any]


class Flux:
    """What `flux` gives."""

    def __init__(self, api: ApiServer, children: Children, folder: Path, url: str) -> None:
        self.api = api
        self.children = children
        self._folder = folder
        self._url = url
        self._published = 0

    def publish(self, body: Body) -> str:
        """A commit with this one object comes; the revision, as Flux writes it."""
        self._published += 1
        content = _archive(yaml.safe_dump(body).encode())
        digest = hashlib.sha256(content).hexdigest()
        name = f"{digest}.tar.gz"
        (self._folder / name).write_bytes(content)
        revision = f"main@sha1:{self._published:040x}"
        when = "2026-11-21T04:00:00Z"
        artifact = {
            "path": name,
            "url": f"{self._url}/{name}",
            "revision": revision,
            "digest": f"sha256:{digest}",
            "size": len(content),
            "lastUpdateTime": when,
        }
        ready = {"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored"}
        status = {"artifact": artifact, "conditions": [{**ready, "lastTransitionTime": when}]}
        merge = "application/merge-patch+json"
        code, answer = self.api.request(
            "PATCH", f"{SOURCE}/{NAME}/status", {"status": status}, Content_Type=merge
        )
        assert code == 200, answer
        return revision

    def outcome(self, revision: str) -> tuple[str, str, str]:
        """Ready of the Kustomization, once Flux has ended with this revision: status, reason, message."""
        found: list[tuple[str, str, str]] = []

        def ended() -> bool:
            status = self.read().get("status") or {}
            ready = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), None)
            if (
                ready is None
                or ready["status"] == "Unknown"
                or status.get("lastAttemptedRevision") != revision
            ):
                return False
            found.append((ready["status"], ready["reason"], ready["message"]))
            return True

        until(ended, f"Flux has ended with {revision}")
        return found[-1]

    def again(self) -> None:
        """Ask for another pass over what is there, and wait for its end."""
        before = (self.read()["status"]).get("lastHandledReconcileAt", "")
        asked = f"{before}x"
        note = f"reconcile.fluxcd.io/requestedAt={asked}"
        self.api.kubectl("-n", NAMESPACE, "annotate", "--overwrite", "kustomization", NAME, note)
        handled = lambda: self.read()["status"].get("lastHandledReconcileAt") == asked  # noqa: E731
        until(handled, "Flux has looked again")

    def read(self) -> Body:
        """The Kustomization."""
        found: Body = json.loads(
            self.api.kubectl("-n", NAMESPACE, "get", "kustomization", NAME, "-o", "json").stdout
        )
        return found

    def applied(self) -> list[str]:
        """What Flux did to the database, each time that it applied: created, configured or unchanged."""
        lines = [json.loads(line) for line in self.children.log("kustomize").splitlines() if line[:1] == "{"]
        key = f"FaceDatabase/{NAMESPACE}/{NAME}"
        return [line["output"][key] for line in lines if key in (line.get("output") or {})]


@contextmanager
def flux(api: ApiServer, folder: Path, *objects: Body) -> Iterator[Flux]:
    """Define Flux's resources, make these objects, and run the controller."""
    for module, of in (("fluxkustomize", "kustomize"), ("fluxsource", "source")):
        crds = go_modules.folder(module, f"github.com/fluxcd/{of}-controller") / "config" / "crd" / "bases"
        for path in sorted(crds.glob("*.yaml")):
            api.kubectl("apply", "--server-side", "-f", str(path))
            api.wait_for_definition(yaml.safe_load(path.read_text())["metadata"]["name"])
    api.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects))
    served = folder / "served"
    served.mkdir(parents=True)
    with ReleaseServer(served) as server, Children(folder) as children:
        health = free_port()
        children.start(
            *("kustomize", str(binaries.ensure_one(binaries.FLUX_KUSTOMIZE)), "--log-encoding=json"),
            *(f"--health-addr=127.0.0.1:{health}", f"--metrics-addr=127.0.0.1:{free_port()}"),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "TMPDIR": str(folder),
                "KUBECONFIG": str(api.kubeconfig),
                "RUNTIME_NAMESPACE": NAMESPACE,
            },
        )
        children.wait_for("kustomize", f"http://127.0.0.1:{health}/healthz")
        yield Flux(api, children, served, f"{server.url}/files")


def _archive(content: bytes) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        entry = tarfile.TarInfo("faces.yaml")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()
