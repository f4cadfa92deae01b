"""Every mode by process, stdin to stdout, against the real sidecar: its output is what the route said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge_server import in_thread
from enrolment import ASTRONAUT, ASTRONAUT_ID
from facedb_modes import MODES
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.settings import Access, StashSettings
from plugin.backend_runs import ask, failed
from plugin.mode_calls import REQUESTS, args_of
from plugin.sidecars import wait_loaded
from plugin_calls import BOX, Call
from served import Served
from stash_server import StashServer
from stash_stock import KEY


class Overheard:
    """An app whose last answer is kept: status, headers, body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.url = ""
        self.said: list[tuple[str, int, dict[str, str], Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and remember what it is answered with."""
        status, headers, body = 0, {}, b""

        async def hear(message: Message) -> None:
            nonlocal status, headers, body
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = {name.decode(): value.decode() for name, value in message["headers"]}
            else:
                body += message.get("body", b"")
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self.said.append((f"{scope['method']} {scope['path']}", status, headers, json.loads(body)))
            await send(message)

        await self._app(scope, receive, hear if scope["type"] == "http" else send)

    def last(self) -> tuple[str, int, dict[str, str], Any]:
        """The route's last answer."""
        return self.said[-1]


@pytest.fixture(scope="module")
def overheard(
    served: Served, engine: Engine, stash: StashServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Overheard]:
    beside = StashSettings(stash.url, KEY, timeout_s=60)
    settings = replace(served.settings(state_dir=tmp_path_factory.mktemp("state")), stash=beside)
    app = Overheard(create_app(settings, load=lambda: engine))
    with in_thread(app) as server:  # type: ignore[arg-type]
        app.url = f"http://127.0.0.1:{server.port}"
        wait_loaded(app.url)
        ask(app.url, "settings_update", key="stash_api_rate", value=100)
        yield app


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: each.mode)
def test_a_mode_says_what_its_route_says(request_: Call, overheard: Overheard) -> None:
    said = ask(overheard.url, request_.mode, **args_of(request_)).output
    route, status, headers, body = overheard.last()
    assert route.startswith(f"{request_.method} ")
    if status < 400:
        assert said == body
        return
    prefix = MODES[request_.mode].prefix
    wait = float(headers["retry-after"]) if "retry-after" in headers else None
    assert (said["status"], said["retry_after"]) == (status, wait)
    if isinstance(body["detail"], str):
        assert said["error"] == f"{prefix}{body['detail']}"


def test_a_scene_is_identified_and_its_performer_added(overheard: Overheard, stash: StashServer) -> None:
    scene = ask(overheard.url, "identify_scene", scene_id="1", max_frames=6, top_k=5, max_distance=0.5).output
    match = scene["persons"][0]["best_match"]
    assert (match["name"], match["already_tagged"]) == (ASTRONAUT, False)
    box = ask(overheard.url, "endpoint_priorities_get").output["endpoints"][0]["endpoint"]
    who = {"endpoint": box, "stashdb_id": ASTRONAUT_ID}
    made = ask(overheard.url, "create_performer_from_stashbox", scene_id="1", **who).output
    assert (made["success"], made["name"]) == (True, ASTRONAUT)
    (found,) = ask(overheard.url, "search_performers", query="eileen").output
    stash_ids = [{"endpoint": BOX, "stash_id": ASTRONAUT_ID}]
    linked = {"performer_id": found["id"], "stash_ids": stash_ids, "update_metadata": True}
    assert ask(overheard.url, "link_performer_stashbox", image_id="1", **linked).output["success"] is True
    assert [p["name"] for p in stash.library.scenes["1"]["performers"]] == [ASTRONAUT]


def test_a_picture_and_a_gallery_are_identified(overheard: Overheard) -> None:
    said = ask(overheard.url, "identify_image", image_id=1)
    assert said.output["faces"][0]["matches"][0]["name"] == ASTRONAUT
    # Stash's log tells the user that something was done.
    assert said.log == "\x01i\x02[facedb] identify_image: done\n"
    gallery = ask(overheard.url, "identify_gallery", gallery_id="1").output
    assert [p["name"] for p in gallery["performers"]] == [ASTRONAUT]


def test_what_the_sidecar_refuses_keeps_words_and_status(overheard: Overheard) -> None:
    said = ask(overheard.url, "identify_scene", scene_id="99")
    assert said.output == failed("Identification failed: Scene not found or has no files", 404)
    assert said.log == f"\x01w\x02[facedb] identify_scene: {said.output['error']}\n"
    said = ask(overheard.url, "identify_scene", scene_id="1", top_k=99)
    assert said.output["status"] == 422
    assert "body.top_k" in said.output["error"]
    said = ask(overheard.url, "settings_get", key="ünbekannt \U0001f600")
    assert said.output["status"] == 404
    assert said.log.startswith("\x01d\x02")


def test_a_sidecar_without_a_release_is_an_answer_of_ready(
    served: Served, tmp_path: Any, overheard: Overheard
) -> None:
    settings = served.settings(release_dir=tmp_path, models_dir=tmp_path, state_dir=tmp_path / "state")
    with in_thread(create_app(settings)) as server:
        url = f"http://127.0.0.1:{server.port}"
        wait_loaded(url)
        ready = ask(url, "ready").output
        assert (ready["status"], ready["state"]) == (503, "failed")
        assert ready["message"]
        # Its Retry-After is as long as the limit: nothing is gained by waiting.
        said = ask(url, "db_update").output
        assert said["status"] in (409, 503)
    assert ask(overheard.url, "ready").output["version"] == "2026.02.18"


def test_a_sidecar_with_a_key_lets_the_plugin_in(served: Served, engine: Engine) -> None:
    settings = served.settings(access=Access(api_key="geheim"))
    with in_thread(create_app(settings, load=lambda: engine)) as server:
        url = f"http://127.0.0.1:{server.port}"
        wait_loaded(url)
        assert ask(url, "database_info", api_key="geheim").output["version"] == "2026.02.18"
        refused = ask(url, "models_status", api_key="other").output
        assert (refused["status"], "API key" in refused["error"]) == (401, True)
