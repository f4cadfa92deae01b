"""``/stash/*`` and ``/stashbox/*`` over a real Stash and a real stash-box; they need no engine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine, LoadError
from facedb_sidecar.settings import Settings, StashSettings
from stash_server import StashBoxServer, StashServer

KEY = "stash-key"
WHO = "5b1f4f0e-9d5c-4b7e-9f43-2f0c6f1d7a11"


@pytest.fixture
def box() -> Iterator[StashBoxServer]:
    with StashBoxServer() as server:
        server.add(WHO, "Eileen Collins", aliases=["Mom"], gender="FEMALE", birth_date="1956-11-19")
        yield server


@pytest.fixture
def stash(box: StashBoxServer) -> Iterator[StashServer]:
    with StashServer(api_key=KEY) as server:
        server.library.boxes.append({"endpoint": box.endpoint, "api_key": "box-key", "name": "Box"})
        server.library.add_scene("7", None)
        yield server


def app_with(tmp_path: Path, stash: StashSettings) -> TestClient:
    def fail() -> Engine:
        raise LoadError("NoRelease", "there is none")

    settings = Settings(tmp_path / "r", tmp_path / "m", "cpu", tmp_path / "draining", stash=stash)
    return TestClient(create_app(settings, load=fail))


@pytest.fixture
def client(tmp_path: Path, stash: StashServer) -> Iterator[TestClient]:
    with app_with(tmp_path, StashSettings(stash.url, KEY, timeout_s=60)) as running:
        yield running


def names(stash: StashServer, scene: str = "7") -> list[str]:
    return [p["name"] for p in stash.library.scenes[scene]["performers"]]


def create(client: TestClient, **changes: str) -> Any:
    body = {"scene_id": "7", "endpoint": "box", "stashdb_id": WHO}
    return client.post("/stash/create-performer", json={**body, **changes})


def test_search_gives_a_list_that_a_page_of_stash_can_show(client: TestClient, stash: StashServer) -> None:
    stash.library.add_performer("Ann Lee", disambiguation="the tall one")
    found = client.post("/stash/search-performers", json={"query": "ann"}).json()
    assert len(found) == 1
    assert (found[0]["id"], found[0]["name"]) == ("1", "Ann Lee")
    assert found[0]["disambiguation"] == "the tall one"
    assert found[0]["image_path"] == "/performer/1/image?t=1"


def test_a_performer_is_made_from_the_box_and_added(
    client: TestClient, stash: StashServer, box: StashBoxServer
) -> None:
    said = create(client)
    assert said.status_code == 200
    assert said.json() == {
        "success": True,
        "performer_id": "1",
        "name": "Eileen Collins",
        "created": True,
    }
    made = stash.library.performers["1"]
    assert (made["gender"], made["birthdate"], made["alias_list"]) == ("FEMALE", "1956-11-19", ["Mom"])
    assert made["stash_ids"] == [{"endpoint": box.endpoint, "stash_id": WHO}]
    assert names(stash) == ["Eileen Collins"]


def test_a_second_click_adds_and_does_not_double(client: TestClient, stash: StashServer) -> None:
    stash.library.add_scene("8", None)
    create(client)
    assert create(client).json()["created"] is False
    assert create(client, scene_id="8").json()["performer_id"] == "1"
    assert len(stash.library.performers) == 1
    assert names(stash) == names(stash, "8") == ["Eileen Collins"]


def test_images_galleries_and_nothing_are_targets_too(client: TestClient, stash: StashServer) -> None:
    stash.library.add_image("3", None)
    stash.library.add_gallery("4", ["3"])
    for target in ({"scene_id": "", "image_id": "3"}, {"scene_id": "", "gallery_id": "4"}, {"scene_id": ""}):
        assert create(client, **target).status_code == 200
    assert [p["id"] for p in stash.library.images["3"]["performers"]] == ["1"]
    assert [p["id"] for p in stash.library.galleries["4"]["performers"]] == ["1"]
    assert names(stash) == []


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"endpoint": "fansdb.cc"}, 400, "Unknown or unconfigured endpoint: fansdb.cc"),
        ({"stashdb_id": "nobody"}, 404, "Performer not found on StashBox"),
        ({"scene_id": "99"}, 404, "Scene not found"),
        ({"scene_id": "x"}, 400, "Stash refused: converting id"),
    ],
)
def test_what_cannot_be_made_is_refused_and_changes_nothing(
    client: TestClient, stash: StashServer, changes: dict[str, str], status: int, says: str
) -> None:
    said = create(client, **changes)
    assert said.status_code == status
    assert said.json()["detail"].startswith(says)
    assert stash.library.performers == {}


def test_a_name_that_is_taken_is_told_in_stashs_words(client: TestClient, stash: StashServer) -> None:
    stash.library.add_performer("Eileen Collins")
    said = create(client)
    assert said.status_code == 400
    assert said.json()["detail"] == "Stash refused: performer with name 'Eileen Collins' already exists"


def test_link_adds_and_gives_stash_ids_only_when_asked(client: TestClient, stash: StashServer) -> None:
    old = {"endpoint": "https://fansdb.cc/graphql", "stash_id": "old"}
    new = {"endpoint": "https://stashdb.org/graphql", "stash_id": WHO}
    who = stash.library.add_performer("Ann", stash_ids=[old])
    body = {"scene_id": "7", "performer_id": who, "stash_ids": [new], "update_metadata": False}
    said = client.post("/stash/link-performer", json=body).json()
    assert said == {"success": True, "performer_id": who, "name": "Ann"}
    assert stash.library.performers[who]["stash_ids"] == [old]
    for _ in range(2):
        client.post("/stash/link-performer", json={**body, "update_metadata": True})
    assert stash.library.performers[who]["stash_ids"] == [old, new]
    assert names(stash) == ["Ann"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"performer_id": "9"}, "Performer not found"), ({"scene_id": "9"}, "Scene not found")],
)
def test_link_of_what_is_not_there_is_404(
    client: TestClient, stash: StashServer, changes: dict[str, str], says: str
) -> None:
    stash.library.add_performer("Ann")
    said = client.post("/stash/link-performer", json={"scene_id": "7", "performer_id": "1", **changes})
    assert (said.status_code, said.json()["detail"]) == (404, says)
    assert names(stash) == []


def test_a_performer_of_a_box_is_shown_in_stashs_fields(client: TestClient, box: StashBoxServer) -> None:
    said = client.get(f"/stashbox/performer/127.0.0.1/{WHO}").json()
    assert (said["name"], said["birthdate"], said["alias_list"]) == ("Eileen Collins", "1956-11-19", ["Mom"])
    assert said["stash_ids"] == [{"endpoint": box.endpoint, "stash_id": WHO}]
    assert client.get("/stashbox/performer/nobox/1").status_code == 400
    assert client.get("/stashbox/performer/box/1").status_code == 404


@pytest.mark.parametrize(("fault", "status"), [(401, 502), (500, 502), (503, 502)])
def test_a_failing_stash_is_a_bad_gateway(
    client: TestClient, stash: StashServer, fault: int, status: int
) -> None:
    stash.faults.status = fault
    said = client.post("/stash/search-performers", json={"query": "a"})
    assert said.status_code == status
    assert said.json()["detail"].startswith("Stash ")
    assert KEY not in said.text


def test_a_failing_box_is_named(client: TestClient, stash: StashServer, box: StashBoxServer) -> None:
    box.faults.status = 500
    said = create(client)
    assert (said.status_code, said.json()["detail"]) == (502, "127.0.0.1 answered HTTP 500")
    assert stash.library.performers == {}


def test_a_slow_stash_is_a_gateway_timeout(tmp_path: Path, stash: StashServer) -> None:
    stash.faults.hold = threading.Event()
    with app_with(tmp_path, StashSettings(stash.url, KEY, timeout_s=0.2)) as client:
        said = client.post("/stash/search-performers", json={"query": "a"})
    assert (said.status_code, said.json()["detail"]) == (504, "Stash did not answer within 0.2 s")


def test_without_stash_url_everything_says_so(tmp_path: Path) -> None:
    with app_with(tmp_path, StashSettings()) as client:
        answers = [
            client.post("/stash/search-performers", json={"query": "a"}),
            create(client),
            client.post("/stash/link-performer", json={"scene_id": "1", "performer_id": "1"}),
            client.get("/stashbox/performer/stashdb/1"),
        ]
    assert {(a.status_code, a.json()["detail"]) for a in answers} == {(400, "STASH_URL env var not set")}
