"""What the panel offers stays true: answers that overtake each other, errors that pass, dialogs left open."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from plugin.database_pages import (
    PAGE,
    badge,
    button,
    confirmed,
    dialog,
    fact,
    look_again,
    panel,
    progress,
    said,
)
from plugin.host_page import HostPage
from plugin.identify_pages import until
from plugin.played_sidecar import Answer, PlayedSidecar

OLD, NEW, NEWER = "2026.02.18", "2026.03.01", "2026.03.08"
OVERVIEW, CHECK, UPDATE = "/database/overview", "/database/check-update", "/database/update"
UPDATE_TO_NEW = f"{UPDATE}?version={NEW}"
CHECKED = {"latest_version": NEW, "update_available": True, "error": None}


def overview(status: str = "idle", **facts: Any) -> dict[str, Any]:
    """OLD serves, of a sidecar that updates itself."""
    rollout = {"status": status, "progress_pct": 0, "target_version": NEW, "reason": None, "message": None}
    active = {"version": OLD, "performer_count": 3, "face_count": 4, "created_at": "2026-02-18T00:00:00Z"}
    return {
        "managed_by": "sidecar",
        "active": active,
        "action": "update" if status == "idle" else None,
        "waiting": None,
        "interruption": {"expected": "none", "seconds": None, "why": "There is room for two."},
        "rollout": rollout,
        "failure": None,
        "kept": [],
        **facts,
    }


@pytest.fixture
def played() -> Iterator[PlayedSidecar]:
    with PlayedSidecar() as sidecar:
        sidecar.answers |= {OVERVIEW: Answer(overview()), CHECK: Answer(CHECKED), UPDATE_TO_NEW: Answer({})}
        yield sidecar


@pytest.fixture
def host(played: PlayedSidecar) -> Iterator[HostPage]:
    with HostPage(sidecar=played.url) as host:
        yield host


def test_a_look_that_began_before_the_request_does_not_bring_the_button_back(
    page: Page, host: HostPage, played: PlayedSidecar
) -> None:
    page.goto(f"{host.url}{PAGE}")
    button(panel(page), f"Update to {NEW} …").click()
    held = threading.Event()
    played.answers[OVERVIEW] = Answer(overview(), hold=held)
    before = played.count(OVERVIEW)
    look_again(page)
    until(page, lambda: played.count(OVERVIEW) > before)
    played.answers[OVERVIEW] = Answer(overview("downloading"))
    confirmed(page, "Update")
    expect(said(page)).to_have_text("It has begun.")
    page.evaluate("""() => {
      window.offered = [];
      new MutationObserver(() => {
        const texts = [...document.querySelectorAll(".facedb-database button")].map((one) => one.textContent);
        window.offered.push(...texts);
      }).observe(document.querySelector(".facedb-database"), { childList: true });
    }""")
    held.set()
    expect(progress(panel(page))).to_be_visible()
    assert page.evaluate("() => window.offered") == []


def test_a_question_that_failed_is_asked_again_with_the_next_look(
    page: Page, host: HostPage, played: PlayedSidecar
) -> None:
    played.answers[CHECK] = Answer({**CHECKED, "update_available": False, "error": "No route to host"})
    page.clock.install()
    page.goto(f"{host.url}{PAGE}")
    expect(fact(panel(page), "Available")).to_have_text("not known: No route to host")
    played.answers[CHECK] = Answer(CHECKED)
    page.clock.fast_forward(31_000)
    expect(button(panel(page), f"Update to {NEW} …")).to_be_visible()
    expect(badge(page)).to_have_text("Faces: update")


@pytest.mark.parametrize(("action", "word"), [("approve", "Approve"), ("update", "Update")])
def test_a_request_names_the_version_that_was_read_and_what_refuses_it_is_looked_at(
    page: Page, host: HostPage, played: PlayedSidecar, action: str, word: str
) -> None:
    played.answers[OVERVIEW] = Answer(overview(action=action))
    played.answers[UPDATE_TO_NEW] = Answer({"detail": f"{NEWER} is what waits now."}, 409)
    page.goto(f"{host.url}{PAGE}")
    button(panel(page), NEW).click()
    # By the time of the click there is another one, of which nobody has read.
    played.answers[CHECK] = Answer({**CHECKED, "latest_version": NEWER})
    confirmed(page, word)
    expect(said(page)).to_have_text(f"It was refused: {NEWER} is what waits now.")
    assert [path for path, _ in played.asked if path.startswith(UPDATE)] == [UPDATE_TO_NEW]
    expect(button(panel(page), NEWER)).to_be_visible()


def test_the_focus_is_back_on_the_button_although_the_panel_was_drawn_anew(
    page: Page, host: HostPage, played: PlayedSidecar
) -> None:
    page.goto(f"{host.url}{PAGE}")
    start = button(panel(page), f"Update to {NEW} …")
    start.press("Enter")
    pressed = start.element_handle()
    look_again(page)
    page.wait_for_function("(button) => !button.isConnected", arg=pressed)
    page.keyboard.press("Escape")
    expect(start).to_be_focused()

    # Where it is gone, the panel has the focus.
    page.keyboard.press("Enter")
    played.answers[OVERVIEW] = Answer(overview("downloading"))
    look_again(page)
    expect(progress(panel(page))).to_be_visible()
    dialog(page).get_by_role("button", name="Cancel").click()
    expect(panel(page)).to_be_focused()
