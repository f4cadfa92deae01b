"""Identify while the sidecar is slow, busy, away or of another opinion; and its health on the button."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from edge_server import in_thread
from facedb_sidecar.app import create_app
from facedb_sidecar.engine import Engine
from facedb_sidecar.settings import StashSettings
from plugin.host_page import HostPage
from plugin.identify_pages import PICTURES, dialog, emptied, modes, opened, opener, said, until
from plugin.played_host import host
from plugin.played_sidecar import Answer, PlayedSidecar, busy, image_answer, match
from plugin.watching import Watch
from served import Served
from stash_server import StashServer
from stash_stock import KEY

__all__ = ["host"]

FOUND = image_answer([match()])
# Nobody listens on the port of "discard".
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def played() -> Iterator[PlayedSidecar]:
    with PlayedSidecar(image=FOUND) as sidecar:
        yield sidecar


def asked_more_than(played: PlayedSidecar, times: int) -> bool:
    return played.count("/identify/image") > times


def note(shown: Locator) -> Locator:
    return shown.locator(".facedb-note")


def test_a_sidecar_that_nobody_finds_is_named_and_found_again(
    page: Page, host: HostPage, played: PlayedSidecar, shoot: Callable[..., Any]
) -> None:
    host.settings["sidecarUrl"] = NOWHERE
    shown = opened(page, host, "image")
    expect(note(shown)).to_contain_text(f"Nobody answers at {NOWHERE}. Is the sidecar running?")
    expect(note(shown)).to_contain_text("Check its address in Settings → Plugins.")
    expect(said(page)).to_contain_text("Nobody answers at")
    expect(shown.get_by_role("link", name="Settings → Plugins")).to_have_attribute(
        "href", f"{host.url}/settings?tab=plugins"
    )
    shoot(page, "identify-away", shown)
    host.settings["sidecarUrl"] = played.url
    shown.get_by_role("button", name="Try again").click()
    expect(shown.locator("bdi").first).to_have_text("Eileen Collins")


def test_a_busy_sidecar_is_asked_again_after_its_time(
    page: Page, host: HostPage, played: PlayedSidecar, shoot: Callable[..., Any]
) -> None:
    page.clock.install()
    played.answers["/identify/image"] = busy(90)
    shown = opened(page, host, "image")
    expect(note(shown)).to_contain_text("The sidecar is loading its database. Trying again in 90 s.")
    expect(note(shown)).to_contain_text("Identification failed: Face recognition unavailable: loading")
    page.clock.run_for(30_000)
    expect(note(shown)).to_contain_text("Trying again in 60 s.")
    shoot(page, "identify-busy", shown)
    played.answers["/identify/image"] = Answer(FOUND)
    page.clock.run_for(61_000)
    expect(shown.locator("bdi").first).to_have_text("Eileen Collins")
    assert played.count("/identify/image") == 2


def test_after_three_more_tries_only_the_user_tries_again(
    page: Page, host: HostPage, played: PlayedSidecar
) -> None:
    page.clock.install()
    played.answers["/identify/image"] = busy(100, "Too many requests are waiting; try again later")
    shown = opened(page, host, "image")
    for tries in range(1, 4):
        expect(note(shown)).to_contain_text("The sidecar is busy with other requests. Trying again in")
        assert played.count("/identify/image") == tries
        page.clock.run_for(101_000)
        until(page, partial(asked_more_than, played, tries))
    expect(note(shown)).to_contain_text(
        "The sidecar is busy with other requests. It still is, after several tries."
    )
    page.clock.run_for(600_000)
    assert played.count("/identify/image") == 4
    played.answers["/identify/image"] = Answer(FOUND)
    shown.get_by_role("button", name="Try now").click()
    expect(shown.locator("bdi").first).to_have_text("Eileen Collins")


def test_a_question_waits_while_the_real_sidecar_loads(
    page: Page, stash: StashServer, served: Served, engine: Engine, tmp_path: Path, watched: Watch
) -> None:
    emptied(stash)
    watched.pictures_of(PICTURES)
    may_load = threading.Event()

    def load() -> Engine:
        assert may_load.wait(60)
        return engine

    beside = StashSettings(stash.url, KEY, timeout_s=60)
    app = create_app(served.settings(state_dir=tmp_path, stash=beside), load=load)
    with in_thread(app) as server, HostPage(stash.library, sidecar=f"http://127.0.0.1:{server.port}") as host:
        try:
            shown = opened(page, host, "image")
            expect(opener(page)).to_have_attribute("data-facedb-health", "loading")
            waits = "The sidecar is loading its database. Your question waits for it."
            expect(shown).to_contain_text(waits)
            expect(said(page)).to_have_text(waits)
        finally:
            may_load.set()
        # The backend asks again by itself: the dialog never shows an error.
        expect(shown.locator("bdi").first).to_have_text("Eileen Collins", timeout=60_000)


def test_cancel_stops_waiting_and_a_late_answer_is_not_shown(
    page: Page, host: HostPage, played: PlayedSidecar
) -> None:
    late = threading.Event()
    played.answers["/identify/image"] = Answer(FOUND, hold=late)
    shown = opened(page, host, "image")
    expect(shown).to_contain_text("Asking the sidecar…")
    expect(shown.locator(".facedb-identify__time")).to_have_text("1 s")
    shown.get_by_role("button", name="Cancel").click()
    expect(note(shown)).to_contain_text("You stopped waiting.")
    expect(shown.get_by_role("button", name="Ask again")).to_be_focused()
    late.set()
    until(page, lambda: modes(host, "identify_image") == ["identify_image"])
    expect(note(shown)).to_contain_text("You stopped waiting.")
    shown.get_by_role("button", name="Ask again").click()
    expect(shown.locator("bdi").first).to_have_text("Eileen Collins")


@pytest.mark.parametrize(
    ("answer", "words", "quoted"),
    [
        (
            Answer({"detail": "Image not found"}, 404),
            "The sidecar says no:",
            "Identification failed: Image not found",
        ),
        (Answer("nonsense", 500), "It did not work:", "Identification failed: "),
        (Answer({"faces": [{"box": {"x": 1}, "matches": [7]}]}), "", ""),
    ],
    ids=["refused", "broken", "nonsense"],
)
def test_other_troubles_are_told_in_the_sidecars_words(
    page: Page, host: HostPage, played: PlayedSidecar, answer: Answer, words: str, quoted: str
) -> None:
    played.answers["/identify/image"] = answer
    shown = opened(page, host, "image")
    # Nonsense is shown as what can be made of it.
    where = shown.locator(".facedb-note, .facedb-identify__results")
    expect(where).to_contain_text(words)
    expect(where).to_contain_text(quoted)


def test_health_is_on_the_button_in_words_and_shape(
    page: Page, host: HostPage, played: PlayedSidecar
) -> None:
    page.clock.install()
    page.goto(f"{host.url}/scenes/1")
    button = page.get_by_role("button", name="Identify people in this scene: the sidecar is ready")
    expect(button).to_be_visible()
    shapes = {button.locator("path").get_attribute("d")}
    played.answers["/health"] = Answer({"status": "degraded", "database_loaded": False})
    page.clock.run_for(61_000)
    loading = page.get_by_role(
        "button", name="Identify people in this scene: the sidecar is loading its database"
    )
    expect(loading).to_be_visible()
    shapes.add(loading.locator("path").get_attribute("d"))
    host.settings["sidecarUrl"] = NOWHERE
    page.clock.run_for(61_000)
    away = page.get_by_role("button", name="Identify people in this scene: the sidecar does not answer")
    expect(away).to_be_visible()
    shapes.add(away.locator("path").get_attribute("d"))
    assert len(shapes) == 3
    asked = played.count("/health")
    assert asked == 2


def test_closing_the_dialog_ends_the_retries(page: Page, host: HostPage, played: PlayedSidecar) -> None:
    page.clock.install()
    played.answers["/identify/image"] = busy(60)
    shown = opened(page, host, "image")
    expect(note(shown)).to_contain_text("Trying again in 60 s.")
    page.keyboard.press("Escape")
    expect(dialog(page)).to_have_count(0)
    expect(opener(page)).to_be_focused()
    page.clock.run_for(300_000)
    assert played.count("/identify/image") == 1


def test_a_stash_that_goes_away_is_no_silence(page: Page, host: HostPage, watched: Watch) -> None:
    watched.allow("Failed to load resource")
    page.goto(f"{host.url}/images/1")
    expect(opener(page)).to_have_attribute("data-facedb-health", "ready")
    page.route("**/graphql", lambda route: route.abort())
    opener(page).click()
    expect(note(dialog(page))).to_contain_text("It did not work:")
    expect(note(dialog(page))).to_contain_text("Stash does not answer")
