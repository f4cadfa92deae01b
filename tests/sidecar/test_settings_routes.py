"""``/settings*`` and ``/system/*`` as the plugin asks for them; they work without a release too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from edge import wait_ready
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.routes.boxes import ordered
from facedb_sidecar.settings import Settings, StashSettings
from served import Served
from stash_server import StashServer

BOXES = [
    {"endpoint": "https://stashdb.org/graphql", "name": "StashDB", "api_key": "secret-1"},
    {"endpoint": "https://fansdb.cc/graphql", "name": "FansDB", "api_key": "secret-2"},
    {"endpoint": "https://theporndb.net/graphql", "name": "TPDB", "api_key": "secret-3"},
]


def settings_of(folder: Path, **changes: Any) -> Settings:
    facts: dict[str, Any] = {
        "release_dir": folder / "release",
        "models_dir": folder / "models",
        "device": "cpu",
        "draining_file": folder / "draining",
        "state_dir": folder / "state",
    }
    return Settings(**{**facts, **changes})


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(create_app(settings_of(tmp_path))) as running:
        yield running


def test_the_page_gets_every_setting_with_its_limits(client: TestClient) -> None:
    said = client.get("/settings").json()
    assert said["hardware_tier"] == "cpu"
    assert [(c["label"], c["order"]) for c in said["categories"].values()] == [
        ("Performance", 0),
        ("Rate Limits", 1),
        ("Recognition", 2),
        ("Signals", 3),
    ]
    every = {key: s for c in said["categories"].values() for key, s in c["settings"].items()}
    assert set(every) == {
        *("embedding_batch_size", "frame_extraction_concurrency", "detection_size", "stash_api_rate"),
        *("gpu_enabled", "num_frames", "face_candidates", "body_signal_enabled", "tattoo_signal_enabled"),
    }
    frames, gpu = every["num_frames"], every["gpu_enabled"]
    assert (frames["value"], frames["default"], frames["is_override"]) == (30, 30, False)
    assert (frames["type"], frames["min"], frames["max"]) == ("int", 10, 200)
    assert frames["label"]
    assert frames["description"]
    assert gpu["type"] == "bool"
    assert gpu["value"] is False
    assert "min" not in gpu
    assert "warning" not in said


def test_a_setting_is_changed_read_and_reset(client: TestClient) -> None:
    changed = client.put("/settings/num_frames", json={"value": 45})
    assert changed.json() == {"key": "num_frames", "value": 45, "is_override": True}
    one = client.get("/settings/num_frames").json()
    assert (one["key"], one["value"], one["default"], one["is_override"]) == ("num_frames", 45, 30, True)
    reset = client.delete("/settings/num_frames")
    assert reset.json() == {"key": "num_frames", "value": 30, "is_override": False}
    assert client.put("/settings/gpu_enabled", json={"value": True}).json()["value"] is True


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("num_frames", 9, "num_frames: 9 is not between 10 and 200"),
        ("num_frames", "x", "num_frames: 'x' is not a whole number"),
        ("num_frames", None, "num_frames: None is not a whole number"),
        ("num_frames", True, "num_frames: True is not a whole number"),
        ("num_frames", [30], "num_frames: [30] is not a whole number"),
        ("gpu_enabled", "maybe", "gpu_enabled: 'maybe' is neither true nor false"),
    ],
)
def test_a_value_that_cannot_be_is_422(client: TestClient, key: str, value: object, says: str) -> None:
    refused = client.put(f"/settings/{key}", json={"value": value})
    assert (refused.status_code, refused.json()["detail"]) == (422, says)
    assert client.get(f"/settings/{key}").json()["is_override"] is False


def test_an_unknown_setting_is_404(client: TestClient) -> None:
    for reply in (
        client.get("/settings/nonsense"),
        client.put("/settings/nonsense", json={"value": 1}),
        client.delete("/settings/nonsense"),
    ):
        assert (reply.status_code, reply.json()["detail"]) == (404, "Unknown setting: nonsense")
    assert client.put("/settings/num_frames", json={}).status_code == 422


def test_many_are_changed_at_once_and_what_is_wrong_is_named(client: TestClient) -> None:
    good = client.put("/settings", json={"settings": {"num_frames": 60, "stash_api_rate": 2}})
    assert (good.status_code, good.json()) == (200, {"stored": {"num_frames": 60, "stash_api_rate": 2.0}})
    mixed = client.put("/settings", json={"settings": {"num_frames": 61, "x": 1, "detection_size": 1}})
    assert mixed.status_code == 422
    assert mixed.json()["detail"] == {
        "errors": {
            "x": "Unknown setting: x",
            "detection_size": "detection_size: 1 is not between 160 and 1280",
        },
        "stored": {"num_frames": 61},
    }
    waiting = client.put("/settings", json={"settings": {"detection_size": 640}})
    assert waiting.status_code == 200
    assert client.get("/settings").json()["waiting_for_load"] == ["detection_size"]


def test_settings_outlive_the_process(tmp_path: Path) -> None:
    with TestClient(create_app(settings_of(tmp_path))) as first:
        first.put("/settings/num_frames", json={"value": 77})
        first.post("/recommendations/settings/normalize_enum_display", json={"value": False})
    with TestClient(create_app(settings_of(tmp_path))) as second:
        assert second.get("/settings/num_frames").json()["value"] == 77
        shown = second.get("/recommendations/settings/normalize_enum_display").json()
        assert shown == {"key": "normalize_enum_display", "value": False}


def test_system_info_has_the_fields_of_the_contract(client: TestClient) -> None:
    said = client.get("/system/info").json()
    assert said["version"] == "0.1.2"
    assert 0 <= said["uptime_seconds"] < 86400
    hardware = said["hardware"]
    assert set(hardware) == {
        *("gpu_available", "gpu_name", "gpu_vram_mb", "cpu_cores", "memory_total_mb"),
        *("memory_available_mb", "storage_free_mb", "tier", "summary"),
    }
    assert hardware["tier"] == "cpu"
    assert hardware["gpu_available"] is False
    assert hardware["cpu_cores"] >= 1
    assert 0 < hardware["memory_available_mb"] <= hardware["memory_total_mb"]
    assert hardware["storage_free_mb"] > 0
    assert said["warnings"] == []


def test_a_damaged_state_is_said_and_everything_answers(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "stash_sense.db").write_bytes(b"torn apart" * 1000)
    with TestClient(create_app(settings_of(tmp_path))) as client:
        (warning,) = client.get("/system/info").json()["warnings"]
        assert "restore it" in warning
        assert client.get("/settings").json()["warning"] == warning
        assert client.put("/settings/num_frames", json={"value": 50}).status_code == 200
        assert client.get("/settings/num_frames").json()["value"] == 50
    assert (state / "stash_sense.db").read_bytes() == b"torn apart" * 1000


def test_a_state_that_a_newer_sidecar_took_is_503_and_reads_go_on(tmp_path: Path) -> None:
    with TestClient(create_app(settings_of(tmp_path))) as client:
        client.put("/settings/num_frames", json={"value": 50})
        with sqlite3.connect(tmp_path / "state" / "stash_sense.db") as newer:
            newer.execute("UPDATE facedb_schema SET version = 9, oldest = 9")
        newer.close()
        refused = client.put("/settings/num_frames", json={"value": 60})
        assert refused.status_code == 503
        assert "update this sidecar" in refused.json()["detail"]
        assert refused.headers["Retry-After"] == "10"
        assert client.get("/settings/num_frames").json()["value"] == 50


def test_without_a_stash_the_lists_of_stash_boxes_are_empty(client: TestClient) -> None:
    assert client.get("/settings/endpoint-priorities").json() == {"endpoints": []}
    assert client.get("/system/stashbox-connections").json() == {"connections": []}
    refused = client.post("/system/refresh-stashbox-config")
    assert (refused.status_code, refused.json()["detail"]) == (400, "STASH_URL env var not set")


def test_stash_boxes_are_ordered_and_switched_off_without_their_keys(tmp_path: Path) -> None:
    with StashServer(api_key="k") as stash:
        stash.library.boxes.extend(BOXES)
        settings = settings_of(tmp_path, stash=StashSettings(stash.url, "k", timeout_s=60))
        with TestClient(create_app(settings)) as client:
            order = [BOXES[2]["endpoint"], "https://gone.example/graphql", BOXES[1]["endpoint"]]
            assert client.post("/settings/endpoint-priorities", json={"endpoints": order}).json() == {
                "success": True
            }
            switch = {"endpoint": BOXES[1]["endpoint"], "clear_recommendations": True}
            assert client.post("/settings/endpoint-disable", json=switch).json() == {"success": True}
            said = client.get("/settings/endpoint-priorities")
            assert [(e["name"], e["domain"], e["enabled"]) for e in said.json()["endpoints"]] == [
                ("TPDB", "theporndb.net", True),
                ("FansDB", "fansdb.cc", False),
                ("StashDB", "stashdb.org", True),
            ]
            assert "secret" not in said.text
            client.post("/settings/endpoint-enable", json={"endpoint": BOXES[1]["endpoint"]})
            refreshed = client.post("/system/refresh-stashbox-config").json()
            assert refreshed["endpoints_loaded"] == 3
            assert all(each["enabled"] for each in refreshed["connections"])
            assert (
                client.get("/system/stashbox-connections").json()["connections"] == refreshed["connections"]
            )


def test_a_stash_that_is_away_empties_the_lists_and_says_so_when_asked(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, stash=StashSettings("http://127.0.0.1:9", None, timeout_s=1))
    with TestClient(create_app(settings)) as client:
        assert client.get("/settings/endpoint-priorities").json() == {"endpoints": []}
        refused = client.post("/system/refresh-stashbox-config")
        assert refused.status_code == 502
        assert "Stash" in refused.json()["detail"]


def test_boxes_that_the_user_did_not_order_follow_in_stashs_order() -> None:
    boxes = [("http://c", "C"), ("http://a", "A"), ("http://b", "B")]
    assert [each.name for each in ordered(boxes, ["http://b", "http://x"], ())] == ["B", "C", "A"]


def test_ready_warns_of_a_state_that_will_not_last(served: Served, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "stash_sense.db").write_bytes(b"torn apart" * 1000)
    for folder, warned in ((tmp_path, True), (None, False)):
        with TestClient(create_app(served.settings(state_dir=folder), load=lambda: engine)) as client:
            wait_ready(client)
            warnings = client.get("/ready").json()["warnings"]
            assert any("restore it" in each for each in warnings) is warned
            assert not any("FACEDB_STATE_DIR" in each for each in warnings)
