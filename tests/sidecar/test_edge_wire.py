"""The edge on a real connection: refusals before the body is read, slow bodies, ends that are waited for."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from edge import engine_that, photo_of
from edge_server import Server, answer_of, ask, in_process, in_thread
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine, Identification
from facedb_sidecar.settings import Limits
from served import Served

HEAD = "POST /identify HTTP/1.1\nHost: x\nContent-Type: application/json\n"


def wait_ready(port: int) -> None:
    while True:
        with ask(port, "GET /ready HTTP/1.1\nHost: x") as connection:
            if json.loads(answer_of(connection)[2]).get("state") != "loading":
                return


@contextmanager
def limited(served: Served, engine: Engine, **changes: Any) -> Iterator[Server]:
    """A sidecar that is ready, with these limits."""
    limits = replace(Limits(), **changes)
    with in_thread(create_app(served.settings(limits=limits), load=lambda: engine)) as server:
        wait_ready(server.port)
        yield server


@pytest.fixture
def full(served: Served, engine: Engine) -> Iterator[Server]:
    """A sidecar without a free place."""
    with limited(served, engine, waiting=0, body_bytes=1 << 20) as server:
        yield server


@pytest.fixture
def free(served: Served, engine: Engine) -> Iterator[Server]:
    with limited(served, engine, body_bytes=1 << 20, body_seconds=60) as server:
        yield server


@pytest.fixture
def hurried(served: Served, engine: Engine) -> Iterator[Server]:
    with limited(served, engine, body_seconds=0.2) as server:
        yield server


def test_a_full_house_answers_before_the_body_comes_and_keeps_the_connection(full: Server) -> None:
    with ask(full.port, HEAD + "Content-Length: 500000") as connection:
        status, headers, body = answer_of(connection)
        assert (status, headers["retry-after"]) == (503, "10")
        assert "detail" in json.loads(body)
        # The client sends its body all the same; its next request is understood.
        connection.sendall(b"x" * 500_000)
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer_of(connection)[0] == 200


def test_a_client_that_waits_for_100_continue_never_sends_its_body(full: Server) -> None:
    with ask(full.port, HEAD + "Content-Length: 500000\nExpect: 100-continue") as connection:
        status, headers, _ = answer_of(connection)
        assert (status, headers["connection"]) == (503, "close")
        assert connection.recv(1) == b""


def test_a_body_that_announces_too_much_is_refused_before_it_comes(free: Server) -> None:
    with ask(free.port, HEAD + "Content-Length: 99999999") as connection:
        status, headers, _ = answer_of(connection)
        assert (status, headers["connection"]) == (413, "close")


def test_a_client_that_sends_too_much_can_read_why(free: Server) -> None:
    with ask(free.port, HEAD + "Transfer-Encoding: chunked") as connection:
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        # Far more than fits into the sockets' buffers: without lingering, these writes end in a reset.
        for _ in range(100):
            connection.sendall(chunk)
        connection.sendall(b"0\r\n\r\n")
        status, _, body = answer_of(connection)
        assert status == 413
        assert "at most" in json.loads(body)["detail"] or "more than" in json.loads(body)["detail"]


def test_a_body_that_drips_is_not_waited_for(hurried: Server) -> None:
    with ask(hurried.port, HEAD + "Content-Length: 1000", b"{") as connection:
        status, headers, body = answer_of(connection)
        assert (status, headers["connection"]) == (408, "close")
        assert json.loads(body) == {"detail": "The body did not come within 0.2 seconds"}


def test_a_client_that_leaves_gives_its_place_back(free: Server, served: Served) -> None:
    places = free.app.state.parts.serving.places
    connection = ask(free.port, HEAD + "Content-Length: 1000", b"{")
    while not places.taken:
        pass
    connection.close()
    while places.taken:
        pass
    body = json.dumps(photo_of(served)).encode()
    with ask(free.port, HEAD + f"Content-Length: {len(body)}", body) as another:
        assert answer_of(another)[0] == 200


def test_a_running_request_is_answered_before_the_server_ends(served: Served, engine: Engine) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def wait(*_: object, **__: object) -> Identification:
        entered.set()
        assert go_on.wait(60)
        return Identification(())

    app = create_app(served.settings(), load=lambda: engine_that(engine, wait))
    with in_thread(app) as server:
        wait_ready(server.port)
        body = json.dumps(photo_of(served)).encode()
        with ask(server.port, HEAD + f"Content-Length: {len(body)}", body) as connection:
            assert entered.wait(60)
            server.should_exit = True
            while refuses_nobody(server.port):
                pass
            go_on.set()
            status, headers, said = answer_of(connection)
    assert (status, headers["connection"]) == (200, "close")
    assert json.loads(said) == {"faces": [], "face_count": 0}


def refuses_nobody(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=60).close()
    except OSError:
        return False
    return True


def test_sigterm_in_the_middle_of_loading_ends_the_process(served: Served) -> None:
    env = {"FACEDB_RELEASE_DIR": str(served.release), "FACEDB_MODELS_DIR": str(served.models)}
    with in_process("edge_apps:loads_forever", {**env, "FACEDB_DEVICE": "cpu"}) as (process, port):
        with ask(port, "GET /ready HTTP/1.1\nHost: x") as connection:
            assert json.loads(answer_of(connection)[2])["state"] == "loading"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
