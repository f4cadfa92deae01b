"""Model files arrive by a table, with their hashes, and what waited for them begins to serve."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from answers_wanted import asked_until
from facedb_sidecar.app import create_app
from facedb_sidecar.model_files import ModelManager
from facedb_sidecar.model_table import BUILT_IN, OWN_LIST, read_table
from facedb_sidecar.settings import Settings, UpdateSettings
from release_server import ReleaseServer
from served import Served

PACK = {"det_500m": "det_500m.onnx", "facenet512": "facenet512.onnx", "arcface": "arcface.onnx"}


@pytest.fixture
def server(tmp_path: Path, served: Served) -> Iterator[ReleaseServer]:
    """The test pack's models, published as the reference's are."""
    with ReleaseServer(tmp_path / "root") as running:
        for file in PACK.values():
            running.publish(served.models / file, repository="owner/app", tag="models")
        yield running


@pytest.fixture
def manifest(tmp_path: Path, served: Served) -> Path:
    """A user's list: these files instead of the built-in table's."""
    listed = {name: entry(served.models / file) for name, file in PACK.items()}
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"models": listed}))
    return path


def entry(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "file": path.name,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "group": "face_recognition",
        "description": "of the test pack",
    }


@pytest.fixture
def settings(tmp_path: Path, served: Served, server: ReleaseServer, manifest: Path) -> Settings:
    source = ("--github", "owner/app", "--api-url", server.url, "--stall-after", "2", "--attempts", "2")
    updates = UpdateSettings(model_source=source, models_manifest=manifest)
    return served.settings(models_dir=tmp_path / "models", updates=updates)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as running:
        yield running


def ended(name: str) -> Any:
    return lambda said: said["progress"].get(name, {}).get("status") in ("complete", "failed")


def test_before_any_download_nothing_is_installed_and_nothing_runs(client: TestClient) -> None:
    models = client.get("/models/status").json()["models"]

    assert {name: models[name]["status"] for name in PACK} == dict.fromkeys(PACK, "not_installed")
    assert set(models["arcface"]) >= {"status", "file", "size", "group", "description"}
    assert client.get("/models/download-progress").json() == {"progress": {}}
    said = client.get("/capabilities").json()
    assert said["capabilities"] == {
        "upstream_sync": True,
        "duplicate_detection_basic": True,
        "identification": False,
        "tattoo_signal": False,
        "body_signal": False,
    }


def test_when_the_face_models_have_come_the_engine_loads_by_itself(client: TestClient) -> None:
    asked_until(client, "/ready", lambda s: s.get("reason") == "ModelMissing")
    for name in PACK:
        began = client.post(f"/models/download/{name}")
        assert (began.status_code, began.json()) == (200, {"status": "download_started", "model": name})
        # Once more has no effect.
        assert client.post(f"/models/download/{name}").status_code == 200

    asked_until(client, "/ready", lambda s: s.get("ready"))

    models = client.get("/models/status").json()["models"]
    assert {models[name]["status"] for name in PACK} == {"installed"}
    progress = client.get("/models/download-progress").json()["progress"]
    assert {progress[name]["status"] for name in PACK} == {"complete"}
    assert {progress[name]["percent"] for name in PACK} == {100.0}
    said = client.get("/capabilities").json()
    assert said["capabilities"]["identification"]
    assert said["missing"]["body"]


def test_an_unknown_model_is_404(client: TestClient) -> None:
    said = client.post("/models/download/vgg")
    assert (said.status_code, said.json()) == (404, {"detail": "Unknown model: vgg"})


def test_wrong_bytes_are_refused_and_the_others_still_come(
    client: TestClient, server: ReleaseServer, tmp_path: Path, served: Served
) -> None:
    wrong = bytearray((served.models / "arcface.onnx").read_bytes())
    wrong[100] ^= 1
    (tmp_path / "arcface.onnx").write_bytes(wrong)
    server.publish(tmp_path / "arcface.onnx", repository="owner/app", tag="models")

    client.post("/models/download/arcface")
    client.post("/models/download/facenet512")
    progress = asked_until(client, "/models/download-progress", ended("facenet512"))["progress"]

    assert progress["arcface"]["status"] == "failed"
    assert "sha256" in progress["arcface"]["error"]
    assert progress["facenet512"]["status"] == "complete"
    models = client.get("/models/status").json()["models"]
    assert models["arcface"]["status"] == "not_installed"


def test_a_model_that_the_source_lacks_fails_with_its_name_and_can_be_asked_for_again(
    client: TestClient, server: ReleaseServer, served: Served
) -> None:
    (server.root / "owner" / "app" / "models" / "arcface.onnx").unlink()
    client.post("/models/download/arcface")
    failed = asked_until(client, "/models/download-progress", ended("arcface"))["progress"]["arcface"]
    assert failed["status"] == "failed"
    assert "arcface.onnx" in failed["error"]

    server.publish(served.models / "arcface.onnx", repository="owner/app", tag="models")
    client.post("/models/download/arcface")
    asked_until(
        client, "/models/download-progress", lambda s: s["progress"]["arcface"]["status"] == "complete"
    )


def test_a_file_of_another_size_is_corrupted_and_replaced(client: TestClient, settings: Settings) -> None:
    settings.models_dir.mkdir(exist_ok=True)
    (settings.models_dir / "arcface.onnx").write_bytes(b"short")
    assert client.get("/models/status").json()["models"]["arcface"]["status"] == "corrupted"

    client.post("/models/download/arcface")
    asked_until(client, "/models/download-progress", ended("arcface"))

    assert client.get("/models/status").json()["models"]["arcface"]["status"] == "installed"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_read_only_models_folder_says_who_fills_it(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "mounted"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        with TestClient(create_app(replace(settings, models_dir=folder))) as client:
            said = client.post("/models/download-all")
            assert said.status_code == 409
            assert "read-only" in said.json()["detail"]
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_built_in_table_is_the_contracts() -> None:
    table = {model.name: model for model in BUILT_IN}
    sizes = {"facenet512": 93_985_006, "arcface": 136_564_309}
    assert {name: table[name].file.size for name in sizes} == sizes
    assert all(model.file.sha256 for model in BUILT_IN)


def test_a_users_lists_come_before_the_built_in_table_and_a_broken_one_changes_nothing(
    tmp_path: Path,
) -> None:
    own = {"models": {"arcface": {"file": "mine.onnx", "size": 5}, "extra": {"file": "x.onnx", "size": 1}}}
    (tmp_path / OWN_LIST).write_text(json.dumps(own))
    (tmp_path / "broken.json").write_text("{")

    table = read_table(tmp_path, tmp_path / "broken.json")

    assert (table["arcface"].file.name, table["arcface"].file.sha256) == ("mine.onnx", None)
    assert set(table) == {model.name for model in BUILT_IN} | {"extra"}


def test_a_source_that_nobody_understands_is_told_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    nowhere = Path("/nonexistent")
    updates = UpdateSettings(model_source=("--gitlab", "owner/models"))

    async def arrived() -> None:
        raise AssertionError("nothing came")

    manager = ModelManager(Settings(nowhere, nowhere, "cpu", nowhere, updates=updates), arrived)

    assert "FACEDB_MODEL_SOURCE names no source: No such option: --gitlab" in caplog.text
    assert not manager.ready()
