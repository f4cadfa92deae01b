"""The old API, line by line: names, types, defaults and limits of contract_table.py; each limit over HTTP.

What identification finds, and which words refuse what, is in test_routes, test_identify_* and test_plugin_*.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from contract_table import ADDED, ANSWERS, MODELS, QUERIES, REQUESTS, UPDATE_WORDS, WITHOUT_BODY
from edge import photo_of, wait_ready
from enrolment import ASTRONAUT, astronaut_photo, jpeg
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine, LoadError
from facedb_sidecar.settings import Settings
from facedb_sidecar.updater import InProgress, UpToDate
from served import Served

NOWHERE = Path("/nonexistent")
DOCUMENT: dict[str, Any] = create_app(Settings(NOWHERE, NOWHERE, "cpu", NOWHERE)).openapi()
COMPONENTS = DOCUMENT["components"]["schemas"]
DIFFERENT = (Path(__file__).resolve().parents[2] / "docs" / "sidecar.md").read_text()
WORDS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool"}


def operation(route: str) -> dict[str, Any]:
    method, path = route.split()
    found: dict[str, Any] = DOCUMENT["paths"][path][method.lower()]
    return found


def kind(schema: dict[str, Any]) -> str:
    """A schema in the table's words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        kinds = [kind(one) for one in schema["anyOf"]]
        return "|".join(one for one in kinds if one != "null") + ("?" if "null" in kinds else "")
    match schema.get("type", "any"):
        case "array":
            return f"[{kind(schema['items'])}]"
        case "object":
            more = schema.get("additionalProperties", {})
            return "{" + (kind(more) if isinstance(more, dict) else "any") + "}"
        case word:
            return WORDS.get(word, word)


def described(schema: dict[str, Any], *, required: bool) -> str:
    """A request's field in the table's words."""
    default = "" if required else f" = {schema.get('default')!r}"
    least, most = schema.get("minimum"), schema.get("maximum")
    limits = "" if least is None or most is None else f" ({least:g}..{most:g})"
    return f"{kind(schema)}{default}{limits}"


def model_of(route: str) -> dict[str, Any]:
    schema = operation(route)["responses"]["200"]["content"]["application/json"]["schema"]
    found: dict[str, Any] = COMPONENTS[kind(schema)]
    return found


def without_bounds(text: str) -> str:
    """Where the contract names no limits, ours are our own; those it names are compared."""
    return re.sub(r" \(.*\)$", "", text)


def compare(wanted: dict[str, str], said: dict[str, str]) -> None:
    assert set(said) == set(wanted)
    for name, words in wanted.items():
        ours = said[name] if words.endswith(")") else without_bounds(said[name])
        assert ours == words, name


@pytest.mark.parametrize("route", REQUESTS)
def test_a_request_has_the_contracts_fields_defaults_and_limits(route: str) -> None:
    schema = operation(route)["requestBody"]["content"]["application/json"]["schema"]
    model = COMPONENTS[kind(schema)]
    needed = model.get("required", [])
    fields = {name: described(one, required=name in needed) for name, one in model["properties"].items()}
    compare(REQUESTS[route], fields)


@pytest.mark.parametrize("route", QUERIES)
def test_a_query_has_the_contracts_fields_defaults_and_limits(route: str) -> None:
    asked = operation(route)["parameters"]
    compare(
        QUERIES[route], {one["name"]: described(one["schema"], required=one["required"]) for one in asked}
    )


@pytest.mark.parametrize("route", WITHOUT_BODY)
def test_what_the_plugin_sends_without_a_body_needs_none(route: str) -> None:
    assert "requestBody" not in operation(route)


@pytest.mark.parametrize("name", [*ANSWERS, *MODELS])
def test_an_answer_has_the_contracts_fields_and_types(name: str) -> None:
    wanted = ANSWERS.get(name) or MODELS[name]
    model = model_of(name) if name in ANSWERS else COMPONENTS[name]
    said = {field: kind(schema) for field, schema in model["properties"].items()}
    added = ADDED.get(name, ())
    assert {field: said[field] for field in said if field not in added} == wanted
    for field in added:
        assert field in said
        assert f"`{field}`" in DIFFERENT, "docs/sidecar.md does not name it"


def test_the_update_is_told_in_eight_words_and_refused_in_the_contracts() -> None:
    assert tuple(COMPONENTS["UpdateProgress"]["properties"]["status"]["enum"]) == UPDATE_WORDS
    assert (InProgress.status, InProgress().detail) == (409, "Update already in progress")
    assert (UpToDate.status, UpToDate().detail) == (400, "Already on latest version")


@pytest.fixture(scope="module")
def client(served: Served, engine: Engine) -> Iterator[TestClient]:
    with TestClient(create_app(served.settings(), load=lambda: engine)) as running:
        wait_ready(running)
        yield running


def limits() -> Iterator[tuple[str, dict[str, Any], str, float, float]]:
    """Route, the least body, field, least, most."""
    for route, fields in REQUESTS.items():
        least_body = {name: "1" for name, words in fields.items() if words == "str"}
        for name, words in fields.items():
            if bounds := re.search(r"\((.*)\.\.(.*)\)$", words):
                yield route.split()[1], least_body, name, float(bounds[1]), float(bounds[2])


