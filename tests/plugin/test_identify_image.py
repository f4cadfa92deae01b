"""Identify on the page of an image: the real engine's faces, boxed where they are, beside who they are."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from enrolment import ASTRONAUT, ASTRONAUT_ID
from plugin.host_page import HostPage
from plugin.identify_pages import PICTURES, SMALL, answered, asked_of, dialog, emptied, opener, said
from plugin.watching import Watch
from served import Served
from stash_server import StashServer


@pytest.fixture(autouse=True)
def world(stash: StashServer, watched: Watch) -> None:
    emptied(stash)
    watched.pictures_of(PICTURES)


def placed(picture: Locator, box: Locator) -> list[float]:
    """Where a box lies in the picture's own pixels: x, y, width, height."""
    found: list[float] = picture.evaluate(
        """(image, box) => {
          const [whole, part] = [image.getBoundingClientRect(), box.getBoundingClientRect()];
          const longer = Math.max(image.naturalWidth, image.naturalHeight);
          const scale = longer / Math.max(whole.width, whole.height);
          return [part.x - whole.x, part.y - whole.y, part.width, part.height].map((side) => side * scale);
        }""",
        box.element_handle(),
    )
    return found


def sides(box: dict[str, Any]) -> list[float]:
    return [box["x"], box["y"], box["width"], box["height"]]


def test_the_astronaut_is_named_with_confidence_and_a_link(
    page: Page, host: HostPage, shoot: Callable[..., Any]
) -> None:
    page.set_viewport_size(SMALL)
    shown = answered(page, host, "image")
    expect(shown.locator(".facedb-identify__summary")).to_have_text("1 face found, and it is known.")
    expect(said(page)).to_have_text("1 face found, and it is known.")
    face = shown.locator(".facedb-identify__face")
    expect(face.locator("bdi").first).to_have_text(ASTRONAUT)
    expect(face.locator(".facedb-identify__sure")).to_contain_text("%")
    link = face.get_by_role("link", name=f"{ASTRONAUT} at stashdb.org")
    expect(link).to_have_attribute("href", f"https://stashdb.org/performers/{ASTRONAUT_ID}")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(shown.locator(".facedb-identify__over")).to_be_visible()
    shoot(page, "identify-image", shown)


def test_the_box_lies_where_the_sidecar_sees_the_face(page: Page, host: HostPage, sidecar: str) -> None:
    (face,) = asked_of(sidecar, "/identify/image", {"image_id": "1"})["faces"]
    shown = answered(page, host, "image")
    box = shown.locator(".facedb-identify__over")
    expect(box).to_be_visible()
    assert placed(shown.locator(".facedb-identify__frame img"), box) == pytest.approx(
        sides(face["box"]), abs=1
    )
    drawn = shown.locator(".facedb-identify__box rect").last
    assert placed(shown.locator(".facedb-identify__frame img"), drawn) == pytest.approx(
        sides(face["box"]), abs=1
    )
    assert [float(drawn.get_attribute(name) or 0) for name in ("x", "y", "width", "height")] == sides(
        face["box"]
    )


def test_a_picture_that_is_to_be_turned_is_shown_as_the_sidecar_sees_it(
    page: Page, host: HostPage, sidecar: str, stash: StashServer, served: Served
) -> None:
    upright = Image.open(io.BytesIO(served.photo)).crop((0, 0, 512, 400))
    exif = Image.Exif()
    # "Turn it by 90 degrees": the sidecar does not.
    exif[0x0112] = 6
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=90, exif=exif)
    stash.library.add_image("6", out.getvalue())
    (face,) = asked_of(sidecar, "/identify/image", {"image_id": "6"})["faces"]
    shown = answered(page, host, "image", "6")
    box = shown.locator(".facedb-identify__over")
    expect(box).to_be_visible()
    picture = shown.locator(".facedb-identify__frame img")
    assert shown.locator("svg[viewBox='0 0 512 400']").count() == 1
    assert placed(picture, box) == pytest.approx(sides(face["box"]), abs=1)


