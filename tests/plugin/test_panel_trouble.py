"""The database panel when something is wrong: a bad release, a sidecar that is gone, data that is hostile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from plugin.accessibility import axe
from plugin.database_pages import (
    at_home,
    badge,
    button,
    change_to,
    confirmed,
    dialog,
    fact,
    home,
    opened,
    panel,
    progress,
    serves,
)
from plugin.host_page import HostPage
from plugin.played_sidecar import Answer, PlayedSidecar
from plugin.sidecars import AtHome
from plugin.watching import Watch
from release_damage import with_flipped_byte
from update_fixtures import large
from updating import NEW, OLD

__all__ = ["at_home", "home", "large"]

Shoot = Callable[..., Any]
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"


def test_a_bad_release_fails_with_its_reason_and_advice_and_the_old_one_serves(
    page: Page, at_home: HostPage, home: AtHome, archives: dict[str, Path], tmp_path: Path, shoot: Shoot
) -> None:
    bad = with_flipped_byte(archives[NEW], "face_arcface.voy", out=tmp_path / archives[NEW].name)
    home.publish(NEW, bad)
    shown = opened(page, at_home)
    change_to(shown, NEW, "Update")
    expect(shown).to_contain_text(f"update to {NEW} has failed")
    expect(shown).to_contain_text(f"{OLD} goes on serving.")
    expect(shown).to_contain_text("WrongChecksum: ")
    expect(shown).to_contain_text("What to do: Try again once")
    expect(fact(shown, "Version")).to_have_text(OLD)
    expect(badge(page)).to_have_text("Faces: failed")
    assert axe(page, ".facedb-database") == []
    shoot(page, "database-failed", shown)

    # Its publisher has repaired it.
    home.publish(NEW, archives[NEW])
    button(shown, "Try again …").click()
    expect(dialog(page)).to_contain_text(NEW)
    confirmed(page, "Try again")
    serves(shown, NEW)
    expect(shown).not_to_contain_text("has failed")


def test_a_kept_version_serves_again_without_a_download(
    page: Page, at_home: HostPage, home: AtHome, shoot: Shoot
) -> None:
    home.publish(NEW)
    shown = opened(page, at_home)
    change_to(shown, NEW, "Update")
    serves(shown, NEW)
    button(shown, "OK").click()
    expect(shown.get_by_role("region", name="Kept versions")).to_contain_text(OLD)
    expect(fact(shown, "Available")).to_have_text("nothing newer")
    shoot(page, "database-kept", shown)

    sent = home.server.bytes_sent
    button(shown, f"Go back to {OLD} …").click()
    expect(dialog(page)).to_contain_text("Nothing is downloaded.")
    confirmed(page, "Go back")
    serves(shown, OLD)
    assert home.server.bytes_sent == sent
    expect(button(shown, f"Go back to {NEW} …")).to_be_visible()


def test_a_sidecar_that_is_gone_is_told_and_back_again_goes_on_by_itself(
    page: Page, at_home: HostPage, home: AtHome, shoot: Shoot
) -> None:
    shown = opened(page, at_home)
    home.stop()
    page.reload()
    expect(shown).to_contain_text("The sidecar does not answer")
    expect(shown).to_contain_text("Connection refused - is Stash Sense running?")
    expect(badge(page)).to_have_accessible_name("Faces: Connection refused - is Stash Sense running?")
    assert axe(page, ".facedb-database") == []
    shoot(page, "database-away", shown)
    home.start()
    expect(fact(shown, "Version")).to_have_text(OLD)
    expect(shown).not_to_contain_text("does not answer")


def test_a_sidecar_that_is_killed_in_the_middle_of_an_update_ends_it_when_it_is_back(
    page: Page, home: AtHome, large: Path
) -> None:
    home.publish(NEW, large)
    home.server.faults.bytes_per_second = 400_000
    home.start_process()
    with HostPage(sidecar=home.url) as host:
        shown = opened(page, host)
        change_to(shown, NEW, "Update")
        expect(shown).to_contain_text("kB/s")
        home.stop()
        expect(shown).to_contain_text("The sidecar does not answer")
        expect(shown).to_contain_text("What stands below was so when it last answered.")
        expect(progress(shown)).to_be_visible()
        home.server.faults.bytes_per_second = None
        home.start()
        serves(shown, NEW)
        expect(shown).not_to_contain_text("does not answer")


def test_nothing_that_comes_as_data_becomes_markup(page: Page, watched: Watch) -> None:
    with PlayedSidecar() as sidecar, HostPage(sidecar=sidecar.url) as host:
        sidecar.answers["/database/overview"] = Answer(hostile_overview())
        sidecar.answers["/database/check-update"] = Answer(hostile_check())
        for place in ("/plugins/facedb", "/settings?tab=plugins"):
            page.goto(f"{host.url}{place}")
            expect(fact(panel(page), "Version")).to_have_text(HOSTILE)
            expect(panel(page)).to_contain_text(f"update to {HOSTILE} has failed")
            button(panel(page), "Try again …").click()
            expect(dialog(page)).to_contain_text(HOSTILE)
            page.keyboard.press("Escape")
            assert page.locator(".facedb img, .facedb script").count() == 0
        sidecar.answers["/database/overview"] = Answer({"detail": HOSTILE}, 500)
        page.reload()
        expect(panel(page)).to_contain_text(HOSTILE)
        assert page.title() == "Stash"


def test_an_older_sidecar_that_does_not_know_the_page_is_told_apart_from_one_that_is_away(page: Page) -> None:
    with PlayedSidecar() as sidecar, HostPage(sidecar=sidecar.url) as host:
        page.goto(f"{host.url}/plugins/facedb")
        expect(panel(page)).to_contain_text("older than this plugin")


def hostile_overview() -> dict[str, Any]:
    """Markup wherever there is text."""
    return {
        "managed_by": "FaceDatabase",
        "facedatabase": HOSTILE,
        "pinned": False,
        "active": {
            "version": HOSTILE,
            "performer_count": HOSTILE,
            "face_count": HOSTILE,
            "created_at": HOSTILE,
        },
        "desired_version": HOSTILE,
        "action": "retry",
        "why_not": HOSTILE,
        "waiting": HOSTILE,
        "interruption": {"expected": "none", "seconds": None, "why": HOSTILE},
        "rollout": {
            "status": "failed",
            "progress_pct": 0,
            "current_version": HOSTILE,
            "target_version": HOSTILE,
            "reason": HOSTILE,
            "message": HOSTILE,
            "bytes_done": None,
            "bytes_total": None,
            "started_at": HOSTILE,
            "error": HOSTILE,
        },
        "failure": {
            "version": HOSTILE,
            "reason": HOSTILE,
            "message": HOSTILE,
            "advice": HOSTILE,
            "at": HOSTILE,
        },
        "kept": [HOSTILE],
    }


def hostile_check() -> dict[str, Any]:
    """Markup wherever there is text."""
    return {
        "current_version": HOSTILE,
        "latest_version": HOSTILE,
        "update_available": True,
        "release_name": HOSTILE,
        "download_url": "javascript:document.title='owned'",
        "download_size_mb": 3,
        "published_at": HOSTILE,
        "error": None,
    }
