"""`facedb check-http` and `check-prometheus`: one question, one verdict, in time, whatever happens."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from facedb_release.__main__ import app
from facedb_release.checking import Bounds
from facedb_release.outcome import MAX_BYTES, Outcome

Answering = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """A server that answers as a test says, and what it was asked."""

    url: str = ""
    answer: Answering = lambda _: None
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


def serving(server: Server) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            server.answer(self)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it
            """Keep quiet."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients hang up in these tests."""

    http = Quiet(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{http.server_address[1]}"
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return http


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    http = serving(made)
    yield made
    made.over.set()
    http.shutdown()
    http.server_close()


def told(status: int, body: bytes = b"", **headers: str) -> Answering:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def facedb(tmp_path: Path, *words: object) -> tuple[Result, Outcome]:
    message = tmp_path / "message"
    done = CliRunner().invoke(app, [*map(str, words), "--termination-message", str(message)])
    text = message.read_text()
    assert len(text.encode()) <= MAX_BYTES
    return done, Outcome.from_json(text)


def refused(tmp_path: Path, *words: object) -> Outcome:
    done, outcome = facedb(tmp_path, *words)
    assert (done.exit_code, outcome.ok, outcome.permanent) == (12, False, False)
    assert outcome.reason == "CheckFailed"
    assert outcome.message in done.stdout
    return outcome


# --- HTTP


def test_the_wanted_status_holds(server: Server, tmp_path: Path) -> None:
    for status in (200, 204, 404, 503):
        server.answer = told(status)
        done, outcome = facedb(tmp_path, "check-http", f"{server.url}/ready", "--status", status)
        assert (done.exit_code, outcome.ok, outcome.reason) == (0, True, "Holds")
        assert str(status) in outcome.message


def test_another_status_fails_once_with_what_was_found(server: Server, tmp_path: Path) -> None:
    server.answer = told(503, b"the release is\nnot loaded \x1b[2J")
    outcome = refused(tmp_path, "check-http", f"{server.url}/ready?key=secret")

    assert (outcome.expected, outcome.found) == ("200", "503: the release is not loaded �[2J")
    assert "secret" not in outcome.message
    assert len(server.seen) == 1


def test_nobody_there_and_no_http_fail_with_why(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = refused(tmp_path, "check-http", f"http://127.0.0.1:{unused.getsockname()[1]}/")
    assert outcome.found is not None
    assert "refused" in outcome.found

    outcome = refused(tmp_path, "check-http", "http://nobody.invalid/")
    assert "does not answer" in outcome.message


def silent(server: Server) -> Answering:
    return lambda _: (server.over.wait(), None)[1]


def dripping(server: Server) -> Answering:
    """Send a header byte after byte: no single wait is ever long."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"HTTP/1.0 200 OK\r\nX: ")
        while not server.over.wait(0.05):
            request.wfile.write(b"x")

    return answer


@pytest.mark.parametrize("how", [silent, dripping])
def test_the_time_is_kept_whatever_the_server_does(
    server: Server, tmp_path: Path, how: Callable[[Server], Answering]
) -> None:
    server.answer = how(server)
    began = time.monotonic()
    outcome = refused(tmp_path, "check-http", server.url, "--timeout", 0.5)

    assert time.monotonic() - began < 60
    assert "0.5 s" in outcome.message or "in time" in outcome.message


def test_a_body_without_end_is_not_read(server: Server, tmp_path: Path) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(int(urlsplit(request.path).path.strip("/")))
        request.end_headers()
        while not server.over.is_set():
            request.wfile.write(b"x" * 65536)

    server.answer = endless
    assert facedb(tmp_path, "check-http", f"{server.url}/200")[0].exit_code == 0
    outcome = refused(tmp_path, "check-http", f"{server.url}/500")
    assert outcome.found is not None
    assert len(outcome.found) <= 210


def test_redirects_are_followed_on_the_server_and_nowhere_else(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEDB_HEADERS", "Authorization: Bearer secret")
    other = Server(answer=told(200))
    elsewhere = serving(other)

    def answer(request: BaseHTTPRequestHandler) -> None:
        place = {"/a": "/b", "/away": f"{other.url}/", "/round": "/round"}.get(request.path)
        (told(302, Location=place) if place else told(200))(request)

    server.answer = answer
    assert facedb(tmp_path, "check-http", f"{server.url}/a")[0].exit_code == 0
    assert [path for path, _ in server.seen] == ["/a", "/b"]
    assert {headers["authorization"] for _, headers in server.seen} == {"Bearer secret"}
    assert refused(tmp_path, "check-http", f"{server.url}/away").found == "302"
    assert other.seen == []
    # The redirect itself may be what is wanted.
    assert facedb(tmp_path, "check-http", f"{server.url}/away", "--status", 302)[0].exit_code == 0
    assert "circles" in refused(tmp_path, "check-http", f"{server.url}/round").message
    elsewhere.shutdown()
    elsewhere.server_close()


# --- Prometheus


def scalar(value: str) -> dict[str, Any]:
    return {"resultType": "scalar", "result": [1700000000.1, value]}


def vector(**samples: str) -> dict[str, Any]:
    made = [{"metric": {"pod": pod}, "value": [1700000000.1, value]} for pod, value in samples.items()]
    return {"resultType": "vector", "result": made}


def api(data: object, **more: object) -> Answering:
    return told(200, json.dumps({"status": "success", "data": data, **more}).encode())


@pytest.mark.parametrize(
    ("data", "bounds"),
    [
        (scalar("0.5"), ["--min", "0", "--max", "1"]),
        (scalar("-1e3"), ["--min", "-1000"]),
        (scalar("+Inf"), ["--min", "1"]),
        (vector(a="1", b="0.99"), ["--min", "0.99"]),
        (vector(a="3"), []),
    ],
)
def test_a_query_holds_when_every_sample_lies_within_the_bounds(
    server: Server, tmp_path: Path, data: object, bounds: list[str]
) -> None:
    server.answer = api(data, warnings=["slow storage"])
    query = 'sum(rate(x{a="b&c"}[5m]))'
    done, outcome = facedb(tmp_path, "check-prometheus", f"{server.url}/at/", "--query", query, *bounds)

    assert (done.exit_code, outcome.reason) == (0, "Holds"), done.stdout
    assert outcome.warnings == ("slow storage",)
    asked = urlsplit(server.seen[0][0])
    assert (asked.path, parse_qs(asked.query)) == ("/at/api/v1/query", {"query": [query]})


@pytest.mark.parametrize(
    ("data", "bounds", "found"),
    [
        (scalar("1.5"), ["--max", "1"], "1.5"),
        (scalar("NaN"), [], "nan"),
        (scalar("NaN"), ["--min", "0"], "nan"),
        (scalar("-Inf"), ["--min", "0"], "-inf"),
        (vector(), [], "no sample"),
        (vector(), ["--max", "1"], "no sample"),
        (vector(a="1", b="0.5"), ["--min", "0.9"], '0.5 for {pod="b"}'),
        (vector(a="2", b="NaN", c="0"), ["--max", "1"], '2 for {pod="a"}, and 1 more of 3 samples'),
    ],
)
def test_a_query_fails_with_what_was_wanted_and_what_was_found(
    server: Server, tmp_path: Path, data: object, bounds: list[str], found: str
) -> None:
    server.answer = api(data)
    outcome = refused(tmp_path, "check-prometheus", server.url, "--query", "x", *bounds)

    assert outcome.found == found
    assert outcome.expected == (
        "at least " if "--min" in bounds else "at most " if bounds else "a number"
    ) + (bounds[1] if bounds else "")
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"",
        b"[]",
        b'{"status":"success"}',
        b'{"status":"success","data":{"resultType":"matrix","result":[]}}',
        b'{"status":"success","data":{"resultType":"string","result":[1,"1"]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[1]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[1,2]}}',
        b'{"status":"success","data":{"resultType":"scalar","result":[1,"many"]}}',
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}',
        b'{"status":"success","data":{"resultType":"vector","result":{"a":1}}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_answer_of_prometheus_fails(server: Server, tmp_path: Path, body: bytes) -> None:
    server.answer = told(200, body)

    outcome = refused(tmp_path, "check-prometheus", server.url, "--query", "x")
    assert server.url in outcome.message


def test_an_error_of_the_query_is_told_in_prometheus_own_words(server: Server, tmp_path: Path) -> None:
    error = {"status": "error", "errorType": "bad_data", "error": "parse error at char 3"}
    server.answer = told(400, json.dumps(error).encode())

    outcome = refused(tmp_path, "check-prometheus", server.url, "--query", "x{")
    assert outcome.found == "bad_data: parse error at char 3"


def test_an_answer_without_end_is_given_up(server: Server, tmp_path: Path) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not server.over.is_set():
            request.wfile.write(b" " * (1 << 20))

    server.answer = endless
    assert "larger than" in refused(tmp_path, "check-prometheus", server.url, "--query", "x").message


@pytest.mark.parametrize(
    "words",
    [
        ["check-http", "ftp://host/"],
        ["check-http", "host:8080"],
        ["check-http", "http://"],
        ["check-http", "http://host:port/"],
        ["check-http", "http://host", "--status", "99"],
        ["check-http", "http://host", "--timeout", "0"],
        ["check-prometheus", "http://host"],
        ["check-prometheus", "http://host?query=x", "--query", "x"],
        ["check-prometheus", "http://host", "--query", "x", "--min", "nan"],
        ["check-prometheus", "http://host", "--query", "x", "--min", "2", "--max", "1"],
    ],
)
def test_mistakes_of_the_command_line_ask_nobody(words: list[str]) -> None:
    assert CliRunner().invoke(app, words).exit_code == 2


NUMBERS = st.floats(allow_nan=True)
BOUNDS = st.none() | st.floats(allow_nan=False)


@given(NUMBERS, BOUNDS, BOUNDS)
def test_bounds_hold_for_what_lies_between_them(value: float, low: float | None, high: float | None) -> None:
    inside = (
        value == value and not (low is not None and value < low) and not (high is not None and value > high)
    )
    assert Bounds(low, high).hold(value) == inside
