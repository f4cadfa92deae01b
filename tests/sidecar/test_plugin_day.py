"""A user's day: the plugin's pages and buttons over a real socket, beside a real Stash with a real video.

Requests are sent by the library that the plugin uses, with the plugin's own patience.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from edge_server import in_thread
from enrolment import ASTRONAUT, ASTRONAUT_ID
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.settings import StashSettings
from plugin_calls import AS_PAGE, DASHBOARD, LOOKS, OPERATIONS_TAB, Call, get, post
from served import Served
from stash_server import StashServer
from stash_stock import KEY, stocked

Plugin = Callable[[Call], Any]


@pytest.fixture(scope="module")
def stash(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StashServer]:
    with stocked(served.photo, tmp_path_factory.mktemp("video")) as server:
        yield server


@pytest.fixture(scope="module")
def plugin(
    stash: StashServer, served: Served, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Plugin]:
    settings = served.settings(
        stash=StashSettings(stash.url, KEY, timeout_s=60), state_dir=tmp_path_factory.mktemp("state")
    )
    with in_thread(create_app(settings, load=lambda: engine)) as server:

        def send(call: Call) -> Any:
            url = f"http://127.0.0.1:{server.port}{call.path}"
            # A connection for each request, as a process for each request has it.
            said = requests.request(call.method, url, json=call.body, timeout=call.waits_s)
            return said.json() if said.ok else {"error": said.json()["detail"]}

        while "error" in send(get("", "/ready")):
            continue
        assert "error" not in send(Call("settings_update", "PUT", "/settings/stash_api_rate", {"value": 50}))
        yield send


def test_a_day_with_the_plugin(plugin: Plugin, stash: StashServer) -> None:
    for call in AS_PAGE:
        said = plugin(call)
        assert isinstance(said, list) or not said.get("error"), (call, said)
    boxes = plugin(get("endpoint_priorities_get", "/settings/endpoint-priorities"))["endpoints"]
    assert [one["name"] for one in boxes] == ["Box"]
    assert plugin(get("rec_stash_status", "/recommendations/stash/status"))["connected"] is True

    # "Identify Performers" on a scene, as the page's script asks: half of the distance counts.
    body = {"scene_id": "1", "num_frames": 6, "top_k": 5, "max_distance": 0.5}
    scene = plugin(post("identify_scene", "/identify/scene", body, 180))
    match = scene["persons"][0]["best_match"]
    assert (match["name"], match["stashdb_id"], match["already_tagged"]) == (ASTRONAUT, ASTRONAUT_ID, False)

    # "Add to scene": she is new in the library, then she is found in it.
    create = {"scene_id": "1", "endpoint": boxes[0]["endpoint"], "stashdb_id": match["stashdb_id"]}
    made = plugin(post("create_performer_from_stashbox", "/stash/create-performer", create, 30))
    assert made["success"] is True
    found = plugin(post("search_performers", "/stash/search-performers", {"query": "eileen"}))
    assert [one["id"] for one in found] == [made["performer_id"]]
    assert [p["name"] for p in stash.library.scenes["1"]["performers"]] == [ASTRONAUT]
    tagged = plugin(
        post(
            "identify_scene", "/identify/scene", {**body, "scene_performer_stashdb_ids": [ASTRONAUT_ID]}, 180
        )
    )
    assert tagged["persons"][0]["best_match"]["already_tagged"] is True

    image = plugin(post("identify_image", "/identify/image", {"image_id": "1"}, 30))
    assert image["faces"][0]["matches"][0]["name"] == ASTRONAUT
    gallery = plugin(post("identify_gallery", "/identify/gallery", {"gallery_id": "1"}, 300))
    assert [p["name"] for p in gallery["performers"]] == [ASTRONAUT]
    assert (gallery["images_processed"], gallery["errors"]) == (2, [])

    status = plugin(DASHBOARD[2])
    assert (status["complete_fingerprints"], status["needs_refresh_count"]) == (1, 0)
    assert status["current_db_version"] == plugin(DASHBOARD[3])["version"]


def test_an_update_from_the_operations_tab_ends_in_its_history(plugin: Plugin) -> None:
    queued = plugin(post("queue_submit", "/queue", {"type": "database_update", "triggered_by": "user"}))
    job = queued["job_id"]
    while (row := plugin(get("", f"/queue/{job}")))["status"] in ("queued", "running"):
        for call in OPERATIONS_TAB:
            assert not plugin(call).get("error")
    # This sidecar's releases are put in place by somebody else, and the row says so.
    assert (row["status"], row["error_message"][:16]) == ("failed", "Updates are off:")
    assert plugin(post("db_update", "/database/update", None, 10))["error"].startswith("Updater not init")
    assert plugin(Call("queue_clear_history", "DELETE", "/queue/history")) == {
        "message": "Cleared 1 job(s) from history"
    }


def test_what_is_refused_is_a_text_that_a_page_can_show(plugin: Plugin) -> None:
    for call in (*LOOKS, post("identify_scene", "/identify/scene", {"scene_id": "99"}, 180)):
        said = plugin(call)
        assert isinstance(said.get("error", "x") or "x", str), (call, said)
    assert (
        plugin(post("", "/identify/scene", {"scene_id": "99"}))["error"] == "Scene not found or has no files"
    )


def test_an_engine_that_fails_is_told_and_no_gallery_ends_by_it(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(Engine, "identify", fail)
    said = plugin(post("identify_image", "/identify/image", {"image_id": "1"}, 30))
    assert said == {"error": "Recognition failed: RuntimeError: out of memory"}
    gallery = plugin(post("identify_gallery", "/identify/gallery", {"gallery_id": "1"}, 300))
    assert (gallery["total_images"], gallery["images_processed"], gallery["performers"]) == (2, 0, [])
    assert gallery["errors"] == [
        f"Image {n}: Recognition failed: RuntimeError: out of memory" for n in ("1", "2")
    ]
