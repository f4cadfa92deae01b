"""``/queue*`` and ``/recommendations*`` as the plugin asks for them."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from edge import wait_ready
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.queue import Queue
from facedb_sidecar.settings import Settings, StashSettings
from facedb_sidecar.state import ImageFingerprint, SceneFingerprint, StateStore
from served import Served
from stash_server import StashServer
from videos import make_video

COLUMNS = {
    *("id", "type", "status", "priority", "cursor", "items_total", "items_processed", "error_message"),
    *("triggered_by", "created_at", "started_at", "completed_at"),
}
ENDED = {"completed", "failed", "cancelled"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings(
        tmp_path / "release", tmp_path / "models", "cpu", tmp_path / "draining", state_dir=tmp_path
    )
    with TestClient(create_app(settings)) as running:
        yield running


def queue_of(client: TestClient) -> Queue:
    queue: Queue = client.app.state.parts.queue  # type: ignore[attr-defined]
    return queue


def state_of(client: TestClient) -> StateStore:
    state: StateStore = client.app.state.parts.state  # type: ignore[attr-defined]
    return state


def until(condition: Callable[[], Any], seconds: float = 240.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ended(client: TestClient, job: int) -> dict[str, Any]:
    until(lambda: client.get(f"/queue/{job}").json()["status"] in ENDED)
    row: dict[str, Any] = client.get(f"/queue/{job}").json()
    return row


def test_the_operations_tab_finds_what_it_needs(client: TestClient) -> None:
    types = {each["type_id"]: each for each in client.get("/queue/types").json()["types"]}
    assert list(types) == ["database_update", "fingerprint_generation"]
    update = types["database_update"]
    assert (update["resource"], update["default_priority"], update["schedulable"]) == ("light", 10, True)
    assert update["default_interval_hours"] == 24
    assert {"hours": 24, "label": "Every day"} in update["allowed_intervals"]
    assert update["display_name"]
    assert update["description"]
    assert client.get("/queue/status").json() == {"queued": 0, "running": 0, "running_jobs": []}
    assert client.get("/queue").json() == {"jobs": []}


def test_a_job_is_queued_run_listed_retried_and_forgotten(client: TestClient) -> None:
    said = client.post("/queue", json={"type": "database_update"})
    assert said.status_code == 200
    job = said.json()["job_id"]
    assert said.json()["message"] == "Job queued: database_update"
    row = ended(client, job)
    assert set(row) == COLUMNS
    # Updates are off here, and the job says so instead of claiming success.
    assert (row["status"], row["triggered_by"], row["priority"]) == ("failed", "user", 10)
    assert row["error_message"]
    assert row["created_at"].endswith("Z") is False
    retried = client.post(f"/queue/{job}/retry").json()
    assert retried["message"] == "Job re-queued"
    ended(client, retried["job_id"])
    assert [each["id"] for each in client.get("/queue").json()["jobs"]] == [retried["job_id"], job]
    assert len(client.get("/queue", params={"status": "failed", "limit": 1}).json()["jobs"]) == 1
    assert client.get("/queue", params={"type": "fingerprint_generation"}).json() == {"jobs": []}
    assert client.delete("/queue/history").json() == {"message": "Cleared 2 job(s) from history"}
    assert client.get(f"/queue/{job}").status_code == 404


def test_what_cannot_be_queued_is_refused_in_the_contracts_words(client: TestClient) -> None:
    unknown = client.post("/queue", json={"type": "duplicate_scenes"})
    assert (unknown.status_code, unknown.json()["detail"]) == (400, "Unknown job type: duplicate_scenes")
    # As another pod would have it: queued, and of a kind that only this pod may not have twice.
    jobs = queue_of(client).jobs
    taken = jobs.submit("database_update", "user", 10, None)
    assert taken is not None
    assert jobs.start(taken, "another pod")
    refused = client.post("/queue", json={"type": "database_update"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "Job of type 'database_update' is already queued or running"
    assert client.post("/queue", json={"type": "database_update", "priority": -1}).status_code == 422
    for reply in (
        client.get("/queue/99"),
        client.delete("/queue/99"),
        client.post("/queue/99/stop"),
        client.post("/queue/99/retry"),
    ):
        assert (reply.status_code, reply.json()["detail"]) == (404, "Job not found")
    assert client.get("/queue/nonsense").status_code == 422
    assert client.get(f"/queue/{2**70}").status_code == 422


def test_only_what_failed_or_was_cancelled_is_retried(client: TestClient) -> None:
    jobs = queue_of(client).jobs
    number = jobs.submit("of_a_newer_pod", "user", 10, "from here")
    assert number is not None
    early = client.post(f"/queue/{number}/retry")
    assert (early.status_code, early.json()["detail"]) == (400, "Can only retry failed or cancelled jobs")
    assert client.get("/queue/status").json()["queued"] == 1
    assert client.delete(f"/queue/{number}").json() == {"message": "Job cancelled"}
    assert client.post(f"/queue/{number}/stop").json() == {"message": "Job cancelled"}
    unknown = client.post(f"/queue/{number}/retry")
    assert (unknown.status_code, unknown.json()["detail"]) == (400, "Unknown job type: of_a_newer_pod")


def test_schedules_begin_disabled_and_are_changed(client: TestClient) -> None:
    until(lambda: client.get("/queue/schedules").json()["schedules"])
    before = {each["type"]: each for each in client.get("/queue/schedules").json()["schedules"]}
    assert set(before) == {"database_update", "fingerprint_generation"}
    assert not any(each["enabled"] for each in before.values())
    assert before["database_update"] == {
        "type": "database_update",
        "enabled": False,
        "interval_hours": 24.0,
        "priority": 10,
        "last_run_at": None,
        "next_run_at": None,
    }
    said = client.put("/queue/schedules/database_update", json={"enabled": True, "interval_hours": 12})
    assert said.json() == {"message": "Schedule updated for database_update"}
    after = {each["type"]: each for each in client.get("/queue/schedules").json()["schedules"]}
    assert (after["database_update"]["enabled"], after["database_update"]["interval_hours"]) == (True, 12.0)
    assert after["database_update"]["next_run_at"]
    unknown = client.put("/queue/schedules/nonsense", json={"enabled": True, "interval_hours": 12})
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "Unknown job type: nonsense")
    for hours in (0, -1, 1e9):
        body = {"enabled": True, "interval_hours": hours}
        assert client.put("/queue/schedules/database_update", json=body).status_code == 422


def test_every_read_about_recommendations_is_valid_and_empty(client: TestClient) -> None:
    assert client.get("/recommendations/counts").json() == {"counts": {}, "total_pending": 0}
    assert client.get("/recommendations?status=pending&type=x&limit=100&offset=0").json() == {
        "recommendations": [],
        "total": 0,
    }
    assert client.get("/recommendations/analysis/types").json() == {"types": []}
    assert client.get("/recommendations/analysis/runs").json() == []
    assert client.get("/recommendations/settings").json() == {"settings": {}}
    assert client.get("/recommendations/settings/never_set").json() == {"key": "never_set", "value": None}
    endpoint = "https://stashdb.org/graphql"
    path = base64.b64encode(endpoint.encode()).decode()
    assert client.get(f"/recommendations/upstream/field-config/{path}").json() == {
        "endpoint": endpoint,
        "fields": {},
    }
    assert client.get("/recommendations/stash/status").json() == {
        "connected": False,
        "url": None,
        "error": "STASH_URL env var not set",
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/recommendations/7", 404),
        ("POST", "/recommendations/7/resolve", 404),
        ("POST", "/recommendations/7/dismiss", 404),
        ("POST", "/recommendations/7/dismiss-upstream", 404),
        ("GET", "/recommendations/analysis/runs/7", 404),
        ("POST", "/recommendations/analysis/duplicate_scenes/run", 400),
        ("POST", "/recommendations/actions/accept-fingerprint-match", 404),
        ("GET", "/recommendations/scene/7", 501),
        ("POST", "/recommendations/upstream/field-config/eA==", 501),
        ("GET", "/recommendations/upstream/field-config/%25", 400),
        *(
            ("POST", f"/recommendations/actions/{action}", 501)
            for action in (
                *("merge-performers", "merge-scenes", "delete-scene", "delete-scene-files"),
                *("update-performer", "update-tag", "update-studio", "update-scene", "create-performer"),
                *("create-tag", "create-studio", "search-entities", "link-entity"),
            )
        ),
    ],
)
def test_what_is_not_there_or_not_done_says_so(
    client: TestClient, method: str, path: str, status: int
) -> None:
    reply = client.request(method, path, json={"action": "merged"} if method == "POST" else None)
    assert reply.status_code == status
    assert isinstance(reply.json()["detail"], str)
    assert len(reply.json()["detail"]) > 10


def test_of_no_recommendations_none_is_dismissed_or_accepted(client: TestClient) -> None:
    said = client.post("/recommendations/actions/batch-dismiss", json={"type": "x", "permanent": False})
    assert said.json() == {"success": True, "dismissed_count": 0}
    said = client.post("/recommendations/actions/accept-all-fingerprint-matches", json={})
    assert said.json() == {"success": True, "accepted_count": 0}


def test_what_the_plugin_keeps_is_bounded(client: TestClient) -> None:
    path = "/recommendations/settings/list"
    assert client.post(path, json={"value": ["a", 1, None]}).json()["value"] == ["a", 1, None]
    assert client.post(path, json={"value": "x" * 70_000}).status_code == 422
    for broken in (b'{"value": "\\ud800"}', b'{"value": [NaN]}', b'{"value": {"\\udc00": 1}}'):
        assert client.post(path, content=broken).status_code == 422
    assert client.get(path).json()["value"] == ["a", 1, None]


def test_fingerprints_without_a_stash_are_counted_and_not_made(client: TestClient) -> None:
    said = client.get("/recommendations/fingerprints/status").json()
    assert said == {
        "total_fingerprints": 0,
        "complete_fingerprints": 0,
        "pending_fingerprints": 0,
        "error_fingerprints": 0,
        "current_db_version": None,
        "current_version_count": None,
        "needs_refresh_count": None,
        "generation_running": False,
        "generation_progress": None,
    }
    refused = client.post("/recommendations/fingerprints/generate", json={})
    assert (refused.status_code, refused.json()["detail"]) == (400, "STASH_URL env var not set")
    assert client.get("/recommendations/fingerprints/progress").json()["status"] == "idle"
    said = client.post("/recommendations/fingerprints/stop", json={}).json()
    assert said == {"message": "No fingerprint generation running"}


def test_fingerprints_are_marked_for_a_refresh(client: TestClient) -> None:
    for scene in "123":
        state_of(client).fingerprints.save_scene(SceneFingerprint(scene, "v", 60, ()))
    path = "/recommendations/fingerprints/refresh"
    assert client.post(path).status_code == 400
    assert client.post(path, json=[1, 9]).json() == {"marked_for_refresh": 1, "scene_ids": [1, 9]}
    assert client.post(f"{path}-all").json()["detail"] == (
        "Must set confirm=true to refresh all fingerprints"
    )
    assert client.post(f"{path}-all?confirm=true").json() == {
        "marked_for_refresh": 3,
        "message": "All 3 fingerprints marked for refresh",
    }


def test_a_library_is_fingerprinted_from_the_first_click_to_the_last_scene(
    served: Served, engine: Engine, tmp_path: Path
) -> None:
    video = make_video(tmp_path / "video", seconds=4.0)
    with StashServer(api_key="k") as stash:
        for scene in ("2", "10", "11"):
            stash.library.add_scene(scene, video, file={"duration": 4.0, "width": 640, "height": 480})
        stash.library.add_scene("12", None, files=[])
        stash.library.add_image("5", served.photo)
        settings = served.settings(stash=StashSettings(stash.url, "k", timeout_s=60), state_dir=tmp_path)
        with TestClient(create_app(settings, load=lambda: engine)) as client:
            wait_ready(client)
            client.put("/settings/stash_api_rate", json={"value": 50})
            prints = state_of(client).fingerprints
            prints.save_scene(SceneFingerprint("11", engine.receipt.version, 60, ()))
            prints.save_image(ImageFingerprint("5", "older", ()))
            said = client.post("/recommendations/fingerprints/generate", json={"num_frames": 5})
            assert said.json()["message"] == "Fingerprint generation queued"
            again = client.post("/recommendations/fingerprints/generate", json={})
            assert (again.status_code, again.json()["detail"]) == (
                409,
                "Fingerprint generation already running or queued",
            )
            row = ended(client, said.json()["job_id"])
            assert (row["status"], row["items_processed"], row["items_total"]) == ("completed", 4, 4)
            status = client.get("/recommendations/fingerprints/status").json()
            assert status["current_db_version"] == engine.receipt.version
            assert (status["current_version_count"], status["error_fingerprints"]) == (3, 1)
            assert status["generation_running"] is False
            progress = client.get("/recommendations/fingerprints/progress").json()
            assert (progress["status"], progress["progress_pct"]) == ("completed", 100.0)
            assert (progress["successful"], progress["failed"], progress["skipped"]) == (3, 1, 1)
            scene, image = prints.scene("2"), prints.image("5")
            assert scene is not None
            assert image is not None
            assert {face.name for face in scene.faces} & {face.name for face in image.faces}
            assert image.database_version == engine.receipt.version
