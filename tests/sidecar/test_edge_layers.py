"""What every request passes before a route sees it: ids, keys, origins, limits, and what nobody foresaw."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from edge import engine_that, photo_of, wait_ready
from facedb_sidecar import logs
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine, Identification
from facedb_sidecar.settings import Access, Limits, Settings
from served import Served

ORIGIN = {"Origin": "http://stash.lan:9999"}


@contextmanager
def client_of(settings: Settings, engine: Engine) -> Iterator[TestClient]:
    with TestClient(create_app(settings, load=lambda: engine)) as client:
        wait_ready(client)
        yield client


@pytest.fixture
def client(served: Served, engine: Engine) -> Iterator[TestClient]:
    with client_of(served.settings(), engine) as running:
        yield running


@pytest.fixture
def guarded(served: Served, engine: Engine) -> Iterator[TestClient]:
    """A sidecar that asks for a key."""
    with client_of(served.settings(access=Access(api_key="sesame")), engine) as running:
        yield running


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the formatter writes."""
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(logs.JsonFormatter())
    logger = logging.getLogger("facedb_sidecar")
    logger.addHandler(handler)
    yield out
    logger.removeHandler(handler)


def written(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_harmless_request_id_comes_back_and_another_is_replaced(client: TestClient) -> None:
    assert client.get("/health", headers={"X-Request-ID": "trace-1/a"}).headers["X-Request-ID"] == "trace-1/a"
    for bad in ("", "two words", "x" * 129, 'a"b'):
        made = client.get("/health", headers={"X-Request-ID": bad}).headers["X-Request-ID"]
        assert made != bad
        assert len(made) == 32


def test_an_access_line_names_the_request_and_hides_its_query(client: TestClient, lines: io.StringIO) -> None:
    client.post("/identify/url?url=http://127.0.0.1/a%3Fapikey%3Dsecret", headers={"X-Request-ID": "me"})

    assert "secret" not in lines.getvalue()
    (access,) = [line for line in written(lines) if line["logger"] == "facedb_sidecar.access"]
    assert (access["request_id"], access["method"], access["path"]) == ("me", "POST", "/identify/url")
    assert access["status"] == 400
    assert isinstance(access["ms"], float)


def test_lines_of_the_threads_that_work_for_a_request_carry_its_id(
    served: Served, engine: Engine, lines: io.StringIO
) -> None:
    def fail(*_: object, **__: object) -> Identification:
        logging.getLogger("facedb_sidecar.engine").warning("deep inside")
        raise RuntimeError("no more memory")

    with client_of(served.settings(), engine_that(engine, fail)) as client:
        reply = client.post("/identify", json=photo_of(served), headers={"X-Request-ID": "deep"})

    assert (reply.status_code, reply.json()) == (
        500,
        {"detail": "Recognition failed: RuntimeError: no more memory"},
    )
    (inside,) = [line for line in written(lines) if line["message"] == "deep inside"]
    assert inside["request_id"] == "deep"


def test_what_nobody_foresaw_is_500_in_plain_text_readable_by_browsers(
    served: Served, engine: Engine, lines: io.StringIO
) -> None:
    app = create_app(served.settings(), load=lambda: engine)

    @app.get("/broken")
    async def broken() -> None:
        raise ValueError("nobody foresaw this")

    with TestClient(app) as client:
        reply = client.get("/broken", headers=ORIGIN)
    assert (reply.status_code, reply.text) == (500, "Internal Server Error")
    assert reply.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    failed = next(line for line in written(lines) if "exception" in line)
    assert "nobody foresaw this" in str(failed["exception"])
    assert failed["request_id"] == reply.headers["X-Request-ID"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer sesame"},
        {"Authorization": "bearer  sesame"},
        {"ApiKey": "sesame"},
        {"ApiKey": "sesame", "Authorization": "Basic eDp5"},
    ],
    ids=str,
)
def test_who_knows_the_key_comes_in(guarded: TestClient, headers: dict[str, str]) -> None:
    assert guarded.get("/database/info", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ApiKey": ""},
        {"ApiKey": "sesam"},
        {"Authorization": "Bearer "},
        {"Authorization": "sesame"},
        {"Authorization": "Basic sesame"},
    ],
    ids=str,
)
def test_strangers_get_401_with_the_way_to_do_it(guarded: TestClient, headers: dict[str, str]) -> None:
    reply = guarded.get("/database/info", headers={**headers, **ORIGIN})
    assert reply.status_code == 401
    assert "Authorization: Bearer KEY" in reply.json()["detail"]
    assert reply.headers["www-authenticate"] == "Bearer"
    assert reply.headers["access-control-allow-origin"] == ORIGIN["Origin"]


