"""The plugin's dialogs: keys stay in them, the focus comes back from them, and nothing of them is left."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from plugin.database_pages import at_home, button, dialog, home, opened
from plugin.host_page import HostPage
from plugin.sidecars import AtHome
from updating import NEW

__all__ = ["at_home", "home"]

# As Mousetrap, Stash's library of shortcuts, listens: letters at keypress, the others at keydown and keyup.
HEAR = """() => {
  window.heard = [];
  for (const kind of ["keydown", "keypress", "keyup"]) {
    document.addEventListener(kind, (event) => window.heard.push(`${kind} ${event.key}`));
  }
}"""
MANY = 20
THEMED = """(many) => {
  window.elements = Array.from({ length: many }, () => {
    const element = facedb.themed(facedb.h("div", {}));
    document.body.append(element);
    element.remove();
    return new WeakRef(element);
  });
}"""
LEFT = "() => window.elements.filter((element) => element.deref()).length"


@pytest.fixture
def offered(page: Page, at_home: HostPage, home: AtHome) -> Page:
    """The panel, with an update that was asked for and not yet confirmed."""
    home.publish(NEW)
    shown = opened(page, at_home)
    button(shown, f"Update to {NEW} …").click()
    expect(dialog(page)).to_be_visible()
    return page


def test_shortcuts_of_the_page_hear_nothing_of_what_is_typed_over_a_dialog(offered: Page) -> None:
    offered.evaluate(HEAR)
    offered.keyboard.press("o")
    # A click on plain text takes the focus out of it.
    dialog(offered).get_by_role("heading").click()
    offered.evaluate("document.activeElement.blur()")
    offered.keyboard.press("d")
    assert offered.evaluate("window.heard") == []
    offered.keyboard.press("Escape")
    expect(dialog(offered)).to_have_count(0)
    offered.keyboard.press("o")
    assert "keypress o" in offered.evaluate("window.heard")


def test_the_focus_comes_back_though_the_page_was_drawn_anew_meanwhile(offered: Page) -> None:
    was = button(offered.locator("body"), f"Update to {NEW} …").element_handle()
    offered.evaluate("() => facedb.database.refresh()")
    offered.wait_for_function("(was) => !was.isConnected", arg=was)
    offered.keyboard.press("Escape")
    expect(button(offered.locator("body"), f"Update to {NEW} …")).to_be_focused()


def test_what_was_taken_out_of_the_page_is_not_held(offered: Page) -> None:
    offered.evaluate(THEMED, MANY)
    offered.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    tools = offered.context.new_cdp_session(offered)
    tools.send("HeapProfiler.collectGarbage")
    assert offered.evaluate(LEFT) == 0
