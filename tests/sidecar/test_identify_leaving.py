"""A client that leaves in the middle of a scene or gallery takes its ffmpeg and its place with it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from fastapi import FastAPI

from edge_server import ask, in_thread
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.parts import Parts
from facedb_sidecar.settings import StashSettings
from served import Served
from stash_server import StashServer

KEY = "stash-key"


@pytest.fixture
def stash(served: Served) -> Iterator[StashServer]:
    with StashServer(api_key=KEY) as server:
        server.library.add_scene("1", b"never sent")
        server.library.add_image("1", served.photo)
        server.library.add_gallery("1", ["1"])
        server.faults.hold = threading.Event()
        yield server


@pytest.fixture
def app(stash: StashServer, served: Served, engine: Engine, tmp_path: Path) -> FastAPI:
    settings = served.settings(stash=StashSettings(stash.url, KEY), state_dir=tmp_path)
    return create_app(settings, load=lambda: engine)


def wait_for(condition: Callable[[], object], what: str) -> None:
    """Look again and again, for at most four minutes."""
    deadline, pause = time.monotonic() + 240, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        pause.wait(0.02)


def ffmpegs() -> list[str]:
    """Of this process; those that ended and were not waited for count too."""
    return [child.name() for child in psutil.Process().children() if child.name().startswith("ff")]


@pytest.mark.parametrize(
    ("kind", "held"), [("scene", "/scene/1/stream"), ("gallery", "/image/1/image")], ids=["scene", "gallery"]
)
def test_who_leaves_ends_the_work(app: FastAPI, stash: StashServer, kind: str, held: str) -> None:
    stash.faults.hold_path = held
    body = json.dumps({f"{kind}_id": "1"}).encode()
    head = f"POST /identify/{kind} HTTP/1.1\nHost: x\nContent-Length: {len(body)}"
    head += "\nContent-Type: application/json"
    with in_thread(app) as server:
        parts: Parts = app.state.parts
        wait_for(lambda: parts.serving.engine, "the engine")
        connection = ask(server.port, head, body)
        wait_for(lambda: held in stash.paths, "the media are asked for")
        assert parts.serving.places.taken == 1
        wait_for(lambda: bool(ffmpegs()) == (kind == "scene"), "ffmpeg, for scenes only")
        connection.close()
        wait_for(lambda: parts.serving.places.taken == 0, "the place is given back")
        assert ffmpegs() == []
        assert not parts.scene_turns.locked()
        assert parts.state.fingerprints.scene("1") is None
