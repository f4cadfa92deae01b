"""The client against a real HTTP server that checks queries with graphql-core: answers, faults, writing."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import httpx
import pytest

from facedb_sidecar.settings import StashSettings
from facedb_sidecar.stash import transport
from facedb_sidecar.stash.answers import StashId
from facedb_sidecar.stash.client import StashClient, open_stash
from facedb_sidecar.stash.errors import (
    StashBroken,
    StashError,
    StashRefused,
    StashRejected,
    StashUnreachable,
)
from stash_schema import OLD_STASH
from stash_server import StashServer

T = TypeVar("T")

KEY = "not-for-logs-7f3a"
BOX = "https://stashdb.org/graphql"


@pytest.fixture
def stash() -> Iterator[StashServer]:
    with StashServer(api_key=KEY) as server:
        yield server


def ask(
    stash: StashServer,
    question: Callable[[StashClient], Awaitable[T]],
    *,
    key: str | None = KEY,
    timeout_s: float = 60.0,
    url: str | None = None,
) -> T:
    """One client, one question; retries do not wait."""

    async def run() -> T:
        async def at_once(_: float) -> None:
            await asyncio.sleep(0)

        settings = StashSettings(url or stash.url, key, timeout_s)
        async with httpx.AsyncClient(timeout=timeout_s) as http:
            client = StashClient(settings, lambda: 0.0, http=http, most_media_bytes=5000, sleep=at_once)
            return await question(client)

    return asyncio.run(run())


def test_a_scene_comes_with_its_files_paths_and_performers(stash: StashServer) -> None:
    who = stash.library.add_performer("Ann", stash_ids=[{"endpoint": BOX, "stash_id": "a-1"}])
    stash.library.add_scene("7", None, performers=[stash.library.performers[who]])
    scene = ask(stash, lambda c: c.scene("7"))
    assert scene is not None
    assert (scene.id, scene.title, scene.files[0].duration) == ("7", "Scene 7", 10.0)
    assert (scene.files[0].width, scene.files[0].height) == (320, 240)
    assert scene.performers[0].stash_ids == (StashId(BOX, "a-1"),)
    assert scene.paths.screenshot == f"{stash.url}/scene/7/screenshot"
    assert ask(stash, lambda c: c.scene("8")) is None


def test_images_and_galleries_come_page_by_page(stash: StashServer) -> None:
    numbers = [str(n) for n in range(1, 451)]
    for number in numbers:
        stash.library.add_image(number, None)
    stash.library.add_gallery("3", numbers)

    async def all_of(client: StashClient) -> list[str]:
        return [image.id async for page in client.gallery_images("3") for image in page]

    assert sorted(ask(stash, all_of), key=int) == numbers
    assert stash.operations == ["GalleryImages"] * 3
    gallery = ask(stash, lambda c: c.gallery("3"))
    assert gallery is not None
    assert gallery.image_count == 450
    assert ask(stash, lambda c: c.gallery("4")) is None
    page = ask(stash, lambda c: c.image_ids(2, 100))
    assert (page.ids[0], len(page.ids), page.total) == ("101", 100, 450)
    assert ask(stash, lambda c: c.scene_ids(1, 10)).ids == ()


def test_performers_are_found_by_words_and_by_stash_id(stash: StashServer) -> None:
    stash.library.add_performer("Ann Lee", alias_list=["Annie"])
    stash.library.add_performer("Bea", stash_ids=[{"endpoint": BOX, "stash_id": "B-2"}])
    assert [p.name for p in ask(stash, lambda c: c.search_performers("annie"))] == ["Ann Lee"]
    found = ask(stash, lambda c: c.performer_of(StashId(BOX, "b-2")))
    assert found is not None
    assert found.name == "Bea"
    assert ask(stash, lambda c: c.performer_of(StashId("https://fansdb.cc/graphql", "b-2"))) is None


@pytest.mark.parametrize("kind", ["scene", "image", "gallery"])
def test_adding_a_performer_keeps_those_that_are_there(stash: StashServer, kind: str) -> None:
    ann, bea = (stash.library.add_performer(name) for name in ("Ann", "Bea"))
    stash.library.add_scene("5", None)
    stash.library.add_image("5", None)
    stash.library.add_gallery("5", ["5"])

    async def both(client: StashClient) -> None:
        assert await client.exists(kind, "5")
        assert not await client.exists(kind, "6")
        await asyncio.gather(*(client.add_performer(kind, "5", who) for who in (ann, bea, ann)))

    ask(stash, both)
    rows = {"scene": stash.library.scenes, "image": stash.library.images, "gallery": stash.library.galleries}
    assert sorted(p["name"] for p in rows[kind]["5"]["performers"]) == ["Ann", "Bea"]


def test_two_clicks_make_one_performer(stash: StashServer) -> None:
    who = StashId(BOX, "c-3")

    async def click_twice(client: StashClient) -> list[bool]:
        made = await asyncio.gather(*(client.create_performer({"name": "Cat"}, who) for _ in range(2)))
        return [new for _, new in made]

    assert ask(stash, click_twice) == [True, False]
    assert [p["name"] for p in stash.library.performers.values()] == ["Cat"]


@pytest.mark.parametrize(("schema", "field"), [(None, "urls"), (OLD_STASH, "url")], ids=["new", "old"])
def test_a_performer_is_made_with_the_fields_that_this_stash_knows(schema: str | None, field: str) -> None:
    fields = {"name": "Dee", "url": "https://x.test/d", "urls": ["https://x.test/d"], "shoe_size": 38}
    with StashServer(api_key=KEY, **({"schema": schema} if schema else {})) as stash:
        ask(stash, lambda c: c.create_performer(fields, StashId(BOX, "d-4")))
        made = stash.library.performers["1"]
        assert made[field]
        assert {"url", "urls"} & made.keys() == {field}


def test_further_stash_ids_are_added_to_those_that_are_there(stash: StashServer) -> None:
    who = stash.library.add_performer("Eve", stash_ids=[{"endpoint": BOX, "stash_id": "e-5"}])
    more = (StashId("https://fansdb.cc/graphql", "e-6"), StashId(BOX, "e-5"))
    ask(stash, lambda c: c.add_stash_ids(who, more))
    assert [i["stash_id"] for i in stash.library.performers[who]["stash_ids"]] == ["e-5", "e-6"]
    stash.operations.clear()
    ask(stash, lambda c: c.add_stash_ids(who, more))
    assert stash.operations == ["Performer"]
    assert ask(stash, lambda c: c.add_stash_ids("99", more)) is None


def test_status_names_version_and_boxes_but_no_keys(stash: StashServer) -> None:
    stash.library.boxes.append({"endpoint": BOX, "api_key": "box-secret", "name": "StashDB"})
    status = ask(stash, lambda c: c.status())
    assert (status.connected, status.version, status.error) == (True, "v0.28.1", None)
    assert status.stash_boxes == (("StashDB", BOX),)
    assert "box-secret" not in repr(ask(stash, lambda c: c.stash_boxes()))
    stash.faults.status = 401
    status = ask(stash, lambda c: c.status())
    assert not status.connected
    assert "API key" in str(status.error)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxys_failure_is_asked_again(stash: StashServer, status: int) -> None:
    stash.faults.status, stash.faults.times = status, 2
    assert ask(stash, lambda c: c.version()) == "v0.28.1"


def test_a_cut_connection_is_asked_again_and_at_last_told(stash: StashServer) -> None:
    stash.faults.cut, stash.faults.times = True, 2
    assert ask(stash, lambda c: c.version()) == "v0.28.1"
    stash.faults.times = 100
    with pytest.raises(StashUnreachable, match="cannot be reached"):
        ask(stash, lambda c: c.version())


def test_a_mutation_is_sent_once(stash: StashServer) -> None:
    stash.faults.status, stash.faults.times = 503, 1
    with pytest.raises(StashUnreachable, match="HTTP 503"):
        ask(stash, lambda c: c.add_performer("scene", "1", "1"))
    assert stash.operations == []


def test_nobody_at_the_door_is_unreachable(stash: StashServer) -> None:
    with pytest.raises(StashUnreachable) as caught:
        ask(stash, lambda c: c.version(), url="http://127.0.0.1:9")
    assert not caught.value.late


def test_a_server_that_does_not_answer_is_late(stash: StashServer) -> None:
    stash.faults.hold = threading.Event()
    with pytest.raises(StashUnreachable, match=r"did not answer within 0\.2 s") as caught:
        ask(stash, lambda c: c.version(), timeout_s=0.2)
    assert caught.value.late


@pytest.mark.parametrize("status", [401, 403, 302])
def test_a_wrong_key_is_told_as_such(stash: StashServer, status: int) -> None:
    stash.faults.status = status
    with pytest.raises(StashRefused, match="API key is missing or wrong"):
        ask(stash, lambda c: c.version())


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"data": 5}', b'{"data": null}', b"\xff\xfe", b'{"data": {"version": 3}}']
)
def test_what_is_no_answer_is_told_as_such(stash: StashServer, body: bytes) -> None:
    stash.faults.body = body
    with pytest.raises(StashBroken):
        ask(stash, lambda c: c.version())


@pytest.mark.parametrize("status", [500, 404, 418])
def test_other_statuses_are_not_asked_again(stash: StashServer, status: int) -> None:
    stash.faults.status, stash.faults.times = status, 1
    with pytest.raises(StashBroken, match=f"HTTP {status}"):
        ask(stash, lambda c: c.version())


def test_an_endless_answer_is_cut_off(stash: StashServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST_ANSWER_BYTES", 1000)
    stash.faults.body = b'{"data": "' + b"x" * 2000 + b'"}'
    with pytest.raises(StashBroken, match="more than 1000 bytes"):
        ask(stash, lambda c: c.version())


def test_a_large_answer_is_decoded_all_the_same(stash: StashServer) -> None:
    stash.faults.body = b'{"data": {"version": {"version": "' + b"x" * 400_000 + b'"}}}'
    assert ask(stash, lambda c: c.version()) == "x" * 400_000


def test_graphqls_own_words_are_handed_on(stash: StashServer) -> None:
    with pytest.raises(StashRejected, match=r"strconv\.Atoi"):
        ask(stash, lambda c: c.scene("one"))


def test_the_key_is_in_no_message_and_in_no_log(stash: StashServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stash.faults.errors = (f"key {KEY} is bad",)
    said = []
    for key in (KEY, KEY + "\n", KEY + "ü"):
        with pytest.raises(StashError) as caught:
            ask(stash, lambda c: c.version(), key=key)
        said.append(caught.value.message)
    assert said[0] == "Stash refused: key *** is bad"
    assert KEY not in "".join(said) + caplog.text


def test_pictures_come_from_stash_url_and_in_bounds(stash: StashServer) -> None:
    stash.library.add_image("1", b"p" * 4000)
    stash.library.add_image("2", b"p" * 6000)
    stash.library.base = "https://elsewhere.example"
    stash.library.add_image("3", b"q" * 10)

    async def fetch(client: StashClient, image_id: str) -> bytes:
        image = await client.image(image_id)
        assert image is not None
        return await client.image_bytes(image)

    assert ask(stash, lambda c: fetch(c, "1")) == b"p" * 4000
    with pytest.raises(StashBroken, match="more than 5000 bytes"):
        ask(stash, lambda c: fetch(c, "2"))
    # The key does not go to another host: the same picture is asked for at STASH_URL.
    assert ask(stash, lambda c: fetch(c, "3")) == b"q" * 10
    stash.faults.media_status["/image/1/image"] = 404
    with pytest.raises(StashBroken, match="HTTP 404"):
        ask(stash, lambda c: fetch(c, "1"))


def test_without_a_url_there_is_no_client() -> None:
    async def run() -> None:
        async with open_stash(StashSettings(), lambda: 1.0) as client:
            assert client is None
        async with open_stash(StashSettings("http://127.0.0.1:9"), lambda: 1.0) as client:
            assert client is not None
            assert client.rate_stats().total_requests == 0

    asyncio.run(run())
