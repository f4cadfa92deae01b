"""Identify on the pages of scenes and galleries: real frames of a real video, and who is in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from enrolment import ASTRONAUT, ASTRONAUT_ID
from plugin.host_page import HostPage
from plugin.identify_pages import PICTURES, answered, asked_of, emptied, few_frames
from plugin.played_sidecar import WHO, PlayedSidecar, match
from plugin.watching import Watch
from stash_server import StashServer

STASHDB = "https://stashdb.org/graphql"
FRAMES = 10


@pytest.fixture(autouse=True)
def world(stash: StashServer, sidecar: str, watched: Watch) -> None:
    emptied(stash)
    watched.pictures_of(PICTURES)
    few_frames(sidecar, FRAMES)


def test_the_astronaut_is_in_the_frames_that_show_her(
    page: Page, host: HostPage, sidecar: str, shoot: Callable[..., Any]
) -> None:
    wanted = asked_of(sidecar, "/identify/scene", {"scene_id": "1", "top_k": 5})
    person = wanted["persons"][0]
    strangers = sum(one["best_match"] is None for one in wanted["persons"])
    shown = answered(page, host, "scene")
    expect(shown.locator(".facedb-identify__summary")).to_have_text(
        f"{FRAMES} frames looked at. {wanted['faces_after_filter']} faces found, 1 person known."
    )
    first = shown.locator(".facedb-identify__face")
    expect(first).to_have_count(1)
    expect(first.locator("h3")).to_have_text(f"Person 1 in {person['frame_count']} of {FRAMES} frames")
    expect(first.locator("bdi").first).to_have_text(ASTRONAUT)
    expect(shown).to_contain_text(f"{strangers} ", use_inner_text=True)
    expect(shown).to_contain_text("more, whom the database does not know.")
    shoot(page, "identify-scene", shown)


def test_whom_the_scene_names_is_told_to_the_sidecar_and_not_added_again(
    page: Page, host: HostPage, stash: StashServer
) -> None:
    ids = [
        {"endpoint": STASHDB, "stash_id": ASTRONAUT_ID},
        {"endpoint": "https://fansdb.cc/graphql", "stash_id": "x"},
    ]
    who = stash.library.add_performer("E. Collins", stash_ids=ids)
    stash.library.scenes["1"]["performers"].append(stash.library.performers[who])
    shown = answered(page, host, "scene")
    expect(shown.locator(".facedb-identify__there")).to_have_text("✓ Already in this scene")
    expect(shown.get_by_role("button", name="Add")).to_have_count(0)
    (run,) = [run for run in host.plugin.runs if run.mode == "identify_scene"]
    # Ids of other stash-boxes mean nothing to the sidecar.
    assert run.args["scene_performer_stashdb_ids"] == [ASTRONAUT_ID]
    assert (run.args["scene_id"], run.args["top_k"], run.args["max_distance"]) == ("1", 5, 0.5)


def test_a_gallery_shows_in_which_images_somebody_is(
    page: Page, host: HostPage, shoot: Callable[..., Any]
) -> None:
    shown = answered(page, host, "gallery")
    expect(shown.locator(".facedb-identify__summary")).to_contain_text("2 of 2 images looked at.")
    expect(shown.locator(".facedb-identify__summary")).to_contain_text("1 person known.")
    card = shown.locator(".facedb-identify__match")
    expect(card.locator("bdi").first).to_have_text(ASTRONAUT)
    expect(card).to_contain_text("in 1 of 2 images")
    link = card.get_by_role("link", name="Image 1")
    expect(link).to_have_attribute("href", f"{host.url}/images/1")
    assert link.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 512
    expect(shown.locator("details")).to_have_count(0)
    shoot(page, "identify-gallery", shown)


def test_images_that_could_not_be_looked_at_are_told_and_folded(
    page: Page, host: HostPage, stash: StashServer
) -> None:
    stash.library.add_image("8", b"this is no image")
    stash.library.add_gallery("8", ["1", "8"])
    shown = answered(page, host, "gallery", "8")
    expect(shown.locator(".facedb-identify__summary")).to_contain_text("1 of 2 images looked at.")
    expect(shown.locator("details")).not_to_have_attribute("open", "")
    shown.get_by_text("1 problem", exact=True).click()
    expect(shown.locator("details li")).to_contain_text("Image 8: Failed to decode image")
    expect(shown.locator("bdi").first).to_have_text(ASTRONAUT)


def test_of_many_images_a_dozen_is_shown(page: Page, host: HostPage) -> None:
    ids = [*(str(number) for number in range(1, 16)), "../evil", "1?x"]
    performer = {**match(), "performer_id": WHO, "image_count": 15, "image_ids": ids}
    answer = {"total_images": 20, "images_processed": 20, "faces_detected": 20, "performers": [performer]}
    with PlayedSidecar(gallery=answer) as played:
        host.settings["sidecarUrl"] = played.url
        shown = answered(page, host, "gallery")
        expect(shown).to_contain_text("in 15 of 20 images")
        expect(shown.locator(".facedb-identify__thumbnails a")).to_have_count(12)
        expect(shown.locator(".facedb-identify__thumbnails")).to_contain_text("and 3 more")


def test_a_gallery_hides_whom_it_is_less_sure_of(page: Page, host: HostPage) -> None:
    host.settings["minConfidence"] = 100
    shown = answered(page, host, "gallery")
    expect(shown.locator(".facedb-identify__summary")).to_contain_text("no match is strong enough")
    expect(shown.locator("bdi", has_text=ASTRONAUT)).to_be_hidden()
    shown.get_by_role("button", name="Show 1 weaker performer (below 100 %)").click()
    expect(shown.locator("bdi", has_text=ASTRONAUT)).to_be_visible()
