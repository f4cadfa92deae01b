"""Stash's key follows no redirect to another host, not even through ffmpeg."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from facedb_sidecar.stash.media import follow
from facedb_sidecar.stash.transport import Door

KEY = "secret-key"


class Host:
    """Redirects the paths of ``moved``, serves all others, and remembers the keys it was shown."""

    def __init__(self) -> None:
        self.moved: dict[str, str] = {}
        self.keys: list[str | None] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.keys.append(self.headers.get("ApiKey"))
                target = host.moved.get(self.path)
                self.send_response(302 if target else 206)
                if target:
                    self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextmanager
def serving() -> Iterator[Host]:
    host = Host()
    thread = threading.Thread(target=host.server.serve_forever)
    thread.start()
    try:
        yield host
    finally:
        host.server.shutdown()
        thread.join()
        host.server.server_close()


@pytest.fixture
def stash() -> Iterator[Host]:
    with serving() as host:
        yield host


@pytest.fixture
def stranger() -> Iterator[Host]:
    with serving() as host:
        yield host


def followed(stash: Host, path: str) -> tuple[str, dict[str, str]]:
    async def work() -> tuple[str, dict[str, str]]:
        async with httpx.AsyncClient(trust_env=False) as http:
            door = Door("Stash", f"{stash.url}/graphql", KEY, 5.0)
            return await follow(http, door, stash.url, stash.url + path)

    return asyncio.run(work())


def test_a_video_that_is_where_stash_says_is_asked_for_with_the_key(stash: Host) -> None:
    assert followed(stash, "/scene/1/stream") == (f"{stash.url}/scene/1/stream", {"ApiKey": KEY})


def test_a_redirect_within_stash_keeps_the_key(stash: Host) -> None:
    stash.moved["/scene/1/stream"] = "/scene/1/stream.mp4"
    assert followed(stash, "/scene/1/stream") == (f"{stash.url}/scene/1/stream.mp4", {"ApiKey": KEY})
    assert stash.keys == [KEY, KEY]


def test_a_redirect_to_another_host_leaves_the_key_behind(stash: Host, stranger: Host) -> None:
    stash.moved["/scene/1/stream"] = f"{stranger.url}/video"
    assert followed(stash, "/scene/1/stream") == (f"{stranger.url}/video", {})
    assert stranger.keys == [None]


def test_redirects_that_never_end_are_left_to_whoever_asks_next(stash: Host) -> None:
    stash.moved["/scene/1/stream"] = "/scene/1/stream"
    assert followed(stash, "/scene/1/stream")[0] == f"{stash.url}/scene/1/stream"
    assert len(stash.keys) == 5


def test_a_stash_that_is_away_is_left_to_ffmpeg_to_tell(stash: Host) -> None:
    gone = Host()
    gone.server.server_close()
    assert followed(gone, "/scene/1/stream") == (f"{gone.url}/scene/1/stream", {"ApiKey": KEY})
