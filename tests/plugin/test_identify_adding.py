"""Adding whom Identify found: made, linked, or asked about, once, and said; Stash's library is the judge."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from enrolment import ASTRONAUT, ASTRONAUT_ID
from plugin.host_page import HostPage
from plugin.identify_pages import PICTURES, answered, emptied, few_frames, modes, names_in, said
from plugin.watching import Watch
from stash_server import StashServer

KINDS = ("image", "gallery")


@pytest.fixture(autouse=True)
def world(stash: StashServer, watched: Watch) -> None:
    emptied(stash)
    watched.pictures_of(PICTURES)


def rows(stash: StashServer, kind: str) -> dict[str, dict[str, Any]]:
    library = stash.library
    return {"scene": library.scenes, "image": library.images, "gallery": library.galleries}[kind]


def known_by(stash: StashServer, name: str, **facts: Any) -> str:
    """A performer of the library with the astronaut's id."""
    ids = [{"endpoint": stash.library.boxes[0]["endpoint"], "stash_id": ASTRONAUT_ID}]
    return stash.library.add_performer(name, stash_ids=ids, **facts)


def adding(shown: Locator, kind: str) -> Locator:
    return shown.get_by_role("button", name=f"Add to {kind}: {ASTRONAUT}")


@pytest.mark.parametrize("kind", KINDS)
def test_somebody_new_is_made_and_added(page: Page, host: HostPage, stash: StashServer, kind: str) -> None:
    shown = answered(page, host, kind)
    adding(shown, kind).click()
    words = f"Made {ASTRONAUT} and added to this {kind}."
    expect(shown.locator(".facedb-identify__there")).to_have_text(f"✓ {words}")
    expect(said(page)).to_have_text(words)
    (made,) = stash.library.performers.values()
    assert (made["name"], made["stash_ids"][0]["stash_id"]) == (ASTRONAUT, ASTRONAUT_ID)
    assert names_in(rows(stash, kind)) == [ASTRONAUT]
    expect(shown.get_by_role("link", name=words)).to_have_attribute(
        "href", f"{host.url}/performers/{made['id']}"
    )
    # Reloading shows it on the page, and Identify knows it too.
    shown.get_by_role("button", name="Reload page to see it").click()
    expect(page.get_by_role("heading", name=ASTRONAUT)).to_be_visible()
    expect(answered(page, host, kind).locator(".facedb-identify__there")).to_have_text(
        f"✓ Already in this {kind}"
    )


def test_whom_the_library_knows_by_id_is_linked_without_a_question(
    page: Page, host: HostPage, stash: StashServer
) -> None:
    known_by(stash, f"{ASTRONAUT} (NASA)")
    stash.library.add_performer(f"{ASTRONAUT} of Elsewhere")
    shown = answered(page, host, "image")
    adding(shown, "image").click()
    expect(shown.locator(".facedb-identify__there")).to_have_text(
        f"✓ Added {ASTRONAUT} (NASA) to this image."
    )
    assert names_in(stash.library.images) == [f"{ASTRONAUT} (NASA)"]
    assert len(stash.library.performers) == 2


def test_whom_the_library_knows_by_another_name_is_not_made_again(
    page: Page, host: HostPage, stash: StashServer
) -> None:
    known_by(stash, "The Commander")
    shown = answered(page, host, "image")
    adding(shown, "image").click()
    expect(shown.locator(".facedb-identify__there")).to_have_text("✓ Added The Commander to this image.")
    assert len(stash.library.performers) == 1


def test_a_like_name_is_asked_about_and_linked_with_the_id(
    page: Page, host: HostPage, stash: StashServer
) -> None:
    box = stash.library.boxes[0]["endpoint"]
    stash.library.add_performer(ASTRONAUT, disambiguation="pilot", birthdate="1956-11-19")
    other = [{"endpoint": box, "stash_id": "another"}]
    stash.library.add_performer(f"{ASTRONAUT} II", stash_ids=other)
    shown = answered(page, host, "image")
    adding(shown, "image").click()
    question = shown.get_by_role("group", name="Your library has performers of a like name.")
    expect(question.get_by_role("button")).to_have_text(
        [
            f"Link to {ASTRONAUT} (pilot, 1956-11-19)",
            f"Link to {ASTRONAUT} II, who has another id at stashdb.org",
            "No, make a new performer",
            "Cancel",
        ]
    )
    assert modes(host, "link_performer_stashbox", "create_performer_from_stashbox") == []
    question.get_by_role("button", name="pilot").click()
    expect(shown.locator(".facedb-identify__there")).to_have_text(f"✓ Added {ASTRONAUT} to this image.")
    assert stash.library.performers["1"]["stash_ids"] == [{"endpoint": box, "stash_id": ASTRONAUT_ID}]
    assert names_in(stash.library.images) == [ASTRONAUT]


def test_a_like_name_can_be_somebody_else(page: Page, host: HostPage, stash: StashServer) -> None:
    stash.library.add_performer(f"{ASTRONAUT} of Elsewhere")
    shown = answered(page, host, "image")
    adding(shown, "image").click()
    shown.get_by_role("button", name="Cancel").click()
    expect(adding(shown, "image")).to_be_focused()
    adding(shown, "image").click()
    shown.get_by_role("button", name="No, make a new performer").click()
    expect(shown.locator(".facedb-identify__there")).to_have_text(
        f"✓ Made {ASTRONAUT} and added to this image."
    )
    assert names_in(stash.library.images) == [ASTRONAUT]
    assert len(stash.library.performers) == 2


def test_a_double_click_adds_once(page: Page, host: HostPage, stash: StashServer) -> None:
    shown = answered(page, host, "image")
    button = adding(shown, "image").element_handle()
    # Both clicks on the same button, before anything could be drawn.
    button.evaluate("button => { button.click(); button.click(); }")
    adding_now = shown.get_by_role("button", name="Looking in your library…")
    expect(adding_now).to_have_attribute("aria-disabled", "true")
    expect(shown.locator(".facedb-identify__there")).to_contain_text("Made")
    assert modes(host, "search_performers", "create_performer_from_stashbox") == [
        "search_performers",
        "create_performer_from_stashbox",
    ]
    assert len(stash.library.performers) == 1


def test_what_went_wrong_is_said_and_can_be_tried_again(
    page: Page, host: HostPage, stash: StashServer
) -> None:
    stash.library.boxes[0]["name"] = "another box"
    shown = answered(page, host, "image")
    adding(shown, "image").click()
    expect(shown.locator(".facedb-note.is-bad")).to_contain_text(
        "Not added. Unknown or unconfigured endpoint: stashdb.org"
    )
    expect(said(page)).to_contain_text("Not added.")
    assert names_in(stash.library.images) == []
    stash.library.boxes[0]["name"] = "stashdb.org"
    shown.get_by_role("button", name="Try again").click()
    expect(shown.locator(".facedb-identify__there")).to_contain_text("Made")
    assert names_in(stash.library.images) == [ASTRONAUT]


def test_a_scene_gets_whom_it_shows(page: Page, host: HostPage, sidecar: str, stash: StashServer) -> None:
    few_frames(sidecar)
    known_by(stash, ASTRONAUT)
    shown = answered(page, host, "scene")
    adding(shown, "scene").click()
    expect(shown.locator(".facedb-identify__there")).to_have_text(f"✓ Added {ASTRONAUT} to this scene.")
    assert names_in(stash.library.scenes) == [ASTRONAUT]
