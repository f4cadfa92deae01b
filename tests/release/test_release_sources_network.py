"""What a request takes along and what it leaves behind; what becomes of places that refuse."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_release.errors import Reason, SourceTrouble
from facedb_release.network import Client, checked_headers, headers_from_environment
from facedb_release.transport import Patience, Refused, open_client, request
from go_server import make_certificates
from release_server import ReleaseServer
from release_tls import encrypt

PATIENCE = Patience(connect_seconds=60, stall_seconds=60, attempts=3, wait=lambda _: None)
SECRET = {"X-Gateway-Key": "hidden", "Cookie": "hidden=1"}


@pytest.fixture
def stored(server: ReleaseServer, tmp_path: Path) -> Iterator[ReleaseServer]:
    """A second server that the first one redirects downloads to."""
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    server.publish(tmp_path / "a.bin", tag="t")
    with ReleaseServer(server.root) as storage:
        server.storage = storage
        yield storage


def read(client: Client, url: str, **headers: str) -> bytes:
    with request(client, url, headers) as response:
        assert response.status_code in (200, 206)
        return b"".join(response.iter_raw())


def download(server: ReleaseServer) -> str:
    return f"{server.url}/download/owner/data/t/a.bin"


def test_extra_headers_reach_the_source_and_not_where_it_redirects_to(
    server: ReleaseServer, stored: ReleaseServer
) -> None:
    client = open_client(PATIENCE, headers=SECRET)

    assert read(client, download(server), Range="bytes=2-3", Authorization="Bearer hidden") == b"23"

    assert server.seen[0].headers["x-gateway-key"] == "hidden"
    assert "hidden" not in str(stored.seen[0].headers)
    assert stored.seen[0].range == "bytes=2-3"


def test_extra_headers_come_from_the_environment_too_and_from_an_argument_instead(
    server: ReleaseServer, stored: ReleaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEDB_HEADERS", "X-One: a b\n\nX-Two:2\n")

    read(open_client(PATIENCE), download(server))
    read(open_client(PATIENCE, headers={"X-One": "mine"}), download(server))

    assert [(s.headers.get("x-one"), s.headers.get("x-two")) for s in server.seen] == [
        ("a b", "2"),
        ("mine", None),
    ]


@pytest.mark.parametrize(
    "text", ["no colon here: secret".replace(":", ""), "Bad Name: secret", "X: secr\xe9t", ": secret"]
)
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEDB_HEADERS", text)

    with pytest.raises(SourceTrouble) as caught:
        open_client(PATIENCE)
    assert "secr" not in str(caught.value)
    assert caught.value.reason is Reason.SOURCE_UNAVAILABLE


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=4))
def test_no_header_can_smuggle_another_one_in(headers: dict[str, str]) -> None:
    try:
        good = checked_headers(headers)
    except ValueError:
        return
    assert not any(c in text for pair in good.items() for text in pair for c in "\r\n\0")


def test_secrets_are_neither_in_a_log_nor_in_what_is_printed(
    server: ReleaseServer, stored: ReleaseServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = open_client(PATIENCE, headers=SECRET, proxy=None)

    read(client, download(server))

    assert "hidden" not in caplog.text + repr(client.session) + repr(client.session.network)
    assert "sig=" not in caplog.text + repr(client.session)


def test_headers_from_an_empty_environment_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEDB_HEADERS", raising=False)

    assert headers_from_environment() == {}


def test_a_place_is_remembered_and_looked_up_again_when_its_signature_has_run_out(
    server: ReleaseServer, stored: ReleaseServer
) -> None:
    client = open_client(PATIENCE)
    for _ in range(3):
        read(client, download(server), Range="bytes=0-1")
    assert (len(server.seen), len(stored.seen)) == (1, 3)

    # All signatures of the past are void now, as when they run out.
    server.secret = stored.secret = b"new"
    assert read(client, download(server), Range="bytes=4-5") == b"45"
    assert [s.status for s in stored.seen] == [206, 206, 206, 403, 206]
    assert len(server.seen) == 2


def test_a_storage_that_refuses_what_was_just_signed_is_a_source_to_ask_again_later(
    server: ReleaseServer, stored: ReleaseServer
) -> None:
    server.signed_seconds = -1

    with pytest.raises(Refused) as caught, request(open_client(PATIENCE), download(server), {}):
        pass
    assert caught.value.trouble.reason is Reason.SOURCE_UNAVAILABLE
    assert [s.status for s in stored.seen] == [403, 403]
    assert "sig=" not in str(caught.value)


def test_a_circle_ends(server: ReleaseServer) -> None:
    with _answering(302, {"Location": "/again"}) as url, pytest.raises(Refused, match="circles"):
        read(open_client(PATIENCE), url)


def test_a_redirect_with_a_long_sermon_is_not_listened_to(server: ReleaseServer) -> None:
    body = b"x" * (8 << 20)
    with _answering(302, {"Location": "/again"}, body) as url, pytest.raises(Refused, match="circles"):
        read(open_client(PATIENCE), url)


def test_an_answer_in_another_encoding_is_refused() -> None:
    with _answering(200, {"Content-Encoding": "gzip"}) as url, pytest.raises(Refused, match="compresses"):
        read(open_client(PATIENCE), url)


def test_an_own_authority_is_trusted_and_no_other_and_tls_is_never_left(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    with ReleaseServer(tmp_path) as plain, ReleaseServer(tmp_path) as server:
        encrypt(server, made)
        url = server.url

        trusting = open_client(PATIENCE, ca_bundle=made.authority)
        assert read(trusting, f"{url}/healthz") == b'{"message": "ok"}'
        with pytest.raises(Refused, match=r"not trusted \(.*certificate.*caBundleRef"):
            read(open_client(PATIENCE), f"{url}/healthz")

        (tmp_path / "a.bin").write_bytes(b"x")
        server.publish(tmp_path / "a.bin", tag="t")
        server.storage = plain
        with pytest.raises(Refused, match="from https to http"):
            read(trusting, f"{url}/download/owner/data/t/a.bin")
        assert plain.seen == []


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_proxy_is_used_when_it_is_wanted(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with _answering(200, {}, b"by proxy") as proxy:
        given = proxy if by == "argument" else None
        if by == "environment":
            monkeypatch.setenv("http_proxy", proxy)
            monkeypatch.setenv("no_proxy", "")
        assert read(open_client(PATIENCE, proxy=given), "http://somewhere.invalid/a") == b"by proxy"


def test_a_proxy_that_is_no_url_is_refused_without_its_password() -> None:
    with pytest.raises(SourceTrouble) as caught:
        open_client(PATIENCE, proxy="user:secret@host")
    assert "secret" not in str(caught.value)


class _answering:  # noqa: N801 - reads as what it does
    """A server that gives everybody the same answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                """Keep quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
