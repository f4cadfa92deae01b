"""What browser tests of Identify do again and again: open it, wait for its answer, read what it shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests
from playwright.sync_api import Locator, Page, ViewportSize, expect

from plugin.browsing import PATIENCE_MS
from plugin.host_page import HostPage
from stash_server import StashServer

# Of the performers of releases that builders.py makes.
PICTURES = "https://images.example/"
# A photo fills most of these pictures: they are kept small.
SMALL: ViewportSize = {"width": 960, "height": 520}
BOX_NAME = "stashdb.org"
PATHS = {"scene": "scenes", "image": "images", "gallery": "galleries"}


def opener(page: Page) -> Locator:
    """The button on the page."""
    return page.locator(".facedb-identify__open")


def opened(page: Page, host: HostPage, kind: str, object_id: str = "1", query: str = "") -> Locator:
    """Go there and press Identify; the dialog."""
    page.goto(f"{host.url}/{PATHS[kind]}/{object_id}{query}")
    opener(page).click()
    return dialog(page)


def answered(page: Page, host: HostPage, kind: str, object_id: str = "1", query: str = "") -> Locator:
    """The dialog with its answer."""
    shown = opened(page, host, kind, object_id, query)
    expect(shown.locator(".facedb-identify__summary")).to_be_visible(timeout=2 * PATIENCE_MS)
    return shown


def dialog(page: Page) -> Locator:
    """The dialog that is open."""
    return page.get_by_role("dialog")


def said(page: Page) -> Locator:
    """What screen readers are told."""
    return page.locator(".facedb-live")


def emptied(stash: StashServer) -> None:
    """Nobody in the library, and a stash-box by the name that releases have for it."""
    library = stash.library
    library.performers.clear()
    for rows in (library.scenes, library.images, library.galleries):
        for row in rows.values():
            row["performers"].clear()
    library.boxes[0]["name"] = BOX_NAME


def names_in(rows: dict[str, dict[str, Any]], object_id: str = "1") -> list[str]:
    """Who is in it, by Stash."""
    return [performer["name"] for performer in rows[object_id]["performers"]]


def asked_of(sidecar: str, path: str, body: dict[str, Any]) -> Any:
    """The sidecar's own answer, without browser and plugin."""
    answer = requests.post(f"{sidecar}{path}", json=body, timeout=120)
    answer.raise_for_status()
    return answer.json()


def few_frames(sidecar: str, number: int = 10) -> None:
    """A scene is looked at in so many frames: as few as the settings allow."""
    said = requests.put(f"{sidecar}/settings/num_frames", json={"value": number}, timeout=60)
    assert said.ok, said.text


def modes(host: HostPage, *wanted: str) -> list[str]:
    """The operations that have ended, of these."""
    return [mode for mode in host.modes() if mode in wanted]


def until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait for something outside the page, while the page lives on."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline:
        if condition():
            return
        page.wait_for_timeout(25)
    raise AssertionError("it did not happen")
