"""The database panel while nothing moves: what serves, what could, wherever and for whomever it is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from facedb_sidecar.engine import Engine
from facedb_sidecar.settings import Access
from plugin.accessibility import axe
from plugin.database_pages import PAGE, SETTINGS, at_home, badge, fact, home, opened, panel
from plugin.host_page import HostPage
from plugin.sidecars import AtHome, serving
from served import Served
from serving_fixtures import VERSION
from updating import NEW, OLD

__all__ = ["at_home", "home"]

Shoot = Callable[..., Any]


def test_the_panel_says_what_serves_and_that_there_is_nothing_newer(
    page: Page, at_home: HostPage, home: AtHome, shoot: Shoot
) -> None:
    info = requests.get(f"{home.url}/database/info", timeout=60).json()
    shown = opened(page, at_home)
    expect(fact(shown, "Version")).to_have_text(OLD)
    expect(fact(shown, "Performers")).to_have_text(str(info["performer_count"]))
    expect(fact(shown, "Faces")).to_have_text(str(info["face_count"]))
    expect(fact(shown, "Released")).to_have_text("18 Feb 2026")
    expect(fact(shown, "Available")).to_have_text("nothing newer")
    expect(shown.get_by_role("button")).to_have_count(0)
    expect(badge(page)).to_have_text("Faces")
    shoot(page, "database-up-to-date")


def test_the_badge_tells_on_every_page_that_there_is_an_update_and_leads_to_the_panel(
    page: Page, at_home: HostPage, home: AtHome, shoot: Shoot
) -> None:
    home.publish(NEW)
    page.goto(f"{at_home.url}/")
    expect(badge(page)).to_have_text("Faces: update")
    expect(badge(page)).to_have_accessible_name(f"Faces: update. Database {NEW} is available.")
    badge(page).click()
    expect(page).to_have_url(f"{at_home.url}{PAGE}")
    expect(fact(panel(page), "Available")).to_contain_text(NEW)
    expect(panel(page).get_by_role("button", name=f"Update to {NEW} …")).to_be_visible()
    shoot(page, "database-update")


def test_the_panel_is_among_the_plugins_settings_too(page: Page, at_home: HostPage) -> None:
    page.goto(f"{at_home.url}{SETTINGS}")
    expect(fact(panel(page), "Version")).to_have_text(OLD)
    expect(page.locator("#plugin-facedb-sidecarUrl .value")).to_have_text(at_home.settings["sidecarUrl"])


def test_an_old_stash_without_an_api_shows_panel_and_badge_too(page: Page, at_home: HostPage) -> None:
    at_home.api = False
    page.goto(f"{at_home.url}/")
    page.locator(".facedb-badge").click()
    dialog = page.get_by_role("dialog")
    expect(fact(dialog, "Version")).to_have_text(OLD)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)

    page.get_by_role("link", name="Settings").last.click()
    page.get_by_role("link", name="Plugins").click()
    expect(fact(panel(page), "Version")).to_have_text(OLD)
    page.get_by_role("link", name="Tools").click()
    expect(panel(page)).to_have_count(0)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_keeps_anybody_from_using_the_panel_in_either_theme(
    page: Page, at_home: HostPage, home: AtHome, theme: str
) -> None:
    home.publish(NEW)
    shown = opened(page, at_home, f"?theme={theme}")
    expect(shown.get_by_role("button", name="Update to")).to_be_visible()
    expect(shown).to_have_attribute("data-facedb-theme", theme)
    assert axe(page, ".facedb-database") == []
    assert axe(page, ".navbar-buttons .facedb-badge__place") == []
    shown.get_by_role("button", name="Update to").click()
    assert axe(page, ".facedb-dialog") == []


def test_the_panel_works_below_a_prefix(page: Page, home: AtHome) -> None:
    home.start()
    with HostPage(sidecar=home.url, prefix="/stash") as host:
        page.goto(f"{host.url}/scenes")
        badge(page).click()
        expect(page).to_have_url(f"{host.url}{PAGE}")
        expect(fact(panel(page), "Version")).to_have_text(OLD)


def test_a_sidecar_that_asks_for_a_key_refuses_until_the_user_has_set_it(
    page: Page, served: Served, engine: Engine
) -> None:
    settings = replace(served.settings(), access=Access(api_key="open-sesame"))
    with serving(settings, lambda: engine) as url, HostPage(sidecar=url) as host:
        page.goto(f"{host.url}{SETTINGS}")
        expect(panel(page)).to_contain_text("The sidecar refuses")
        page.locator("#plugin-facedb-apiKey").get_by_role("button", name="Edit").click()
        page.get_by_role("textbox", name="API key").fill("open-sesame")
        page.get_by_role("button", name="Confirm").click()
        panel(page).get_by_role("button", name="Ask again").click()
        expect(fact(panel(page), "Version")).to_have_text(VERSION)


def test_a_mistake_in_the_settings_is_not_called_a_silent_sidecar(page: Page, host: HostPage) -> None:
    host.settings["apiKey"] = "open\nsesame"
    page.goto(f"{host.url}{PAGE}")
    expect(panel(page)).to_contain_text("the API key holds characters that no key has")
    expect(panel(page)).not_to_contain_text("does not answer")


def test_a_sidecar_whose_releases_are_somebody_elses_says_so(page: Page, host: HostPage) -> None:
    shown = opened(page, host)
    expect(shown).to_contain_text("Updates are off")
    expect(shown.get_by_role("button")).to_have_count(0)
    expect(badge(page)).to_have_text("Faces")
