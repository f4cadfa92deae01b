"""``/database/*`` over the whole sidecar: a real engine is exchanged for another while clients look on."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from answers_wanted import asked_until
from builders import make_release
from enrolment import ASTRONAUT, astronaut
from facedb_sidecar.app import create_app
from facedb_sidecar.settings import Settings, UpdateSettings
from release_server import ReleaseServer
from served import Served
from updating import NEW, OLD, forget_checks

FIELDS = {
    "current_version",
    "latest_version",
    "update_available",
    "release_name",
    "download_url",
    "download_size_mb",
    "published_at",
    "error",
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two releases with the astronaut."""
    folder = tmp_path_factory.mktemp("archives")
    person, _ = astronaut(folder / "models")
    return {
        version: make_release(folder / version, version, performers=30, enrolled=[person], seed=seed)
        for seed, version in enumerate((OLD, NEW))
    }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ReleaseServer]:
    with ReleaseServer(tmp_path / "root") as running:
        yield running


def settings(server: ReleaseServer, data: Path, models: Path) -> Settings:
    data.mkdir(exist_ok=True)
    source = ("--github", "owner/data", "--api-url", server.url)
    return Settings(
        release_dir=data / "unused",
        models_dir=models,
        device="cpu",
        draining_file=data / "draining",
        data_dir=data,
        updates=UpdateSettings(backend="local", source=source),
    )


def update(client: TestClient) -> dict[str, Any]:
    """Begin an update and wait for its end."""
    began = client.post("/database/update")
    assert began.status_code == 200, began.text
    assert set(began.json()) == {"job_id", "status"}
    assert began.json()["status"] == "started"
    return asked_until(client, "/database/update/status", lambda s: s["status"] in ("complete", "failed"))


def test_a_fresh_install_updates_and_identifies_and_updates_again(
    server: ReleaseServer, archives: dict[str, Path], tmp_path: Path, served: Served
) -> None:
    server.publish(archives[OLD], tag=f"v{OLD}")
    with TestClient(create_app(settings(server, tmp_path / "data", served.models))) as client:
        asked_until(client, "/ready", lambda s: s.get("reason") == "NoRelease")
        assert client.get("/database/info").json() == {
            "version": "unknown",
            "performer_count": 0,
            "face_count": 0,
            "sources": ["stashdb.org"],
            "created_at": None,
            "tattoo_embedding_count": None,
        }
        found = client.get("/database/check-update").json()
        assert set(found) >= FIELDS
        assert (found["current_version"], found["latest_version"]) == (None, OLD)
        assert client.get("/database/update/status").json() == {
            "status": "idle",
            "progress_pct": 0,
            "current_version": None,
            "target_version": None,
            "error": None,
        }

        assert update(client)["status"] == "complete"
        assert client.get("/ready").json()["version"] == OLD
        assert names(client, served) == [ASTRONAUT]
        again = client.post("/database/update")
        assert (again.status_code, again.json()) == (400, {"detail": "Already on latest version"})

        server.publish(archives[NEW], tag=f"v{NEW}")
        forget_checks(tmp_path / "data")
        seen = client.post("/database/update", params={"version": OLD})
        assert seen.status_code == 409
        assert seen.json()["detail"].startswith(f"{OLD} was asked for, but {NEW} is what waits now")
        said = update(client)
        assert (said["status"], said["progress_pct"], said["error"]) == ("complete", 100, None)
        assert (said["current_version"], said["target_version"]) == (NEW, NEW)
        assert client.get("/database/info").json()["version"] == NEW
        assert names(client, served) == [ASTRONAUT]


def names(client: TestClient, served: Served) -> list[str]:
    photo = base64.b64encode(served.photo).decode()
    said = client.post("/identify", json={"image_base64": photo, "top_k": 1}).json()
    return [face["matches"][0]["name"] for face in said["faces"]]


def test_the_queue_updates_and_its_job_ends_when_the_update_has_ended(
    server: ReleaseServer, archives: dict[str, Path], tmp_path: Path, served: Served
) -> None:
    server.publish(archives[OLD], tag=f"v{OLD}")
    with TestClient(create_app(settings(server, tmp_path / "data", served.models))) as client:
        asked_until(client, "/ready", lambda s: s.get("reason") == "NoRelease")
        job = client.post("/queue", json={"type": "database_update"}).json()["job_id"]
        row = asked_until(client, f"/queue/{job}", lambda s: s["status"] in ("completed", "failed"))
        assert row["status"] == "completed"
        assert client.get("/ready").json()["version"] == OLD
        server.faults.fail_times = 10_000
        forget_checks(tmp_path / "data")
        job = client.post("/queue", json={"type": "database_update"}).json()["job_id"]
        row = asked_until(client, f"/queue/{job}", lambda s: s["status"] in ("completed", "failed"))
        assert row["status"] == "failed"
        assert "503" in row["error_message"]


def test_where_updates_are_off_that_is_said(served: Served) -> None:
    with TestClient(create_app(served.settings())) as client:
        found = client.get("/database/check-update").json()
        assert not found["update_available"]
        assert found["error"].startswith("Updates are off")
        refused = client.post("/database/update")
        assert refused.status_code == 503
        assert refused.json()["detail"].startswith("Updater not initialized")
        assert client.get("/database/update/status").json()["status"] == "idle"


def test_a_source_that_cannot_be_understood_keeps_nobody_from_serving(
    server: ReleaseServer, archives: dict[str, Path], tmp_path: Path, served: Served
) -> None:
    wrong = Settings(
        release_dir=served.release,
        models_dir=served.models,
        device="cpu",
        draining_file=tmp_path / "draining",
        data_dir=tmp_path,
        updates=UpdateSettings(backend="local", source=("--githb", "owner/data")),
    )
    with TestClient(create_app(wrong)) as client:
        refused = client.post("/database/update")
        assert refused.status_code == 503
        assert "--githb" in refused.json()["detail"]
