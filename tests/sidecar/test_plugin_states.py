"""The plugin's pages and buttons, whatever state the sidecar, its Stash and its volumes are in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from edge import wait_ready
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine, LoadError
from facedb_sidecar.routes import boxes
from facedb_sidecar.settings import Settings, StashSettings, UpdateSettings
from plugin_calls import AS_PAGE, CLICKS, DASHBOARD, IDENTIFY, LOOKS, Call
from release_server import ReleaseServer
from served import Served
from stash_server import StashServer

State = Callable[[Served, Engine, Path], AbstractContextManager[TestClient]]
NOWHERE = StashSettings("http://127.0.0.1:9", "key", timeout_s=5)
# A load that is held lasts longer than any test; an answer that waited for it would too.
HELD_S = 600.0
MOST_S = 120.0


def _settings(served: Served, folder: Path, **changes: Any) -> Settings:
    empty = folder / "no models"
    empty.mkdir(exist_ok=True)
    updates = UpdateSettings(model_source=("--file", str(empty)))
    return served.settings(**{"state_dir": folder / "state", "updates": updates, **changes})


@contextmanager
def _no_release(served: Served, engine: Engine, folder: Path) -> Iterator[TestClient]:
    """At home, the first start: an empty folder, and a source that offers nothing."""
    with ReleaseServer(folder / "root") as server:
        source = ("--github", "owner/data", "--api-url", server.url, "--attempts", "1")
        updates = UpdateSettings(backend="local", source=source, model_source=("--file", str(folder)))
        (folder / "data").mkdir()
        settings = _settings(served, folder, data_dir=folder / "data", updates=updates)
        with TestClient(create_app(settings)) as client:
            wait_ready(client)
            assert client.get("/ready").json()["reason"] == "NoRelease"
            yield client


@contextmanager
def _loading(served: Served, engine: Engine, folder: Path) -> Iterator[TestClient]:
    go_on = threading.Event()

    def load() -> Engine:
        go_on.wait(HELD_S)
        return engine

    with TestClient(create_app(_settings(served, folder), load=load)) as client:
        yield client
        assert client.get("/ready").json()["state"] == "loading"
        go_on.set()


@contextmanager
def _failed(served: Served, engine: Engine, folder: Path) -> Iterator[TestClient]:
    def load() -> Engine:
        raise LoadError("CorruptIndex", "face_arcface.voy does not open")

    with TestClient(create_app(_settings(served, folder), load=load)) as client:
        wait_ready(client)
        yield client


@contextmanager
def _serving(served: Served, engine: Engine, folder: Path) -> Iterator[TestClient]:
    """Also without Stash."""
    with TestClient(create_app(_settings(served, folder), load=lambda: engine)) as client:
        wait_ready(client)
        yield client


@contextmanager
def _updating(served: Served, engine: Engine, folder: Path) -> Iterator[TestClient]:
    """There is memory for one engine only: the old one is gone, the new one is not there yet."""
    go_on = threading.Event()

    def load() -> Engine:
        go_on.wait(HELD_S)
        return engine

    def old() -> Engine:
        return Engine.load(served.release, served.models, "cpu")

    with TestClient(create_app(_settings(served, folder), load=old)) as client:
        wait_ready(client)
        serving = client.app.state.parts.serving  # type: ignore[attr-defined]
        assert client.portal
        swap = client.portal.start_task_soon(lambda: serving.swap(load, alone=True))
        while client.get("/ready").json().get("reason") != "Updating":
            assert not swap.done()
        yield client
        go_on.set()
        swap.result(30)


@contextmanager
def _stash_down(served: Served, engine: Engine, folder: Path) -> Iterator[TestClient]:
    with TestClient(create_app(_settings(served, folder, stash=NOWHERE), load=lambda: engine)) as client:
        wait_ready(client)
        client.put("/settings/stash_api_rate", json={"value": 50})
        yield client


@contextmanager
def _state_lost(served: Served, engine: Engine, folder: Path) -> Iterator[TestClient]:
    """A volume that cannot be written: root may write everywhere, but not into a file's inside."""
    (folder / "file").touch()
    settings = _settings(served, folder, state_dir=folder / "file")
    with TestClient(create_app(settings, load=lambda: engine)) as client:
        wait_ready(client)
        yield client