def test_box_and_entry_light_up_together(page: Page, host: HostPage) -> None:
    shown = answered(page, host, "image")
    box, entry = shown.locator(".facedb-identify__over"), shown.locator(".facedb-identify__face")
    drawn = shown.locator(".facedb-identify__box")
    page.mouse.move(0, 0)
    expect(entry).not_to_have_class("facedb-identify__face is-lit")
    box.hover()
    expect(entry).to_have_class("facedb-identify__face is-lit")
    expect(drawn).to_have_class("facedb-identify__box is-lit")
    page.mouse.move(0, 0)
    expect(drawn).to_have_class("facedb-identify__box")
    entry.hover()
    expect(drawn).to_have_class("facedb-identify__box is-lit")
    expect(box).to_have_attribute("aria-label", f"Face 1: {ASTRONAUT}, {shown_percent(shown)} %")


def shown_percent(shown: Locator) -> int:
    text = shown.locator(".facedb-identify__sure").first.inner_text()
    return int("".join(letter for letter in text if letter.isdigit()))


def test_faces_without_a_match_say_so(page: Page, host: HostPage) -> None:
    shown = answered(page, host, "image", "2")
    faces = shown.locator(".facedb-identify__face")
    many = faces.count()
    assert many > 1
    words = f"{many} faces found, but nobody whom the database knows."
    expect(shown.locator(".facedb-identify__summary")).to_have_text(words)
    expect(faces.first).to_contain_text("Nobody whom the database knows.")
    expect(shown.get_by_role("button", name="Add")).to_have_count(0)
    # Numbered from left to right.
    lefts = [box.bounding_box()["x"] for box in shown.locator(".facedb-identify__over").all()]  # type: ignore[index]
    assert lefts == sorted(lefts)


def test_a_picture_of_nobody_says_so(page: Page, host: HostPage, stash: StashServer) -> None:
    out = io.BytesIO()
    Image.new("RGB", (400, 300), (90, 120, 150)).save(out, "JPEG")
    stash.library.add_image("7", out.getvalue())
    shown = answered(page, host, "image", "7")
    expect(shown.locator(".facedb-identify__summary")).to_have_text("No face was found in this image.")


def test_weak_matches_are_counted_and_shown_on_demand(page: Page, host: HostPage) -> None:
    host.settings["minConfidence"] = 100
    shown = answered(page, host, "image")
    expect(shown.locator(".facedb-identify__summary")).to_have_text(
        "1 face found, but no match is strong enough."
    )
    more = shown.get_by_role("button", name="Show 1 weaker match (below 100 %)")
    expect(more).to_have_attribute("aria-expanded", "false")
    expect(shown.locator("bdi", has_text=ASTRONAUT)).to_be_hidden()
    more.click()
    expect(shown.locator("bdi", has_text=ASTRONAUT)).to_be_visible()
    less = shown.get_by_role("button", name="Hide 1 weaker match (below 100 %)")
    expect(less).to_have_attribute("aria-expanded", "true")
    less.click()
    expect(shown.locator("bdi", has_text=ASTRONAUT)).to_be_hidden()


def test_the_users_limits_are_asked_for_and_kept(page: Page, host: HostPage) -> None:
    host.settings.update(minConfidence=0, maxResults=2)
    shown = answered(page, host, "image", "2")
    (run,) = [run for run in host.plugin.runs if run.mode == "identify_image"]
    assert (run.args["top_k"], run.args["max_distance"]) == (2, 1)
    face = shown.locator(".facedb-identify__face").first
    expect(face.locator(".facedb-identify__match")).to_have_count(2)


def test_leaving_the_page_closes_the_dialog(page: Page, host: HostPage) -> None:
    answered(page, host, "image")
    # As a page of an old Stash is left: nobody is told.
    page.evaluate("history.pushState({}, '', 'images'); document.body.append('')")
    expect(dialog(page)).to_have_count(0)
    expect(opener(page)).to_have_count(0)
