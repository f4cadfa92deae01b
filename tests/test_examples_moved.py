"""What the cluster suite changes of an example is little, and what comes out is a FaceDatabase as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.moved import Here, moved
from crd_schema import part, strangers
from facedb_operator.spec import parse_spec
from model_pack import ModelFile

ROOT = Path(__file__).resolve().parents[1]
HERE = Here(
    server="http://172.30.0.1:8000",
    models=(ModelFile("det_500m.onnx", 1, "a" * 64),),
    mirrors=("https://172.30.0.1:9", "https://172.30.0.1:8443"),
    registry="172.30.0.1:5000",
    prometheus="http://172.30.0.1:9090",
    image="localhost/sidecar:1",
    digests={"2026.02.18": "sha256:" + "b" * 64},
)
PATHS = sorted((ROOT / "examples").glob("*/facedatabase.yaml"))
# Where an example may differ from what is applied on the node.
CHANGED = {"source", "models", "digest", "storage", "sidecar", "rollout"}


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.parent.name)
def test_a_moved_example_is_understood_and_names_nothing_outside(path: Path) -> None:
    body: dict[str, Any] = yaml.safe_load(path.read_text())
    made = moved(body, "examples", HERE)
    assert strangers(made["spec"], part("spec"), "spec") == []
    assert "example.org" not in yaml.safe_dump(made)
    made["metadata"]["uid"] = "u-1"
    parse_spec(made, default_image="sidecar:1")


@pytest.mark.parametrize("path", PATHS, ids=lambda p: p.parent.name)
def test_only_places_and_waits_are_changed(path: Path) -> None:
    body: dict[str, Any] = yaml.safe_load(path.read_text())
    made = moved(body, "examples", HERE)
    same = {k: v for k, v in made["spec"].items() if k not in CHANGED}
    assert same == {k: v for k, v in body["spec"].items() if k not in CHANGED}
    assert made["spec"].get("rollout", {}).get("strategy") == body["spec"].get("rollout", {}).get("strategy")
    old, new = (x["spec"].get("storage", {}) for x in (body, made))
    assert {k: v for k, v in old.items() if not k.endswith("ClassName")} == {
        k: v for k, v in new.items() if not k.endswith("ClassName")
    }
