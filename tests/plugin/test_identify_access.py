"""Identify by keyboard alone, for screen readers, in both themes: what axe-core finds, and pictures of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from plugin.accessibility import axe
from plugin.host_page import HostPage
from plugin.identify_pages import PICTURES, SMALL, answered, dialog, emptied, names_in, opened, opener, said
from plugin.played_sidecar import PlayedSidecar, busy, image_answer, match
from plugin.watching import Watch
from stash_server import StashServer

THEMES = ("dark", "light")
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def world(stash: StashServer, watched: Watch) -> None:
    emptied(stash)
    watched.pictures_of(PICTURES)


@pytest.fixture
def played(stash: StashServer) -> Iterator[PlayedSidecar]:
    with PlayedSidecar(image=busy(90)) as sidecar:
        yield sidecar


def focused(page: Page) -> str:
    """What has the focus: its name for screen readers, else its text."""
    name: str = page.evaluate(
        "() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
    )
    return name


def tab_to(page: Page, start: str) -> None:
    """Press Tab until something whose name begins so has the focus."""
    passed = []
    for _ in range(60):
        page.keyboard.press("Tab")
        passed.append(focused(page))
        if passed[-1].startswith(start):
            return
    raise AssertionError(f"{start!r} is not reached by Tab, but {passed}")


def test_all_of_it_goes_by_keyboard(page: Page, host: HostPage, stash: StashServer) -> None:
    page.goto(f"{host.url}/images/1")
    expect(opener(page)).to_be_visible()
    tab_to(page, "Identify")
    page.keyboard.press("Enter")
    shown = dialog(page)
    expect(shown.locator(".facedb-identify__over")).to_be_visible(timeout=120_000)
    # The box on the picture lights its entry, and leads to it.
    tab_to(page, "Face 1: ")
    expect(shown.locator(".facedb-identify__face")).to_have_class("facedb-identify__face is-lit")
    expect(shown.locator(".facedb-identify__box")).to_have_class("facedb-identify__box is-lit")
    page.keyboard.press("Enter")
    assert shown.locator(".facedb-identify__face").evaluate("face => face.contains(document.activeElement)")
    tab_to(page, "Add to image: Eileen Collins")
    page.keyboard.press("Space")
    expect(shown.get_by_role("link", name="Made Eileen Collins")).to_be_focused()
    expect(said(page)).to_have_text("Made Eileen Collins and added to this image.")
    assert names_in(stash.library.images) == ["Eileen Collins"]
    # Tab stays inside; Esc leads back to where it began.
    for _ in range(12):
        page.keyboard.press("Tab")
        assert shown.evaluate("dialog => dialog.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    expect(opener(page)).to_be_focused()


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_wrong_with_the_answers(
    page: Page, host: HostPage, theme: str, shoot: Callable[..., Any]
) -> None:
    host.theme = theme
    page.set_viewport_size(SMALL)
    page.goto(f"{host.url}/images/1")
    expect(opener(page)).to_have_attribute("data-facedb-health", "ready")
    assert axe(page, ".facedb-identify-place") == []
    for kind in ("image", "gallery"):
        shown = answered(page, host, kind)
        if kind == "image":
            expect(shown.locator(".facedb-identify__over")).to_be_visible()
            if theme == "light":
                shoot(page, "identify-light", shown)
        assert axe(page, ".facedb-dialog") == []
    expect(page.locator(".facedb-dialog")).to_have_attribute("data-facedb-theme", theme)


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_wrong_with_the_states(
    page: Page, host: HostPage, played: PlayedSidecar, theme: str
) -> None:
    host.theme = theme
    for address, words in ((played.url, "Trying again in"), (NOWHERE, "Nobody answers at")):
        host.settings["sidecarUrl"] = address
        shown = opened(page, host, "image")
        expect(shown.locator(".facedb-note")).to_contain_text(words)
        assert axe(page, ".facedb-dialog") == []


@pytest.mark.parametrize("theme", THEMES)
def test_axe_finds_nothing_wrong_with_a_question_and_an_end(
    page: Page, host: HostPage, stash: StashServer, theme: str
) -> None:
    stash.library.add_performer("Eileen Collins of Elsewhere")
    host.theme = theme
    shown = answered(page, host, "image")
    shown.get_by_role("button", name="Add").click()
    expect(shown.get_by_role("group", name="Your library has performers of a like name.")).to_be_visible()
    assert axe(page, ".facedb-dialog") == []
    shown.get_by_role("button", name="No, make a new performer").click()
    expect(shown.locator(".facedb-identify__there")).to_be_visible()
    assert axe(page, ".facedb-dialog") == []


def test_a_person_who_wants_no_motion_sees_none(page: Page, host: HostPage, played: PlayedSidecar) -> None:
    host.settings["sidecarUrl"] = played.url
    page.emulate_media(reduced_motion="reduce")
    page.route(
        "**/graphql",
        lambda route: None if "identify_image" in str(route.request.post_data) else route.continue_(),
    )
    shown = opened(page, host, "image")
    spinner = shown.locator(".facedb-identify__spinner")
    expect(spinner).to_have_css("animation-name", "none")


def test_many_faces_fit_a_small_screen(page: Page, host: HostPage, played: PlayedSidecar) -> None:
    faces = [[match(stashdb_id=str(at), name=f"Somebody {at}")] for at in range(4)]
    with PlayedSidecar(image=image_answer(*faces)) as crowd:
        host.settings["sidecarUrl"] = crowd.url
        page.set_viewport_size({"width": 375, "height": 700})
        shown = answered(page, host, "image")
        expect(shown.locator(".facedb-identify__over")).to_have_count(4)
        wide = shown.evaluate("dialog => [dialog.scrollWidth, dialog.clientWidth]")
        assert wide[0] <= wide[1]
        shown.get_by_role("button", name="Add to image: Somebody 3").scroll_into_view_if_needed()
        expect(shown.get_by_role("button", name="Add to image: Somebody 3")).to_be_in_viewport()