def test_probes_scrapes_and_preflights_need_no_key(guarded: TestClient) -> None:
    for path in ("/health", "/ready", "/metrics"):
        assert guarded.get(path).status_code == 200
    preflight = {
        **ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "apikey",
    }
    assert guarded.options("/identify", headers=preflight).status_code == 200
    assert guarded.get("/health/").status_code == 401


def test_any_origin_may_ask_with_credentials_by_default(client: TestClient) -> None:
    reply = client.get("/health", headers={**ORIGIN, "Cookie": "a=b"})
    assert reply.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    assert reply.headers["access-control-allow-credentials"] == "true"


def test_origins_can_be_restricted(served: Served, engine: Engine) -> None:
    settings = served.settings(access=Access(origins=("http://stash.lan:9999",)))
    with client_of(settings, engine) as client:
        assert "access-control-allow-origin" in client.get("/health", headers=ORIGIN).headers
        other = {"Origin": "http://evil.example"}
        assert "access-control-allow-origin" not in client.get("/health", headers=other).headers


def test_a_body_that_is_too_large_is_refused_with_both_numbers(served: Served, engine: Engine) -> None:
    limits = replace(Limits(), body_bytes=1000)
    with client_of(served.settings(limits=limits), engine) as client:
        reply = client.post("/identify", content=b"x" * 1001, headers=ORIGIN)
        chunked = client.post("/identify", content=iter([b"x" * 600, b"x" * 600]))
        fits = client.post(
            "/identify", content=b"{}".ljust(1000), headers={"Content-Type": "application/json"}
        )
    assert (reply.status_code, reply.json()) == (
        413,
        {"detail": "The body has 1001 bytes; at most 1000 are read"},
    )
    assert reply.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    assert (chunked.status_code, chunked.json()) == (
        413,
        {"detail": "The body has more than the 1000 bytes that are read"},
    )
    assert fits.status_code == 400


def test_other_routes_read_no_more_than_a_mebibyte(client: TestClient) -> None:
    assert client.post("/database/update", content=b"x" * (1 << 20)).status_code != 413
    assert client.post("/database/update", content=b"x" * ((1 << 20) + 1)).status_code == 413


def test_a_full_house_is_counted_in_requests_and_in_bytes(served: Served, engine: Engine) -> None:
    with client_of(served.settings(limits=replace(Limits(), waiting_bytes=1000)), engine) as client:
        places = client.app.state.parts.serving.places  # type: ignore[attr-defined]
        places.take(999)
        refused = client.post("/identify", json=photo_of(served), headers=ORIGIN)
        places.give(999)
        # Alone in the house, it may be larger than what all together may be.
        welcome = client.post("/identify", json=photo_of(served))
        assert (places.taken, places.bytes) == (0, 0)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert refused.json() == {"detail": "Too many requests are waiting; try again later"}
    assert refused.headers["access-control-allow-origin"] == ORIGIN["Origin"]
    assert "Retry-After" in refused.headers["access-control-expose-headers"]
    assert welcome.status_code == 200


def test_what_is_echoed_of_an_unfit_request_is_short_and_is_json(client: TestClient) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (
        b'{"top_k": NaN}',
        b'{"top_k": -Infinity}',
        b'{"top_k": "\\ud800"}',
        b'{"top_k": 1e999}',
        b'["' + b"x" * 100_000 + b'"]',
        b'{"top_k": ' + b"9" * 400 + b"}",
        b'{"top_k": {"a": [[[[[[1]]]]]]}}',
    ):
        reply = client.post("/identify", content=body, headers=headers)
        assert reply.status_code == 422, body[:30]
        assert set(reply.json()["detail"][0]) >= {"type", "loc", "msg", "input"}
        assert len(reply.content) < 2000


def test_metrics_count_requests_under_their_routes(client: TestClient, served: Served) -> None:
    client.post("/identify", json=photo_of(served))
    client.get("/invented/by/a/client")
    text = client.get("/metrics").text
    assert 'facedb_sidecar_requests_total{path="/identify",status="200"}' in text
    assert 'facedb_sidecar_requests_total{path="other",status="404"}' in text
    assert "invented" not in text
    for stage in ("decode", "wait", "detect", "embed", "match"):
        assert f'facedb_sidecar_stage_seconds_count{{stage="{stage}"}}' in text
    assert 'facedb_sidecar_state{state="ready"} 1.0' in text
    assert 'facedb_sidecar_index_vectors{index="facenet"}' in text
    assert "process_resident_memory_bytes" in text


def test_a_refusal_before_routing_is_counted_under_its_path(served: Served, engine: Engine) -> None:
    with client_of(served.settings(limits=replace(Limits(), waiting=0)), engine) as client:
        client.post("/identify", json=photo_of(served))
        text = client.get("/metrics").text
    assert 'facedb_sidecar_requests_total{path="/identify",status="503"}' in text
    assert 'facedb_sidecar_rejections_total{reason="busy"}' in text
