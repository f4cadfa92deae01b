"""``image_url`` against real servers: what comes, what may not be asked, what takes too long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facedb_sidecar.addresses import Rules, rules
from facedb_sidecar.outbound import ImageFetcher, resolve
from facedb_sidecar.refusals import NotFetched

IMAGE = b"\xff\xd8 an image"
MOST = 1_000_000


@dataclass
class World:
    """A web server on the loopback: paths and what they answer, and who asked."""

    port: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def world() -> Iterator[World]:
    made = World()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            made.asked.append((self.headers["Host"], self.path))
            path, _, query = self.path.partition("?")
            ANSWERS[path](self, query, made)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.stop.set()
    server.shutdown()
    thread.join()
    server.server_close()


def image(to: BaseHTTPRequestHandler, _: str, __: World) -> None:
    to.send_response(200)
    to.send_header("Set-Cookie", "a=b")
    to.end_headers()
    to.wfile.write(IMAGE)


def redirect(to: BaseHTTPRequestHandler, query: str, _: World) -> None:
    to.send_response(302)
    if query:
        to.send_header("Location", query)
    to.end_headers()


def circle(to: BaseHTTPRequestHandler, _: str, world: World) -> None:
    redirect(to, "/circle", world)


def missing(to: BaseHTTPRequestHandler, _: str, __: World) -> None:
    to.send_error(404)


def compressed(to: BaseHTTPRequestHandler, _: str, __: World) -> None:
    to.send_response(200)
    to.send_header("Content-Encoding", "gzip")
    to.end_headers()


def drip(to: BaseHTTPRequestHandler, _: str, world: World) -> None:
    to.send_response(200)
    to.end_headers()
    try:
        while not world.stop.wait(0.02):
            to.wfile.write(b"x")
    except OSError:
        return


def endless(to: BaseHTTPRequestHandler, _: str, world: World) -> None:
    to.send_response(200)
    to.end_headers()
    try:
        while not world.stop.is_set():
            to.wfile.write(b"x" * 65536)
    except OSError:
        return


ANSWERS: dict[str, Callable[[BaseHTTPRequestHandler, str, World], None]] = {
    "/image": image,
    "/redirect": redirect,
    "/circle": circle,
    "/missing": missing,
    "/compressed": compressed,
    "/drip": drip,
    "/endless": endless,
}
LOOPBACK = rules(["127.0.0.1"], [], None)


def get(url: str, allowed: Rules = LOOPBACK, names: object = None, seconds: float = 60) -> bytes:
    how = {"names": names} if names else {}
    fetcher = ImageFetcher(allowed, most_bytes=MOST, seconds=seconds, **how)  # type: ignore[arg-type]
    return asyncio.run(fetcher.get(url))


def refused(url: str, allowed: Rules = LOOPBACK, **how: object) -> str:
    with pytest.raises(NotFetched) as caught:
        get(url, allowed, **how)  # type: ignore[arg-type]
    assert caught.value.detail.startswith("Failed to fetch image: ")
    return str(caught.value)


def at(*addresses: str) -> Callable[[str, int], object]:
    """Every name has these addresses."""

    async def names(host: str, port: int) -> Sequence[str]:
        return addresses

    return names


def test_an_image_comes_from_where_the_settings_allow(world: World) -> None:
    assert get(world.url("/image")) == IMAGE


def test_without_the_setting_nothing_private_is_asked(world: World) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "0", "[::1]", "[::ffff:127.0.0.1]"):
        assert "public" in refused(world.url("/image", host), rules([], [], None)), host
    assert world.asked == []


def test_stash_may_be_asked_at_its_port_and_its_neighbours_may_not(world: World) -> None:
    stash = rules([], [], f"http://localhost:{world.port}")
    assert get(world.url("/image", "localhost"), stash) == IMAGE
    assert get(world.url("/image", "LOCALHOST"), stash) == IMAGE
    assert "public" in refused(world.url("/image"), stash)
    assert "public" in refused("http://localhost:1/image", stash)


def test_deny_wins_over_everything(world: World) -> None:
    for deny in ("127.0.0.0/8", "localhost", "*.nowhere"):
        both = rules(["localhost", "127.0.0.1"], [deny], f"http://localhost:{world.port}")
        host = "a.nowhere" if deny.startswith("*") else "localhost"
        assert refused(world.url("/image", host), both, names=at("127.0.0.1"))
    assert world.asked == []


def test_redirects_are_followed_and_each_is_judged(world: World) -> None:
    assert get(world.url("/redirect?/image")) == IMAGE
    assert get(world.url(f"/redirect?{world.url('/redirect?/image')}")) == IMAGE
    private = world.url(f"/redirect?{world.url('/image', '127.0.0.2')}")
    assert "127.0.0.2 is not at a public address" in refused(private)
    assert "http and https" in refused(world.url("/redirect?file:///etc/passwd"))


def test_a_circle_of_redirects_ends(world: World) -> None:
    assert refused(world.url("/circle")) == "more than 5 redirects"
    assert len(world.asked) == 6


def test_a_name_that_changes_its_mind_changes_nothing(world: World) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    looked = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        looked.append(host)
        return next(answers)

    assert get(world.url("/image", "moody.example"), names=rebinding) == IMAGE
    assert looked == ["moody.example"]
    assert world.asked == [(f"moody.example:{world.port}", "/image")]


def test_of_a_name_s_addresses_only_the_good_ones_are_asked(world: World) -> None:
    both = at("127.0.0.2", "10.0.0.1", "127.0.0.1")
    assert get(world.url("/image", "two.example"), names=both) == IMAGE
    assert "public" in refused(world.url("/image", "two.example"), names=at("127.0.0.2", "::1"))


def test_the_next_address_is_tried_when_one_takes_no_connection(world: World) -> None:
    allowed = rules(["127.0.0.0/8"], [], None)
    # Nothing listens at 127.0.0.3.
    assert get(world.url("/image", "two.example"), allowed, names=at("127.0.0.3", "127.0.0.1")) == IMAGE


def test_what_goes_wrong_is_said(world: World) -> None:
    assert refused(world.url("/missing")) == "HTTP 404 Not Found"
    assert refused(world.url("/redirect")) == "HTTP 302 without a location"
    assert "compressed" in refused(world.url("/compressed"))
    assert refused("http://127.0.0.1:1/image")
    assert "http and https" in refused("ftp://127.0.0.1/image")
    assert "http and https" in refused("nonsense")
    assert refused("http://name.invalid/image", names=resolve)


def test_a_slow_drip_ends_with_the_time(world: World) -> None:
    assert refused(world.url("/drip"), seconds=0.3) == "it did not come within 0.3 seconds"


def test_an_endless_body_ends_with_the_size(world: World) -> None:
    assert refused(world.url("/endless")) == f"larger than {MOST} bytes"


def test_no_proxy_of_the_environment_is_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert get(world.url("/image")) == IMAGE


NOWHERE = ImageFetcher(rules([], [], None), most_bytes=MOST, names=at("10.0.0.1", "fd00::1"))  # type: ignore[arg-type]
URLS = st.text(max_size=60) | st.from_regex(r"https?://[^/]{0,30}(/.{0,20})?", fullmatch=True)


@given(URLS)
@settings(max_examples=150)
def test_any_text_is_fetched_or_refused_and_nothing_private_is_asked(text: str) -> None:
    with pytest.raises(NotFetched):
        asyncio.run(NOWHERE.get(text))
