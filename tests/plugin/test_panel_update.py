"""An update from the panel, at home: the question before it, its progress wherever one looks, its end."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from plugin.database_pages import (
    SLOW,
    at_home,
    badge,
    button,
    change_to,
    dialog,
    fact,
    home,
    opened,
    panel,
    progress,
    serves,
)
from plugin.host_page import HostPage
from plugin.sidecars import AtHome
from update_fixtures import large
from updating import NEW, OLD

__all__ = ["at_home", "home", "large"]

Shoot = Callable[..., Any]
TRANSFER = re.compile(r"[1-5]\.\d MB of 6\.5 MB · \d+ kB/s · about \d+ s left")


def begun(page: Page, host: HostPage, word: str = "Update") -> Locator:
    """Begin the update; the panel with its progress."""
    shown = opened(page, host)
    change_to(shown, NEW, word)
    expect(progress(shown)).to_be_visible()
    return shown


def test_before_an_update_a_dialog_says_its_size_and_that_nothing_is_interrupted(
    page: Page, at_home: HostPage, home: AtHome, large: Path, shoot: Shoot
) -> None:
    home.publish(NEW, large)
    shown = opened(page, at_home)
    button(shown, f"Update to {NEW} …").click()
    asked = dialog(page)
    expect(asked).to_have_accessible_name(f"Update to {NEW}?")
    size = round(large.stat().st_size / 1e6)
    expect(asked).to_contain_text(f"About {size:.1f} MB are downloaded")
    expect(asked).to_contain_text("No interruption.")
    expect(asked).to_contain_text(f"{OLD} goes on serving")
    shoot(page, "database-confirm", asked)
    asked.get_by_role("button", name="Cancel").click()
    expect(asked).to_have_count(0)
    expect(button(shown, f"Update to {NEW} …")).to_be_focused()
    assert "db_update" not in at_home.modes()


def test_where_memory_is_for_one_release_the_dialog_announces_the_gap(page: Page, home: AtHome) -> None:
    home.one_at_a_time()
    home.publish(NEW)
    home.start()
    with HostPage(sidecar=home.url) as host:
        button(opened(page, host), f"Update to {NEW} …").click()
        # As long as the old one took to load, on this machine now.
        expect(dialog(page)).to_contain_text(
            re.compile(r"An interruption of about \d+ s: nobody is identified meanwhile\.")
        )


def test_an_update_is_followed_from_its_first_byte_to_its_end_wherever_one_looks(
    page: Page,
    at_home: HostPage,
    home: AtHome,
    large: Path,
    open_page: Callable[[], Page],
    shoot: Shoot,
) -> None:
    home.publish(NEW, large)
    home.server.faults.bytes_per_second = SLOW
    shown = begun(page, at_home)
    expect(shown).to_contain_text(f"Update to {NEW}: Downloading")
    expect(shown).to_contain_text(TRANSFER)
    expect(badge(page)).to_contain_text("%")
    expect(fact(shown, "Version")).to_have_text(OLD)
    shoot(page, "database-progress", shown)

    # A reload in the middle, and somebody else's window, see the same update.
    page.reload()
    expect(progress(shown)).to_have_accessible_name(f"Update to {NEW}")
    second = open_page()
    second.goto(f"{at_home.url}/scenes")
    expect(badge(second)).to_contain_text("%")
    badge(second).click()
    expect(progress(panel(second))).to_be_visible()

    home.server.faults.bytes_per_second = None
    for window in (page, second):
        serves(panel(window), NEW)
        expect(panel(window)).to_contain_text(f"{NEW} serves now")
        expect(fact(panel(window), "Available")).to_have_text("nothing newer")
        expect(badge(window)).to_have_text("Faces")
    shoot(page, "database-done", shown)
    button(shown, "OK").click()
    expect(shown).not_to_contain_text("serves now")


def test_progress_only_rises_every_two_seconds_and_what_serves_is_not_offered(
    page: Page, at_home: HostPage, home: AtHome, large: Path
) -> None:
    home.publish(NEW, large)
    home.server.faults.bytes_per_second = SLOW
    page.add_init_script("""
      window.asked = [];
      window.shown = [];
      window.offered = [];
      const ask = window.fetch;
      window.fetch = (where, how) => {
        if (how && how.body && how.body.includes('"db_overview"')) window.asked.push(performance.now());
        return ask(where, how);
      };
      new MutationObserver(() => {
        const bar = document.querySelector("[role=progressbar]");
        if (bar) window.shown.push(Number(bar.getAttribute("aria-valuenow")));
        const panel = document.querySelector(".facedb-database");
        const serves = panel && panel.querySelector("dd")?.textContent;
        const texts = panel ? [...panel.querySelectorAll("button")].map((button) => button.textContent) : [];
        window.offered.push(...texts.filter((text) => serves && text.includes(serves)));
      }).observe(document, { childList: true, subtree: true });
    """)
    shown = begun(page, at_home)
    page.evaluate("window.asked.length = 0")
    page.wait_for_function("() => window.asked.length >= 3")
    asked = json.loads(page.evaluate("JSON.stringify(window.asked)"))
    pauses = [after - before for before, after in itertools.pairwise(asked)]
    # From answer to question; a backend's process has its own time on top.
    assert all(pause >= 1900 for pause in pauses), pauses
    home.server.faults.bytes_per_second = None
    serves(shown, NEW)
    seen = json.loads(page.evaluate("JSON.stringify(window.shown)"))
    assert seen == sorted(seen)
    # What serves was never offered.
    assert json.loads(page.evaluate("JSON.stringify(window.offered)")) == []


def test_an_update_is_begun_and_read_with_the_keyboard_alone(
    page: Page, at_home: HostPage, home: AtHome
) -> None:
    home.publish(NEW)
    page.goto(f"{at_home.url}/")
    expect(badge(page)).to_have_text("Faces: update")
    badge(page).focus()
    page.keyboard.press("Enter")
    shown = panel(page)
    start = button(shown, f"Update to {NEW} …")
    expect(start).to_be_visible()
    while not start.evaluate("button => button === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(dialog(page).get_by_role("button", name="Update", exact=True)).to_be_focused()
    # Tab goes round within the dialog, and Escape leaves it as it was.
    for _ in range(5):
        page.keyboard.press("Tab")
        assert dialog(page).evaluate("dialog => dialog.contains(document.activeElement)")
    page.keyboard.press("Escape")
    expect(start).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    serves(shown, NEW)
    expect(page.locator(".facedb-live")).to_have_text(f"{NEW} serves now.")
