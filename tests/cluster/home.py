"""One container at home: started from the compose example, asked from within, its folder in view."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.asking import ask
from cluster.composed import pod_of, service_of
from cluster.places import Place
from cluster.stage import MODELS_REPOSITORY, ROOT, Stage
from cluster.waiting import wait_until
from release_server import ReleaseServer

EXAMPLE = ROOT / "examples" / "02-docker"
DATA_REPOSITORY = "home/data"
MODEL_NAMES = {"det_500m.onnx": "det_500m", "facenet512.onnx": "facenet512", "arcface.onnx": "arcface"}

Json = dict[str, Any]


@dataclass
class Home:
    """A container on its own folder.

    Attributes:
        place: the node that stands in for Docker.
        stage: for the models and the photo.
        server: where releases and models are published.
        namespace: of the pod.
        name: of the pod.
        data: the folder on this machine that is /data in the container.
    """

    place: Place
    stage: Stage
    server: ReleaseServer
    namespace: str
    name: str
    data: Path
    service: Json = field(init=False)

    def __post_init__(self) -> None:
        """Read the example as Docker would, and give the folder to the container's user."""
        self.service = service_of(EXAMPLE / "compose.yaml", {})
        uid, gid = (int(part) for part in self.service["user"].split(":"))
        manifest = {"models": {MODEL_NAMES[m.name]: _model(m) for m in self.stage.models}}
        (self.data / "models").mkdir(parents=True, exist_ok=True)
        (self.data / "models" / "models.json").write_text(json.dumps(manifest))
        for path in (self.data, *self.data.rglob("*")):
            os.chown(path, uid, gid)

    def start(self, **more: str) -> None:
        """Compose up."""
        own = {
            "FACEDB_SOURCE": f"--github {DATA_REPOSITORY} --api-url {self.server.url}",
            "FACEDB_MODEL_SOURCE": f"--github {MODELS_REPOSITORY} --api-url {self.server.url} --tag models",
            **more,
        }
        image, kubernetes = self.place.images.sidecar, self.place.kubernetes
        folder = self.data.resolve()
        kubernetes.apply(
            pod_of(self.service, self.name, self.namespace, image=image, folder=folder, more=own)
        )
        # An exec into a container that is just being started may never end.
        kubernetes.kubectl(
            *("wait", f"pod/{self.name}", "-n", self.namespace, "--for=condition=Ready", "--timeout=600s")
        )
        wait_until(self._answers, "the container's first answer", timeout_s=120, tell=self.describe)

    def stop(self) -> None:
        """Compose down; the folder stays."""
        self.place.kubernetes.kubectl(*("delete", "pod", self.name, "-n", self.namespace, "--timeout=600s"))

    def ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Any]:
        """One request: its status and its JSON."""
        return ask(self.place.kubernetes, self.namespace, self.name, method, path, body)

    def run(self, *command: str) -> str:
        """Docker exec.

        Raises:
            RuntimeError: the command failed.
        """
        return self.place.kubernetes.kubectl("exec", self.name, "-n", self.namespace, "--", *command)

    def bring_models(self) -> None:
        """As the settings page does: each download, until all are there."""
        for name in MODEL_NAMES.values():
            assert self.ask("POST", f"/models/download/{name}")[0] == 200
        wait_until(
            lambda: (
                {p["status"] for p in self.ask("GET", "/models/download-progress")[1]["progress"].values()}
                == {"complete"}
            ),
            "the models",
            timeout_s=120,
            tell=self.describe,
        )

    def update(self) -> list[Json]:
        """As Stash's page does: start, then follow until it ended.

        Returns:
            Each answer of the status route that differed from the one before.
        """
        status, started = self.ask("POST", "/database/update")
        assert (status, started["status"]) == (200, "started"), started
        seen: list[Json] = []

        def ended() -> bool:
            now = self.ask("GET", "/database/update/status")[1]
            if not seen or seen[-1] != now:
                seen.append(now)
            return now["status"] in ("complete", "failed")

        wait_until(ended, "the update's end", timeout_s=120, tell=self.describe)
        return seen

    def wait_ready(self) -> Json:
        """Wait for /ready, and return what it says."""

        def ready() -> Json | None:
            status, said = self.ask("GET", "/ready")
            return said if status == 200 else None

        return wait_until(ready, "/ready", timeout_s=120, tell=self.describe) or {}

    def describe(self) -> str:
        """What a failing test should print."""
        kubectl = self.place.kubernetes.kubectl
        pod = kubectl("describe", "pod", self.name, "-n", self.namespace, check=False)
        logs = kubectl("logs", self.name, "-n", self.namespace, "--tail=40", check=False)
        return f"{pod[-3000:]}\n{logs[-6000:]}"

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/health")[0] == 200
        except RuntimeError:
            return False


def publish(stage: Stage, source: str, version: str) -> None:
    """Put a release of the stage's own repository (``source``) where the containers at home look."""
    folder = stage.root / DATA_REPOSITORY / f"v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    for asset in (stage.root / source / f"v{version}").iterdir():
        shutil.copy2(asset, folder / asset.name)


def _model(model: Any) -> Json:
    return {
        "file": model.name,
        "size": model.size,
        "sha256": model.sha256,
        "group": "face_recognition",
        "description": "of the tests",
    }
