"""The HTTP contract, over the true engine: shapes, refusals, loading, overload."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient

from edge import photo_of, wait_ready
from enrolment import ASTRONAUT, ASTRONAUT_ID, jpeg
from facedb_release.errors import Reason, SourceTrouble
from facedb_release.publish.in_use import alone, require_unused
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine, LoadError
from facedb_sidecar.settings import Limits
from served import Served


@pytest.fixture
def client(served: Served, engine: Engine) -> Iterator[TestClient]:
    with TestClient(create_app(served.settings(), load=lambda: engine)) as running:
        wait_ready(running)
        yield running


def test_ready_names_what_is_loaded(client: TestClient, engine: Engine) -> None:
    said = client.get("/ready").json()
    assert said == {
        "ready": True,
        "version": "2026.02.18",
        "digest": engine.receipt.digest,
        "performer_count": 61,
        "face_count": engine.catalog.face_count,
        "device": {"requested": "cpu", "provider": "CPUExecutionProvider"},
        "self_check": {"passed": True, "checked": engine.checked},
        "recall": 1.0,
        "query_ms": round(engine.quality.query_ms, 3),
        "search": "wide",
        "warnings": said["warnings"],
    }
    assert said["query_ms"] > 0


def test_health_and_info_have_the_contracts_fields(client: TestClient, engine: Engine) -> None:
    faces = engine.catalog.face_count
    assert client.get("/health").json() == {
        "status": "healthy",
        "database_loaded": True,
        "performer_count": 61,
        "face_count": faces,
        "version": "0.1.2",
    }
    info = client.get("/database/info").json()
    assert (info["version"], info["performer_count"], info["face_count"]) == ("2026.02.18", 61, faces)
    assert info["sources"]
    assert info["tattoo_embedding_count"] is None


def test_a_photo_is_identified_in_the_contracts_shape(client: TestClient, served: Served) -> None:
    said = client.post("/identify", json={**photo_of(served), "top_k": 3}).json()
    assert said["face_count"] == 1
    face = said["faces"][0]
    assert set(face["box"]) == {"x", "y", "width", "height", "confidence"}
    best = face["matches"][0]
    assert best["name"] == ASTRONAUT
    assert best["stashdb_id"] == ASTRONAUT_ID
    assert best["endpoint"] == "stashdb.org"
    assert best["already_tagged"] is False
    assert best["confidence"] == pytest.approx(1 - best["distance"])
    assert set(best) == {
        *("stashdb_id", "name", "confidence", "distance", "facenet_distance", "arcface_distance"),
        *("country", "image_url", "endpoint", "already_tagged"),
    }


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "Must provide either image_url or image_base64"),
        ({"image_base64": "%%%"}, 400, "Failed to decode image"),
        ({"image_base64": base64.b64encode(b"no image").decode()}, 400, "Failed to decode image"),
        ({"image_url": "http://127.0.0.1:9/x.jpg"}, 400, "Failed to fetch image"),
        ({"image_url": "nonsense"}, 400, "Failed to fetch image"),
    ],
)
def test_a_bad_request_is_refused_in_the_contracts_words(
    client: TestClient, body: dict[str, str], status: int, says: str
) -> None:
    reply = client.post("/identify", json=body)
    assert reply.status_code == status
    assert reply.json()["detail"].startswith(says)


def test_values_out_of_range_are_422(client: TestClient, served: Served) -> None:
    assert client.post("/identify", json={**photo_of(served), "top_k": 21}).status_code == 422


def test_hostile_images_are_refused_and_the_server_lives(client: TestClient, served: Served) -> None:
    side = int(Limits().image_pixels ** 0.5) + 1
    bomb = jpeg(np.zeros((side, side, 3), np.uint8))
    for data in (bomb, served.photo[: len(served.photo) // 2], b"GIF89a" + b"\0" * 20):
        body = {"image_base64": base64.b64encode(data).decode()}
        assert client.post("/identify", json=body).status_code == 400
    assert client.post("/identify", json=photo_of(served)).json()["face_count"] == 1


def test_a_failed_load_keeps_answering_and_says_why(served: Served) -> None:
    def fail() -> Engine:
        raise LoadError("CorruptIndex", "face_arcface.voy does not open")

    with TestClient(create_app(served.settings(), load=fail)) as client:
        wait_ready(client)
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert (ready.json()["state"], ready.json()["reason"]) == ("failed", "CorruptIndex")
        assert client.get("/health").json()["status"] == "degraded"
        refused = client.post("/identify", json=photo_of(served))
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")


def test_health_answers_while_the_release_is_loading(served: Served, engine: Engine) -> None:
    go_on = threading.Event()

    def load() -> Engine:
        go_on.wait(60)
        return engine

    with TestClient(create_app(served.settings(), load=load)) as client:
        assert client.get("/health").json()["status"] == "degraded"
        assert client.get("/ready").json()["state"] == "loading"
        go_on.set()


def test_more_requests_than_may_wait_are_sent_away(served: Served, engine: Engine) -> None:
    with TestClient(create_app(served.settings(limits=Limits(waiting=0)), load=lambda: engine)) as client:
        wait_ready(client)
        reply = client.post("/identify", json=photo_of(served))
        assert (reply.status_code, reply.headers["Retry-After"]) == (503, "10")


def test_a_draining_server_asks_its_clients_to_leave(served: Served, engine: Engine) -> None:
    settings = served.settings()
    with TestClient(create_app(settings, load=lambda: engine)) as client:
        assert "Connection" not in client.get("/health").headers
        settings.draining_file.touch()
        assert client.get("/health").headers["Connection"] == "close"
        settings.draining_file.unlink()


def test_metrics_name_the_loaded_release(client: TestClient) -> None:
    assert (
        'facedb_sidecar_release_info{provider="CPUExecutionProvider",version="2026.02.18"}'
        in client.get("/metrics").text
    )


def test_while_it_serves_nobody_imports_into_its_folder(served: Served) -> None:
    settings = served.settings()
    with TestClient(create_app(settings)) as client:
        wait_ready(client)
        with pytest.raises(SourceTrouble) as caught:
            require_unused(settings.release_dir, ["performers.db"])
        assert caught.value.reason is Reason.IN_USE
    require_unused(settings.release_dir, ["performers.db"])


def test_while_an_import_changes_the_folder_it_says_so(served: Served) -> None:
    settings = served.settings()
    with alone(settings.release_dir, []), TestClient(create_app(settings)) as client:
        wait_ready(client)
        assert client.get("/ready").json()["reason"] == "InUse"