@contextmanager
def _cluster_away(served: Served, engine: Engine, folder: Path) -> Iterator[TestClient]:
    """A FaceDatabase decides, and the API server that would tell of it does not answer."""
    updates = UpdateSettings(backend="cluster", database="media/faces", model_source=("--file", str(folder)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        patch.setenv("KUBERNETES_SERVICE_PORT", "9")
        app = create_app(_settings(served, folder, updates=updates), load=lambda: engine)
        with TestClient(app) as client:
            wait_ready(client)
            assert client.get("/database/update/status").status_code == 503
            yield client


STATES: dict[str, State] = {
    "no release at all": _no_release,
    "loading": _loading,
    "failed load": _failed,
    "serving without Stash": _serving,
    "updating": _updating,
    "Stash down": _stash_down,
    "state volume read-only": _state_lost,
    "Kubernetes away": _cluster_away,
}
NO_ENGINE = ("no release at all", "loading", "failed load", "updating")


@pytest.fixture(scope="module", params=STATES)
def state(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def client(
    state: str, served: Served, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    with STATES[state](served, engine, tmp_path_factory.mktemp("state")) as running:
        yield running


def send(client: TestClient, call: Call) -> Response:
    """As `requests` sends it; the answer waits for no load."""
    began = time.monotonic()
    said: Response = client.request(call.method, call.path, json=call.body)
    assert time.monotonic() - began < MOST_S, call
    return said


def require_words(call: Call, said: Response) -> None:
    """Not 500, and an error says in words what is wrong."""
    assert said.status_code != 500, (call, said.text)
    body = said.json()
    if said.is_success or call.path == "/ready":
        return
    detail = body["detail"]
    assert set(body) == {"detail"}, call
    if said.status_code == 422:
        assert isinstance(detail, list | dict), call
    else:
        assert isinstance(detail, str), call
        assert len(detail) > 5, call


def test_every_page_is_drawn(client: TestClient) -> None:
    for call in AS_PAGE:
        said = send(client, call)
        assert said.status_code == 200, (call, said.text)
        body = said.json()
        assert body is not None, call
        # The plugin throws an answer that has this key.
        assert isinstance(body, list) or not body.get("error"), call
    counts, health, fingerprints, info = (send(client, call).json() for call in DASHBOARD[:4])
    assert counts == {"counts": {}, "total_pending": 0}
    assert health["status"] in ("healthy", "degraded")
    assert fingerprints["total_fingerprints"] == 0
    assert info["version"]


def test_every_look_is_answered_in_words(client: TestClient) -> None:
    for call in LOOKS:
        require_words(call, send(client, call))


def test_every_identification_is_answered_in_words(client: TestClient, state: str) -> None:
    for call in IDENTIFY:
        said = send(client, call)
        require_words(call, said)
        if state in NO_ENGINE and call.path.startswith("/identify"):
            assert (said.status_code, said.headers["Retry-After"]) == (503, "10"), call
            why = "Database update in progress" if state == "updating" else "Face recognition unavailable: "
            assert said.json()["detail"].startswith(why), call
        elif call.path.startswith("/identify/") and "url" not in call.path:
            says = {"Stash down": "Failed to query "}.get(state, "STASH_URL env var not set")
            assert (said.status_code, said.json()["detail"][: len(says)]) == (400, says), call


def test_every_button_is_answered_in_words(client: TestClient) -> None:
    for call in CLICKS:
        require_words(call, send(client, call))
    # Afterwards the pages are as whole as before.
    test_every_page_is_drawn(client)


def test_health_and_info_tell_what_is_loaded(client: TestClient, state: str) -> None:
    health, info = client.get("/health").json(), client.get("/database/info").json()
    loaded = state not in NO_ENGINE
    assert (health["status"], health["database_loaded"]) == ("healthy" if loaded else "degraded", loaded)
    assert (health["face_count"], info["face_count"]) == ((info["face_count"],) * 2 if loaded else (0, 0))
    assert info["version"] == ("2026.02.18" if loaded else "unknown")
    assert info["sources"]
    status = client.get("/recommendations/fingerprints/status").json()
    assert status["current_db_version"] == ("2026.02.18" if loaded else None)


def test_a_stash_that_hangs_keeps_no_page_waiting(
    served: Served, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boxes, "PAGE_WITHIN_S", 0.3)
    with StashServer() as stash:
        stash.faults.hold = threading.Event()
        settings = _settings(served, tmp_path, stash=StashSettings(stash.url, None, timeout_s=60))
        with TestClient(create_app(settings, load=lambda: engine)) as client:
            wait_ready(client)
            test_every_page_is_drawn(client)
            assert client.get("/system/stashbox-connections").json() == {"connections": []}
            said = client.get("/recommendations/stash/status").json()
            assert said == {
                "connected": False,
                "url": stash.url,
                "error": "Stash did not answer within 0.3 s",
            }


def test_a_source_that_hangs_keeps_no_page_waiting(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facedb_sidecar.routes.database.CHECK_WITHIN_S", 0.3)
    monkeypatch.setattr("facedb_sidecar.routes.database.START_WITHIN_S", 0.3)
    with StashServer() as silent:
        silent.faults.hold = threading.Event()
        source = ("--github", "owner/data", "--api-url", silent.url, "--attempts", "1")
        (tmp_path / "data").mkdir()
        settings = _settings(served, tmp_path, data_dir=tmp_path / "data")
        updates = replace(settings.updates, backend="local", source=source)
        with TestClient(create_app(replace(settings, updates=updates))) as client:
            wait_ready(client)
            refused = client.post("/database/update")
            assert refused.status_code == 503
            assert refused.json()["detail"].startswith("The source has not answered within 0.3 s. ")
            assert refused.headers["Retry-After"] == "10"
            checked = client.get("/database/check-update")
            assert checked.status_code == 200
            assert (checked.json()["update_available"], checked.json()["current_version"]) == (False, None)
            assert checked.json()["error"]
            silent.faults.hold.set()
