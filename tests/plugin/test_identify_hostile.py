"""Names and addresses out of data are only ever text and pictures, whatever they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from builders import Enrolled, make_release
from enrolment import astronaut_photo, enrol
from facedb_release.fetching.fetch import FetchRequest, fetch
from facedb_release.sources.github import GitHub
from facedb_release.version import parse_version
from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.models import load_models
from plugin.host_page import HostPage
from plugin.identify_pages import PICTURES, answered, emptied, opened, said
from plugin.played_host import host
from plugin.played_sidecar import Answer, PlayedSidecar, image_answer, match
from plugin.sidecars import serving
from plugin.watching import Watch
from release_server import ReleaseServer
from served import Served
from stash_server import StashServer

__all__ = ["host"]

TAG = "<img src=x onerror=\"document.title='broken'\">"
TURNED = "\u202eevil\u202c \u2066name"
LONG = "x" * 10_000
VERSION = "2026.03.04"


@pytest.fixture
def played() -> Iterator[PlayedSidecar]:
    with PlayedSidecar() as sidecar:
        yield sidecar


def test_markup_in_a_release_stays_text(
    page: Page, stash: StashServer, served: Served, tmp_path: Any, watched: Watch
) -> None:
    emptied(stash)
    watched.pictures_of(PICTURES)
    person = enrol(TAG, "../../evil", astronaut_photo(), load_models(served.models, "cpu"))
    with (
        serving(
            served.settings(state_dir=tmp_path / "state"),
            lambda: loaded(tmp_path, served, person),
            stash=stash,
        ) as url,
        HostPage(stash.library, sidecar=url) as host,
    ):
        shown = answered(page, host, "image")
        expect(shown.locator("bdi").first).to_have_text(TAG)
        expect(shown.locator(".facedb-identify__over")).to_have_attribute(
            "aria-label", f"Face 1: {TAG}, 99 %"
        )
        expect(shown.get_by_role("link", name="stashdb.org")).to_have_attribute(
            "href", "https://stashdb.org/performers/..%2F..%2Fevil"
        )
        shown.get_by_role("button", name="Add").click()
        expect(shown.locator(".facedb-note")).to_contain_text("Not added.")
        # Whatever is announced is text as well.
        expect(said(page)).to_contain_text("Not added.")
        assert page.title() != "broken"
        assert page.locator("img[src='x']").count() == 0


def loaded(folder: Any, served: Served, person: Enrolled) -> Engine:
    """An engine over a release that holds this person."""
    archive = make_release(folder / "made", VERSION, performers=10, enrolled=[person])
    with ReleaseServer(folder / "root") as server:
        server.publish(archive, tag=f"v{VERSION}")
        source = GitHub("owner/data", server.url)
        fetch(FetchRequest(into=folder / "release", version=parse_version(VERSION), source=source))
    return Engine.load(folder / "release", served.models, "cpu")


def test_names_that_turn_the_text_or_never_end_do_neither(
    page: Page, host: HostPage, played: PlayedSidecar
) -> None:
    played.answers["/identify/image"] = Answer(
        image_answer([match(name=TURNED)], [match(name=LONG, stashdb_id="2", country=LONG)])
    )
    shown = answered(page, host, "image")
    names = shown.locator(".facedb-identify__name bdi:first-child")
    expect(names.nth(0)).to_have_text("evil   name")
    expect(names.nth(1)).to_have_text("x" * 120 + "…")
    for card in shown.locator(".facedb-identify__match").all():
        box, around = card.bounding_box(), shown.bounding_box()
        assert box is not None
        assert around is not None
        assert box["x"] + box["width"] <= around["x"] + around["width"]
    shown.get_by_role("button", name="Add to image: evil").click()
    expect(shown.locator(".facedb-note")).to_contain_text("Not added.")
    (query,) = [body["query"] for path, body in played.asked if path == "/stash/search-performers"]
    assert query == "evil   name"


def test_pictures_come_from_other_hosts_by_http_only(
    page: Page, host: HostPage, played: PlayedSidecar
) -> None:
    here = host.url.removeprefix("http:")
    addresses = [
        "javascript:document.title='broken'",
        "data:image/svg+xml,<svg/>",
        " \x01javascript:1",
        "http://[",
        # Whatever this host does at a GET: Stash's logs the user out.
        "/logout",
        "logout",
        "http:/logout",
        "http:logout",
        f"{here}/logout",
        f"http:{here}/logout",
        f" HTTP:{here}/logout",
        "http://127.0.0.1:9/logout",
        "http://2130706433/logout",
    ]
    faces = [[match(image_url=address)] for address in addresses]
    played.answers["/identify/image"] = Answer(image_answer(*faces))
    shown = answered(page, host, "image")
    expect(shown.locator(".facedb-identify__portrait")).to_have_count(len(addresses))
    expect(shown.locator(".facedb-identify__portrait img")).to_have_count(0)
    assert page.title() != "broken"
    assert not [path for path in host.paths if "logout" in path]


def test_pictures_are_asked_for_without_saying_from_where(
    page: Page, host: HostPage, played: PlayedSidecar, watched: Watch
) -> None:
    watched.pictures_of("https://cdn.example/")
    played.answers["/identify/image"] = Answer(image_answer([match(image_url="https://cdn.example/1.jpg")]))
    shown = answered(page, host, "image")
    picture = shown.locator(".facedb-identify__portrait img")
    expect(picture).to_have_js_property("complete", True)
    (asked,) = watched.outside
    assert "referer" not in asked.headers
    expect(picture).to_have_attribute("loading", "lazy")


def test_what_is_no_host_is_no_link(page: Page, host: HostPage, played: PlayedSidecar) -> None:
    endpoints = ["evil.example/x", "a@evil.example", "javascript:alert(1)", "stashdb.org#", "..", None, 7]
    faces = [[match(endpoint=endpoint)] for endpoint in endpoints]
    played.answers["/identify/image"] = Answer(image_answer(*faces))
    shown = answered(page, host, "image")
    expect(shown.locator(".facedb-identify__name")).to_have_text(["Eileen Collins US"] * len(endpoints))
    expect(shown.get_by_role("link")).to_have_count(0)


def test_somebody_of_no_stash_box_cannot_be_made(page: Page, host: HostPage, played: PlayedSidecar) -> None:
    played.answers["/identify/image"] = Answer(image_answer([match(endpoint=None)]))
    played.answers["/stash/search-performers"] = Answer([])
    shown = answered(page, host, "image")
    shown.get_by_role("button", name="Add").click()
    expect(shown.locator(".facedb-note")).to_contain_text("does not say at which stash-box this performer is")


def test_performers_of_the_library_are_text_too(page: Page, host: HostPage, played: PlayedSidecar) -> None:
    played.answers["/identify/image"] = Answer(image_answer([match()]))
    evil = {"id": "javascript:1", "name": TAG, "disambiguation": TURNED, "stash_ids": None}
    played.answers["/stash/search-performers"] = Answer([evil])
    played.answers["/stash/link-performer"] = Answer(
        {"success": True, "performer_id": "javascript:1", "name": TAG}
    )
    shown = answered(page, host, "image")
    shown.get_by_role("button", name="Add").click()
    shown.get_by_role("button", name=f"Link to {TAG} (evil   name)").click()
    expect(shown.locator(".facedb-identify__there")).to_have_text(f"✓ Added {TAG} to this image.")
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.title() != "broken"


def test_words_of_the_sidecar_are_text(page: Page, host: HostPage, played: PlayedSidecar) -> None:
    played.answers["/identify/image"] = Answer({"detail": TAG + LONG}, 400)
    shown = opened(page, host, "image")
    expect(shown.locator(".facedb-identify__quoted")).to_contain_text(TAG)
    assert len(shown.locator(".facedb-identify__quoted").inner_text()) < 700
    assert page.title() != "broken"


@pytest.mark.parametrize(
    "answer",
    [
        {"faces": None},
        {"faces": [None, 3, {}, {"box": None}]},
        {"faces": [{"box": {"x": -9999, "y": 0, "width": 5, "height": 5}, "matches": None}]},
        {"faces": [{"box": {"x": "a", "y": 0, "width": 5, "height": 5}, "matches": [None, {}, 4]}]},
        {"faces": [{"box": {"x": 0, "y": 0, "width": 5, "height": 5}, "matches": [{"confidence": "much"}]}]},
        {"persons": "x", "errors": "y"},
    ],
)
def test_answers_of_the_wrong_shape_do_not_break_the_dialog(
    page: Page, host: HostPage, played: PlayedSidecar, answer: Any
) -> None:
    played.answers["/identify/image"] = Answer(answer)
    answered(page, host, "image")
