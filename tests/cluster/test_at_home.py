"""The compose example: the image as a container of its own, on an empty folder and on the reference's."""

from __future__ import annotations

import ast
import base64
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import sha256_of
from cluster.home import Home, publish
from cluster.places import Place
from cluster.stage import DATA_REPOSITORY, FIRST, ROOT, SECOND, Stage
from cluster.waiting import wait_until
from release_server import ReleaseServer

pytestmark = pytest.mark.cluster

NAMESPACE = "at-home"
IMPORTS = """
import importlib.metadata as m, json, os
from mediapipe.tasks.python import vision
import cv2, faiss, insightface, onnxruntime, voyager
names = sorted({d.name.lower().replace("_", "-") for d in m.distributions()})
writable = [p for p in ("/", "/app", "/etc", "/usr", "/opt", "/var") if os.access(p, os.W_OK)]
print(json.dumps({"names": names, "writable": writable, "uid": os.getuid()}))
"""


@pytest.fixture(scope="module")
def namespace(place: Place, stage: Stage) -> Iterator[str]:
    """A namespace for plain pods, and both releases where containers at home look."""
    for version in (FIRST, SECOND):
        publish(stage, DATA_REPOSITORY, version)
    place.kubernetes.ensure_namespace(NAMESPACE)
    yield NAMESPACE
    place.kubernetes.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def empty(
    place: Place,
    stage: Stage,
    server: ReleaseServer,
    namespace: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Home:
    """A container that has just been started on an empty folder."""
    home = Home(place, stage, server, namespace, "empty", tmp_path_factory.mktemp("empty"))
    home.start()
    return home


def identified(home: Home) -> str:
    """Who is on the photo, and which release said so."""
    photo = base64.b64encode(home.stage.photo).decode()
    status, said = home.ask("POST", "/identify", {"image_base64": photo, "top_k": 1})
    assert status == 200, said
    return str(said["faces"][0]["matches"][0]["name"])


def test_an_empty_folder_is_told_and_harms_nobody(empty: Home) -> None:
    status, ready = empty.ask("GET", "/ready")
    assert (status, ready["ready"]) == (503, False)
    assert ready["reason"] == "NoRelease"
    assert empty.ask("GET", "/health")[1]["status"] == "degraded"
    assert empty.ask("GET", "/database/info")[1]["version"] == "unknown"
    found = empty.ask("GET", "/database/check-update")[1]
    assert (found["latest_version"], found["update_available"], found["error"]) == (SECOND, True, None)


def test_everything_in_the_image_loads_without_root_and_with_a_read_only_root(empty: Home) -> None:
    found = json.loads(empty.run("python", "-c", IMPORTS))
    assert found["writable"] == []
    assert found["uid"] == 65532
    # They overwrite each other's files: only one of each may be there.
    assert [n for n in found["names"] if n.startswith("onnxruntime")] == ["onnxruntime-gpu"]
    assert [n for n in found["names"] if n.startswith("opencv")] == ["opencv-python-headless"]
    assert empty.ask("GET", "/health/ffmpeg")[1] == {"ffmpeg_available": True, "v2_endpoint_ready": True}


def test_the_images_health_check_succeeds(empty: Home) -> None:
    text = (ROOT / "Dockerfile.sidecar").read_text()
    found = re.search(r"HEALTHCHECK.*?CMD (\[.*?\])\n", text, re.DOTALL)
    assert found is not None
    empty.run(*ast.literal_eval(found[1]))


def test_models_and_a_release_come_by_two_clicks(empty: Home) -> None:
    empty.bring_models()
    told = empty.update()
    assert told[-1]["status"] == "complete", told
    assert (told[-1]["progress_pct"], told[-1]["current_version"]) == (100, SECOND)
    assert [t["progress_pct"] for t in told] == sorted(t["progress_pct"] for t in told)
    assert empty.wait_ready()["version"] == SECOND
    assert identified(empty) == empty.stage.person
    assert empty.ask("POST", "/database/update") == (400, {"detail": "Already on latest version"})
    assert (empty.data / "current").resolve().name == SECOND
    assert (empty.data / "stash_sense.db").exists()


def test_after_a_restart_it_serves_from_its_disk(empty: Home) -> None:
    empty.stop()
    empty.start(FACEDB_SOURCE="--github home/gone --api-url http://127.0.0.1:9")
    assert empty.wait_ready()["version"] == SECOND
    assert identified(empty) == empty.stage.person
    found = empty.ask("GET", "/database/check-update")
    assert found[0] == 200
    empty.stop()


def test_a_folder_of_the_reference_is_adopted_served_and_updated(
    place: Place, stage: Stage, server: ReleaseServer, namespace: str, tmp_path: Path
) -> None:
    data = tmp_path / "reference"
    archive = next((stage.root / DATA_REPOSITORY / f"v{FIRST}").iterdir())
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(data)
    flat = {p.name: sha256_of(p) for p in data.iterdir()}
    (data / "models").mkdir()
    for model in stage.models:
        source = next(stage.root.rglob(model.name))
        (data / "models" / model.name).write_bytes(source.read_bytes())

    home = Home(place, stage, server, namespace, "adopted", data)
    home.start()
    assert home.wait_ready()["version"] == FIRST
    assert identified(home) == stage.person
    told = home.update()
    assert told[-1]["status"] == "complete", told
    assert home.ask("GET", "/database/info")[1]["version"] == SECOND
    wait_until(lambda: identified(home) == stage.person, "the photo to be identified", timeout_s=30)
    # Whoever goes back to the reference finds what it left.
    assert {name: sha256_of(data / name) for name in flat} == flat
    home.stop()
