"""What the tutorial's first step leaves behind: files that are understood, one server, no trace."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from cluster import tutorial
from cluster.stage import DATA_REPOSITORY, FIRST, Stage
from cluster.waiting import wait_until
from crd_schema import defaulted, part, strangers
from facedb_operator.spec import parse_spec
from model_pack import ModelFile

CHART = Path(__file__).resolve().parents[2] / "charts" / "facedb" / "values.yaml"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    archive = tmp_path / "root" / DATA_REPOSITORY / f"v{FIRST}" / f"stash-sense-data-v{FIRST}.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(b"zip")
    return Stage(tmp_path / "root", (ModelFile("arcface.onnx", 5, "a" * 64),), b"photo", "somebody")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tutorial"
    made.mkdir()
    return made


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0).status_code > 0
    except httpx.TransportError:
        return False


def written(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / name).read_text())
    return found


def test_the_database_is_one_that_the_operator_understands(folder: Path, stage: Stage) -> None:
    tutorial.write(folder, stage, "http://192.0.2.1:8080")
    body = written(folder, "facedatabase.yaml")
    assert strangers(body["spec"], part("spec"), "spec") == []
    body["metadata"]["uid"] = "u-1"
    db = parse_spec({**body, "spec": defaulted(body["spec"], part("spec"))}, default_image="sidecar:1")
    assert (db.namespace, db.name, db.version) == (tutorial.NAMESPACE, tutorial.NAME, FIRST)
    # What the page's commands edit.
    assert f"  version: {FIRST}\n" in (folder / "facedatabase.yaml").read_text()


def test_the_values_are_the_charts_and_name_the_images_that_were_given(
    folder: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPERATOR_IMAGE", "registry.example.org:5000/operator:7")
    monkeypatch.setenv("SIDECAR_IMAGE", "registry.example.org:5000/sidecar:8")
    tutorial.write(folder, stage, "http://192.0.2.1:8080")
    values = written(folder, "values.yaml")
    assert values == {
        "image": {"repository": "registry.example.org:5000/operator", "tag": "7"},
        "sidecarImage": "registry.example.org:5000/sidecar:8",
    }
    known = yaml.safe_load(CHART.read_text())
    assert set(values) <= set(known)
    assert set(values["image"]) <= set(known["image"])


def test_the_photo_is_a_request_to_identify(folder: Path, stage: Stage) -> None:
    tutorial.write(folder, stage, "http://192.0.2.1:8080")
    assert json.loads((folder / "photo.json").read_text()) == {
        "image_base64": base64.b64encode(b"photo").decode()
    }


def test_the_server_outlives_the_command_and_ends_with_the_tutorial(folder: Path, stage: Stage) -> None:
    url = tutorial.serve(folder, stage.root, "127.0.0.1")
    try:
        answer = httpx.get(f"{url}/repos/{DATA_REPOSITORY}/releases/tags/v{FIRST}", timeout=60)
        assert answer.json()["assets"][0]["name"] == f"stash-sense-data-v{FIRST}.zip"
    finally:
        tutorial.end(folder)
    assert not folder.exists()
    wait_until(lambda: not answers(url), "the server to end", timeout_s=60)


def test_a_process_that_is_another_one_by_now_is_left_alone(folder: Path) -> None:
    (folder / "server.pid").write_text("1")
    tutorial.end(folder)
    assert not folder.exists()
    assert Path("/proc/1").exists()


def test_a_server_that_does_not_come_up_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tutorial, "WAIT_S", 1.0)
    monkeypatch.setattr(tutorial, "SERVER", tmp_path / "none.py")
    with pytest.raises(TimeoutError, match=r"server\.log"):
        tutorial.serve(folder, tmp_path / "root", "127.0.0.1")
    assert "none.py" in (folder / "server.log").read_text()
