"""A dialog has its keys for itself, says its news within, and leaves nothing behind when it is closed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from plugin.host_page import HostPage
from plugin.identify_pages import answered, dialog
from plugin.played_host import host
from plugin.played_sidecar import PlayedSidecar, image_answer, match
from plugin.watching import ready

__all__ = ["host"]

# As Stash's shortcuts do: Mousetrap hears letters by keypress.
LISTEN = """() => {
  window.heard = [];
  for (const kind of ["keydown", "keypress", "keyup"]) {
    document.addEventListener(kind, (event) => window.heard.push(`${kind} ${event.key}`));
  }
}"""


@pytest.fixture
def played() -> Iterator[PlayedSidecar]:
    with PlayedSidecar(image=image_answer([match()])) as sidecar:
        yield sidecar


@pytest.mark.parametrize("api", ["here", "none"])
def test_keys_of_a_dialog_are_no_shortcuts_of_the_page(page: Page, host: HostPage, api: str) -> None:
    answered(page, host, "image", query=f"?api={api}")
    page.evaluate(LISTEN)
    dialog(page).get_by_role("button", name="Close").last.focus()
    page.keyboard.press("o")
    # A click on plain text takes the focus out of it.
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("d")
    assert page.evaluate("() => window.heard") == []
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    page.keyboard.press("o")
    assert "keypress o" in page.evaluate("() => window.heard")


def test_what_is_announced_is_said_within_the_modal_part(page: Page, host: HostPage) -> None:
    answered(page, host, "image")
    expect(page.locator("[aria-modal] .facedb-live")).to_contain_text("1 face found")


def test_a_dialog_that_was_closed_takes_no_memory(page: Page, host: HostPage) -> None:
    page.goto(f"{host.url}/images/1")
    ready(page)
    page.evaluate("""() => new Promise((drawn) => {
      const open = facedb.dialog({ title: "One", body: "of many" });
      window.left = new WeakRef(open.element);
      open.close();
      requestAnimationFrame(() => requestAnimationFrame(() => drawn()));
    })""")
    page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
    assert page.evaluate("() => window.left.deref() === undefined")


def test_what_stays_follows_the_theme(page: Page, host: HostPage) -> None:
    answered(page, host, "image")
    layer = page.locator(".facedb-dialog")
    opener = page.locator(".facedb-identify-place")
    expect(layer).to_have_attribute("data-facedb-theme", "dark")
    page.evaluate("() => (document.body.className = 'light')")
    for element in (layer, opener):
        expect(element).to_have_attribute("data-facedb-theme", "light")
