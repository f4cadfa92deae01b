"""``/identify/scene``: a real Stash streams a real video, a real ffmpeg cuts it, the engine looks at it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from edge import photo_of, wait_ready
from enrolment import ASTRONAUT, ASTRONAUT_ID
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.scenes import enlarged
from facedb_sidecar.settings import StashSettings
from facedb_sidecar.state import StateStore
from served import Served
from stash_server import StashServer
from videos import make_video

KEY = "stash-key-41f0"
SECONDS = 6.0
SIZE = {"duration": SECONDS, "width": 480, "height": 360}


@pytest.fixture(scope="module")
def stash(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StashServer]:
    video = make_video(tmp_path_factory.mktemp("video"), seconds=SECONDS)
    with StashServer(api_key=KEY) as server:
        library = server.library
        for scene in "12":
            library.add_scene(scene, video, file=SIZE)
        library.media["/scene/2/screenshot"] = served.photo
        library.add_scene("3", None, files=[])
        library.add_scene("4", video, file={**SIZE, "duration": 0.0})
        library.add_scene("5", None, file=SIZE)
        library.add_scene("6", b"no video" * 1000, file=SIZE)
        yield server


@pytest.fixture(scope="module")
def client(
    stash: StashServer, served: Served, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    settings = served.settings(
        stash=StashSettings(stash.url, KEY, timeout_s=60), state_dir=tmp_path_factory.mktemp("state")
    )
    with TestClient(create_app(settings, load=lambda: engine)) as running:
        wait_ready(running)
        running.put("/settings/stash_api_rate", json={"value": 50})
        yield running


def ask(client: TestClient, scene: str = "1", **changes: Any) -> Any:
    return client.post("/identify/scene", json={"scene_id": scene, "num_frames": 6, **changes})


def state_of(client: TestClient) -> StateStore:
    state: StateStore = client.app.state.parts.state  # type: ignore[attr-defined]
    return state


def test_a_scene_tells_who_is_in_it_and_keeps_that(client: TestClient, stash: StashServer) -> None:
    said = ask(client).json()
    assert (said["scene_id"], said["frames_requested"], said["frames_analyzed"]) == ("1", 6, 6)
    assert said["faces_detected"] >= said["faces_after_filter"] > 3
    assert said["errors"] == []
    who = said["persons"][0]
    assert (who["person_id"], who["frame_count"]) == (0, 3)
    assert (who["best_match"]["name"], who["best_match"]["stashdb_id"]) == (ASTRONAUT, ASTRONAUT_ID)
    assert who["best_match"] == who["all_matches"][0]
    assert who["best_match"]["already_tagged"] is False
    assert (said["fingerprint_saved"], said["fingerprint_error"]) == (True, None)
    assert said["multi_signal_used"] is False
    timing = said["timing"]
    assert set(timing) == {
        *("total_ms", "extraction_ms", "face_loop_ms", "detection_ms", "embedding_ms"),
        *("recognition_ms", "matching_ms"),
    }
    assert timing["total_ms"] >= timing["face_loop_ms"] >= timing["detection_ms"] > 0
    assert set(stash.paths) >= {"/scene/1/stream"}
    assert stash.strangers == 0
    saved = state_of(client).fingerprints.scene("1")
    assert saved is not None
    assert (saved.database_version, saved.frames_analyzed, saved.status) == ("2026.02.18", 6, "complete")
    assert len(saved.faces) == len(said["persons"])
    # The saved faces are sorted by the store.
    best = next(face for face in saved.faces if face.name == ASTRONAUT)
    assert (best.performer_id, best.frame_count) == (f"stashdb.org:{ASTRONAUT_ID}", 3)


def test_whom_the_scene_names_is_marked(client: TestClient) -> None:
    said = ask(client, scene_performer_stashdb_ids=[ASTRONAUT_ID]).json()
    assert said["persons"][0]["best_match"]["already_tagged"] is True


@pytest.mark.parametrize("mode", ["cluster", "hybrid", "anything"])
def test_every_matching_mode_finds_her(client: TestClient, mode: str) -> None:
    said = ask(client, matching_mode=mode).json()
    assert said["persons"][0]["best_match"]["name"] == ASTRONAUT


def test_the_screenshot_is_one_more_frame_of_hers(client: TestClient) -> None:
    said = ask(client, "2").json()
    assert said["frames_analyzed"] == 6
    assert said["persons"][0]["frame_count"] == 4


def test_the_default_stands_for_the_users_setting(client: TestClient) -> None:
    client.put("/settings/num_frames", json={"value": 10}).raise_for_status()
    said = client.post("/identify/scene", json={"scene_id": "1"}).json()
    assert (said["frames_requested"], said["frames_analyzed"]) == (60, 10)


def test_what_an_old_client_sends_along_is_ignored(client: TestClient) -> None:
    said = ask(client, stash_url="http://127.0.0.1:9", api_key="x", num_frames=5)
    assert said.json()["frames_analyzed"] == 5


@pytest.mark.parametrize(
    ("scene", "status", "says"),
    [
        ("3", 404, "Scene not found or has no files"),
        ("99", 404, "Scene not found or has no files"),
        ("4", 400, "Scene has no duration"),
        ("one", 400, 'Failed to query scene: Stash refused: converting id: strconv.Atoi: parsing "one"'),
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_the_contracts_words(
    client: TestClient, scene: str, status: int, says: str
) -> None:
    said = ask(client, scene)
    assert said.status_code == status
    assert said.json()["detail"].startswith(says)


@pytest.mark.parametrize(
    "body",
    [
        {"num_frames": 4},
        {"num_frames": 121},
        {"start_offset_pct": 0.6},
        {"end_offset_pct": 0.4},
        {"min_face_size": 19},
        {"top_k": 11},
        {"cluster_threshold": 0.1},
    ],
)
def test_values_out_of_range_are_422(client: TestClient, body: dict[str, float]) -> None:
    assert ask(client, **body).status_code == 422


@pytest.mark.parametrize("scene", ["5", "6"], ids=["no stream", "no video"])
def test_a_stream_without_a_frame_is_an_answer_that_says_so(client: TestClient, scene: str) -> None:
    said = ask(client, scene, num_frames=30)
    assert said.status_code == 200
    answer = said.json()
    assert (answer["frames_analyzed"], answer["persons"]) == (0, [])
    assert 0 < len(answer["errors"]) <= 5
    assert answer["fingerprint_saved"] is False
    assert answer["fingerprint_error"].startswith("No frame could be read: ")
    assert KEY not in said.text
    saved = state_of(client).fingerprints.scene(scene)
    assert saved is not None
    assert saved.status == "error"


def test_without_ffmpeg_it_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = ask(client)
    assert (said.status_code, said.json()["detail"]) == (503, "ffmpeg not available")


def test_without_stash_url_it_says_so(served: Served, engine: Engine) -> None:
    with TestClient(create_app(served.settings(), load=lambda: engine)) as client:
        wait_ready(client)
        said = ask(client)
        assert (said.status_code, said.json()["detail"]) == (400, "STASH_URL env var not set")


def test_others_are_identified_while_a_scene_is_looked_at(client: TestClient, served: Served) -> None:
    with ThreadPoolExecutor() as pool:
        scene = pool.submit(ask, client, num_frames=16)
        answered = 0
        while not scene.done():
            assert client.post("/identify", json=photo_of(served)).json()["face_count"] == 1
            answered += not scene.done()
        assert scene.result().json()["frames_analyzed"] == 16
    assert answered >= 3


def test_a_failure_of_the_engine_is_500_in_the_contracts_words(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Engine, "look_at", fail)
    said = ask(client)
    assert (said.status_code, said.json()["detail"]) == (
        500,
        "Recognition failed: RuntimeError: out of memory",
    )


def test_the_key_is_in_no_log(
    client: TestClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    ask(client, num_frames=5)
    ask(client, "5", num_frames=5)
    said = capfd.readouterr()
    assert KEY not in caplog.text + said.out + said.err


def test_a_small_screenshot_gets_the_videos_width_and_a_large_one_stays() -> None:
    small, large = np.zeros((90, 160, 3), np.uint8), np.zeros((360, 512, 3), np.uint8)
    assert enlarged(small, 640, 10_000_000).shape == (360, 640, 3)
    assert enlarged(large, 640, 10_000_000) is large
    assert enlarged(small, 640, 1000) is small


def test_only_two_scenes_are_looked_at_together(client: TestClient, stash: StashServer) -> None:
    stash.faults.hold = threading.Event()
    turns = client.app.state.parts.scene_turns  # type: ignore[attr-defined]
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(ask, client, num_frames=5) for _ in range(3)]
        stash.faults.hold.set()
        assert [one.result().json()["frames_analyzed"] for one in asked] == [5, 5, 5]
    stash.faults.hold = None
    assert not turns.locked()
