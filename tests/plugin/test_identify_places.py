"""Where the button of Identify stands: in Stash's toolbars, else in a corner; with PluginApi and without."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from plugin.host_page import HostPage
from plugin.identify_pages import PATHS, PICTURES, answered, emptied, opener
from plugin.watching import Watch
from stash_server import StashServer


@pytest.fixture(autouse=True)
def world(stash: StashServer, watched: Watch) -> None:
    emptied(stash)
    watched.pictures_of(PICTURES)


@pytest.mark.parametrize("api", ["here", "none"])
def test_each_toolbar_has_it_once(page: Page, host: HostPage, api: str) -> None:
    for kind, path in PATHS.items():
        page.goto(f"{host.url}/{path}/1?api={api}")
        group = page.locator(f".{kind}-toolbar-group:last-child")
        expect(group.locator(".facedb-identify__open")).to_be_visible()
        expect(group.locator("#operation-menu")).to_be_visible()
        expect(opener(page)).to_have_count(1)


def test_other_pages_have_none(page: Page, host: HostPage) -> None:
    for path in ("", "/scenes", "/images", "/performers/1/scenes", "/settings?tab=plugins"):
        page.goto(f"{host.url}{path}")
        page.wait_for_selector("nav.top-nav")
        page.wait_for_function("() => window.facedb?.identify?.open")
        assert opener(page).count() == 0


def test_it_follows_from_page_to_page_without_a_load(page: Page, host: HostPage) -> None:
    page.goto(f"{host.url}/images")
    page.get_by_role("link", name="image 2").click()
    expect(page.locator(".image-toolbar .facedb-identify__open")).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="image 1").click()
    expect(page.locator(".image-toolbar .facedb-identify__open")).to_have_count(1)
    opener(page).click()
    expect(page.locator("bdi").first).to_have_text("Eileen Collins", timeout=60_000)
    (run,) = [run for run in host.plugin.runs if run.mode == "identify_image"]
    assert run.args["image_id"] == "1"


def test_a_toolbar_that_is_drawn_anew_gets_it_again(page: Page, host: HostPage) -> None:
    page.goto(f"{host.url}/scenes/1")
    expect(page.locator(".scene-toolbar .facedb-identify__open")).to_be_visible()
    page.evaluate(
        """() => {
          const old = document.querySelector(".scene-toolbar");
          const anew = old.cloneNode(false);
          old.replaceWith(anew);
        }"""
    )
    expect(page.locator(".scene-toolbar .facedb-identify__open")).to_have_count(1)


def test_a_page_without_a_toolbar_has_it_in_the_corner(page: Page, host: HostPage) -> None:
    page.add_init_script(
        """new MutationObserver(() => {
          for (const bar of document.querySelectorAll(".scene-toolbar")) bar.className = "old-bar";
        }).observe(document, { childList: true, subtree: true });"""
    )
    page.goto(f"{host.url}/scenes/1")
    expect(page.locator("body > .facedb-identify-place.is-fixed")).to_be_visible()
    expect(opener(page)).to_be_in_viewport(ratio=1)
    expect(opener(page)).to_have_count(1)


def test_behind_a_proxys_prefix_and_without_pluginapi_all_works(
    stash: StashServer, sidecar: str, page: Page
) -> None:
    with HostPage(stash.library, sidecar=sidecar, api=False, prefix="/stash") as host:
        shown = answered(page, host, "image")
        expect(shown.locator(".facedb-identify__over")).to_be_visible()
        shown = answered(page, host, "gallery")
        link = shown.get_by_role("link", name="Image 1")
        expect(link).to_have_attribute("href", f"{host.url}/images/1")
        shown.get_by_role("button", name="Add").click()
        expect(shown.locator(".facedb-identify__there")).to_contain_text("Made Eileen Collins")
