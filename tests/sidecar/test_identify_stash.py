"""``/identify/image`` and ``/identify/gallery``: a real Stash, the real engine, real faces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from edge import wait_ready
from enrolment import ASTRONAUT, ASTRONAUT_ID, group_photo, jpeg
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.settings import Limits, StashSettings
from facedb_sidecar.state import StateStore
from served import Served
from stash_server import StashServer

KEY = "stash-key"


@pytest.fixture(scope="module")
def stash(served: Served) -> Iterator[StashServer]:
    with StashServer(api_key=KEY) as server:
        library = server.library
        library.add_image("1", served.photo)
        library.add_image("2", served.photo)
        library.add_image("3", jpeg(group_photo()[:400, :600]))
        library.add_image("4", b"no image")
        library.add_image("5", None)
        library.add_image("6", served.photo, paths={"image": None, "thumbnail": None})
        library.add_image("7", b"x" * 3_000_000)
        library.add_gallery("1", "1234567")
        library.add_gallery("2", "1")
        library.add_gallery("3", [])
        library.add_gallery("4", ["5"] * 1 + [str(n) for n in range(10, 25)])
        for number in range(10, 25):
            library.add_image(str(number), b"none")
        yield server


@pytest.fixture(scope="module")
def client(
    stash: StashServer, served: Served, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    settings = served.settings(
        stash=StashSettings(stash.url, KEY, timeout_s=60),
        state_dir=tmp_path_factory.mktemp("state"),
        limits=Limits(image_bytes=2_000_000),
    )
    with TestClient(create_app(settings, load=lambda: engine)) as running:
        wait_ready(running)
        running.put("/settings/stash_api_rate", json={"value": 50})
        yield running


def state_of(client: TestClient) -> StateStore:
    state: StateStore = client.app.state.parts.state  # type: ignore[attr-defined]
    return state


def test_an_image_of_stash_is_identified_and_its_fingerprint_saved(client: TestClient) -> None:
    said = client.post("/identify/image", json={"image_id": "1", "top_k": 2}).json()
    assert said["face_count"] == 1
    best = said["faces"][0]["matches"][0]
    assert (best["name"], best["stashdb_id"]) == (ASTRONAUT, ASTRONAUT_ID)
    saved = state_of(client).fingerprints.image("1")
    assert saved is not None
    assert saved.database_version == "2026.02.18"
    assert [(f.performer_id, f.name) for f in saved.faces] == [(f"stashdb.org:{ASTRONAUT_ID}", ASTRONAUT)]


def test_strangers_are_faces_without_names_in_the_fingerprint(client: TestClient) -> None:
    body = {"image_id": "3", "max_distance": 0.05}
    said = client.post("/identify/image", json=body).json()
    assert said["face_count"] > 0
    saved = state_of(client).fingerprints.image("3")
    assert saved is not None
    assert {(f.performer_id, f.name, f.confidence) for f in saved.faces} == {(None, "", 0.0)}
    assert len(saved.faces) == said["face_count"]


@pytest.mark.parametrize(
    ("image", "status", "says"),
    [
        ("4", 400, "Failed to decode image: "),
        ("5", 400, "Failed to fetch image: Stash answered HTTP 404"),
        ("6", 400, "Image has no image path"),
        ("7", 400, "Failed to fetch image: Stash answered with more than 2000000 bytes"),
        ("99", 404, "Image not found"),
        ("one", 400, "Failed to query image: Stash refused: "),
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_the_contracts_words(
    client: TestClient, image: str, status: int, says: str
) -> None:
    said = client.post("/identify/image", json={"image_id": image})
    assert said.status_code == status
    assert said.json()["detail"].startswith(says)
    assert KEY not in said.text


@pytest.mark.parametrize("body", [{}, {"image_id": "1", "top_k": 0}, {"image_id": "1", "max_distance": 2.1}])
def test_values_out_of_range_are_422(client: TestClient, body: dict[str, object]) -> None:
    assert client.post("/identify/image", json=body).status_code == 422


def test_a_gallery_tells_who_is_in_it_and_what_failed(client: TestClient) -> None:
    said = client.post("/identify/gallery", json={"gallery_id": "1"}).json()
    assert (said["gallery_id"], said["total_images"], said["images_processed"]) == ("1", 7, 3)
    assert said["faces_detected"] > 2
    best = said["performers"][0]
    assert (best["name"], best["performer_id"], best["endpoint"]) == (ASTRONAUT, ASTRONAUT_ID, "stashdb.org")
    assert (best["image_count"], best["image_ids"]) == (2, ["1", "2"])
    assert best["best_distance"] <= best["avg_distance"]
    assert best["confidence"] == pytest.approx(1 - best["best_distance"])
    assert [error.split(":")[0] for error in said["errors"]] == ["Image 4", "Image 5", "Image 6", "Image 7"]
    assert set(best) == {
        *("performer_id", "name", "best_distance", "avg_distance", "confidence", "image_count"),
        *("image_ids", "country", "image_url", "endpoint"),
    }


def test_near_enough_in_one_image_is_enough(client: TestClient) -> None:
    said = client.post("/identify/gallery", json={"gallery_id": "2"}).json()
    assert [p["name"] for p in said["performers"]] == [ASTRONAUT]


def test_an_empty_gallery_is_zeros(client: TestClient) -> None:
    assert client.post("/identify/gallery", json={"gallery_id": "3"}).json() == {
        "gallery_id": "3",
        "total_images": 0,
        "images_processed": 0,
        "faces_detected": 0,
        "performers": [],
        "errors": [],
    }


def test_at_most_ten_errors_are_told(client: TestClient) -> None:
    said = client.post("/identify/gallery", json={"gallery_id": "4"}).json()
    assert (said["total_images"], said["images_processed"], len(said["errors"])) == (16, 0, 10)


def test_a_gallery_that_is_not_there_is_404(client: TestClient) -> None:
    said = client.post("/identify/gallery", json={"gallery_id": "99"})
    assert (said.status_code, said.json()["detail"]) == (404, "Gallery not found")


def test_without_stash_url_both_say_so(served: Served, engine: Engine, tmp_path: Path) -> None:
    with TestClient(create_app(served.settings(state_dir=tmp_path), load=lambda: engine)) as client:
        wait_ready(client)
        for path, body in (("image", {"image_id": "1"}), ("gallery", {"gallery_id": "1"})):
            said = client.post(f"/identify/{path}", json=body)
            assert (said.status_code, said.json()["detail"]) == (400, "STASH_URL env var not set")