@pytest.mark.parametrize(("path", "body", "field", "least", "most"), [*limits()])
def test_a_limit_is_allowed_and_what_is_past_it_is_not(
    client: TestClient, path: str, body: dict[str, Any], field: str, least: float, most: float
) -> None:
    whole = least == int(least) and most == int(most)
    step = 1 if whole and most > 2 else 0.001
    for value, fits in ((least, True), (most, True), (least - step, False), (most + step, False)):
        sent = int(value) if value == int(value) else value
        said = client.post(path, json={**body, field: sent})
        # Past the schema: no image was sent, no Stash is there.
        assert said.status_code == (400 if fits else 422), (value, said.text)
        if not fits:
            (one,) = said.json()["detail"]
            assert one["loc"] == ["body", field]
            assert set(one) >= {"type", "loc", "msg", "input"}


def test_the_defaults_are_what_a_short_request_gets(client: TestClient, served: Served) -> None:
    short = client.post("/identify", json=photo_of(served)).json()
    every = {"top_k": 5, "max_distance": 0.6, "min_face_confidence": 0.5}
    assert client.post("/identify", json={**photo_of(served), **every, "image_url": None}).json() == short
    for word in ("use_multi_signal", "use_body", "use_tattoo"):
        assert client.post("/identify", json={**photo_of(served), word: False}).json() == short


def test_matches_are_of_faces_near_first_and_cut_at_top_k(
    client: TestClient, served: Served, engine: Engine
) -> None:
    asked = {**photo_of(served), "max_distance": 2.0, "top_k": 20}
    (face,) = client.post("/identify", json=asked).json()["faces"]
    matches = face["matches"]
    distances = [one["distance"] for one in matches]
    assert len(matches) == 20
    assert distances == sorted(distances)
    assert matches[0]["name"] == ASTRONAUT
    # One performer may be there with several faces.
    assert len({one["stashdb_id"] for one in matches}) < 20
    assert all(one["confidence"] == pytest.approx(min(1, max(0, 1 - one["distance"]))) for one in matches)
    (near,) = client.post("/identify", json={**asked, "max_distance": distances[2]}).json()["faces"]
    assert near["matches"] == matches[:3]
    (none,) = client.post("/identify", json={**asked, "max_distance": 0}).json()["faces"]
    assert (none["matches"], none["box"]) == ([], face["box"])


@pytest.mark.parametrize(("side", "faces"), [(300, 1), (180, 0)])
def test_faces_below_forty_pixels_are_left_out(client: TestClient, side: int, faces: int) -> None:
    small = np.asarray(Image.fromarray(astronaut_photo()).resize((side, side)))
    body = {"image_base64": base64.b64encode(jpeg(small)).decode()}
    assert client.post("/identify", json=body).json()["face_count"] == faces


def test_the_url_wins_and_an_empty_one_is_none(client: TestClient, served: Served) -> None:
    both = client.post("/identify", json={**photo_of(served), "image_url": "http://127.0.0.1:9/x.jpg"})
    assert (both.status_code, both.json()["detail"][:22]) == (400, "Failed to fetch image:")
    empty = client.post("/identify", json={**photo_of(served), "image_url": ""})
    assert empty.json()["face_count"] == 1
    assert client.post("/identify/url").status_code == 422
    refused = client.post("/identify/url", params={"url": "http://127.0.0.1:9/x.jpg"})
    assert (refused.status_code, refused.json()["detail"][:22]) == (400, "Failed to fetch image:")
    assert client.post("/identify/url", params={"url": "x", "top_k": 21}).status_code == 422


def test_the_gate_comes_before_the_body(served: Served) -> None:
    def fail() -> Engine:
        raise LoadError("CorruptIndex", "face_arcface.voy does not open")

    with TestClient(create_app(served.settings(), load=fail)) as closed:
        wait_ready(closed)
        for path in ("", "/url", "/image", "/gallery", "/scene"):
            for body in (b"", b"{", b'{"top_k": 99}'):
                said = closed.post(f"/identify{path}", content=body)
                assert (said.status_code, said.headers["Retry-After"]) == (503, "10")
                assert said.json() == {
                    "detail": "Face recognition unavailable: face_arcface.voy does not open"
                }


def test_small_answers_of_health_and_what_is_not_there(client: TestClient) -> None:
    assert client.get("/health/ffmpeg").json() == {"ffmpeg_available": True, "v2_endpoint_ready": True}
    assert client.get("/health/rate-limiter").json() == {
        "total_requests": 0,
        "total_wait_time": 0.0,
        "avg_wait_time": 0.0,
        "queue_size": 0,
        "requests_per_second": 0.0,
    }
    for method, path, status, says in (
        ("GET", "/nonsense", 404, "Not Found"),
        ("GET", "/identify", 405, "Method Not Allowed"),
        ("DELETE", "/health", 405, "Method Not Allowed"),
    ):
        said = client.request(method, path)
        assert (said.status_code, said.json()) == (status, {"detail": says})
