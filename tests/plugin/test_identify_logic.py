"""What Identify makes of answers, in the browser but without a page: groups, limits, words, addresses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from plugin.played_sidecar import match
from plugin.plugin_process import PLUGIN

LIMITS = {"least": 50, "most": 5}


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    """A page with nothing but the logic."""
    page = browser.new_page()
    page.evaluate((PLUGIN / "ui" / "identify-logic.js").read_text())
    yield page
    page.close()


def done(page: Page, name: str, *given: Any) -> Any:
    """Call a function of the logic."""
    return page.evaluate("([name, given]) => facedb.identify.logic[name](...given)", [name, list(given)])


def test_settings_become_numbers_within_reason(blank: Page) -> None:
    def limits(least: Any, most: Any, kind: str = "image") -> Any:
        return done(blank, "limits", {"minConfidence": least, "maxResults": most}, kind)

    assert limits(50, 5) == {"least": 50, "most": 5}
    assert limits("35", "7") == {"least": 35, "most": 7}
    assert limits("much", "many") == {"least": 50, "most": 5}
    assert limits(-4, 0) == {"least": 0, "most": 5}
    assert limits(900, 900) == {"least": 100, "most": 20}
    assert limits(50, 900, "scene") == {"least": 50, "most": 10}
    assert limits(0, 2.9) == {"least": 0, "most": 2}


def test_the_sidecar_is_asked_for_all_that_the_user_wants_to_see(blank: Page) -> None:
    def asked(kind: str, least: int) -> Any:
        return done(blank, "question", kind, "7", {"least": least, "most": 5}, ["a"])

    assert asked("image", 50) == {"image_id": "7", "top_k": 5, "max_distance": 0.6}
    assert asked("image", 30) == {"image_id": "7", "top_k": 5, "max_distance": 0.7}
    assert asked("scene", 80)["max_distance"] == 0.5
    assert asked("scene", 80)["scene_performer_stashdb_ids"] == ["a"]
    assert asked("gallery", 0) == {"gallery_id": "7", "top_k": 5, "max_distance": 1}


def test_matches_keep_their_order_and_each_performer_is_there_once(blank: Page) -> None:
    given = [
        match(name="A", stashdb_id="a", confidence=0.6),
        match(name="B", stashdb_id="b", confidence=0.7),
        match(name="A again", stashdb_id="A", confidence=0.5),
        match(name="C", stashdb_id="c", confidence=0.4),
        match(name="Other box", stashdb_id="a", endpoint="fansdb.cc", confidence=0.495),
    ]
    cut = done(blank, "cut", given, {"least": 50, "most": 4})
    assert [one["name"] for one in cut["shown"]] == ["A", "B", "Other box"]
    assert [one["name"] for one in cut["weak"]] == ["C"]
    cut = done(blank, "cut", given, {"least": 50, "most": 2})
    assert ([one["name"] for one in cut["shown"]], cut["weak"]) == (["A", "B"], [])


def test_faces_are_numbered_from_left_to_right(blank: Page) -> None:
    def face(x: int, width: int) -> dict[str, Any]:
        return {"box": {"x": x, "y": 0, "width": width, "height": 9}, "matches": []}

    faces = done(blank, "faces", {"faces": [face(300, 10), face(-20, 30), face(0, 400)]}, LIMITS)
    assert [one["box"]["x"] for one in faces] == [-20, 0, 300]
    assert [one["title"] for one in faces] == ["Face 1", "Face 2", "Face 3"]


def test_persons_come_with_their_share_of_the_frames(blank: Page) -> None:
    persons = [
        {"frame_count": 22, "best_match": match(), "all_matches": [match(), match(name="B", stashdb_id="b")]},
        {"frame_count": 31, "best_match": match(stashdb_id="c"), "all_matches": []},
        {"frame_count": 1, "best_match": None, "all_matches": []},
    ]
    found = done(blank, "persons", {"frames_analyzed": 30, "persons": persons}, LIMITS)
    assert [one["title"] for one in found["groups"]] == ["Person 1", "Person 2"]
    # The cover counts as a frame: nobody is in 31 of 30.
    assert [one["about"] for one in found["groups"]] == ["in 22 of 30 frames", "in 31 frames"]
    assert [one["name"] for one in found["groups"][0]["shown"]] == ["Eileen Collins", "B"]
    assert found["strangers"] == 1


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((10, 20, 30, 40), (10, 20, 30, 40)),
        ((-10, -20, 30, 40), (0, 0, 20, 20)),
        ((90, 190, 30, 40), (90, 190, 10, 10)),
        ((-10, -10, 900, 900), (0, 0, 100, 200)),
        ((100, 0, 5, 5), None),
        ((0, 0, 0, 5), None),
        (("x", 0, 5, 5), None),
    ],
)
def test_boxes_are_cut_at_the_pictures_edge(
    blank: Page, box: tuple[Any, ...], inside: tuple[int, ...] | None
) -> None:
    names = ("x", "y", "width", "height")
    wanted = dict(zip(names, inside, strict=True)) if inside else None
    assert done(blank, "inside", dict(zip(names, box, strict=True)), 100, 200) == wanted


def test_a_sentence_says_how_it_went(blank: Page) -> None:
    def said(kind: str, known: int, weak: int, **answer: Any) -> Any:
        groups = [{"shown": [1], "weak": []}] * known + [{"shown": [], "weak": [1]}] * weak
        return done(blank, "summary", kind, answer, groups)

    assert said("image", 1, 0, faces=[1]) == "1 face found, and it is known."
    assert said("image", 1, 0, faces=[1, 2]) == "2 faces found, 1 of them is known."
    assert said("image", 2, 0, faces=[1, 2]) == "2 faces found, all of them are known."
    assert said("image", 0, 0, faces=[]) == "No face was found in this image."
    looked = {"frames_analyzed": 30, "faces_detected": 9, "faces_after_filter": 7}
    assert (
        said("scene", 0, 1, **looked) == "30 frames looked at. 7 faces found, but no match is strong enough."
    )
    looked = {"total_images": 3, "images_processed": 1, "faces_detected": 2}
    assert said("gallery", 2, 0, **looked) == "1 of 3 images looked at. 2 faces found, 2 people known."
    # Whatever a broken sidecar leaves out.
    assert said("scene", 0, 0) == "0 frames looked at. No face was found in this scene."


@pytest.mark.parametrize(
    ("status", "after", "words", "meaning"),
    [
        (503, 10, "Face recognition unavailable: loading", "The sidecar is loading its database."),
        (503, None, "Database not loaded", "The sidecar is loading its database."),
        (503, 10, "Database update in progress", "The sidecar is changing its database."),
        (503, 10, "Too many requests are waiting", "The sidecar is busy with other requests."),
        (429, None, "slow down", "The sidecar is busy with other requests."),
        (503, None, "ffmpeg not available", "The sidecar cannot do this now."),
    ],
)
def test_a_503_is_put_in_words(blank: Page, status: int, after: int | None, words: str, meaning: str) -> None:
    failure = {"status": status, "retryAfter": after, "message": words}
    assert done(blank, "busy", failure) == meaning


def test_waiting_is_as_the_sidecar_says_within_reason(blank: Page) -> None:
    waits = [done(blank, "pause", {"retryAfter": after}) for after in (None, 0.2, 10, 90000, "soon", -5)]
    assert waits == [10, 1, 10, 120, 10, 1]


def test_a_stash_box_is_found_as_the_sidecar_finds_it(blank: Page) -> None:
    boxes = [
        {"endpoint": "https://fansdb.cc/graphql", "name": "fans"},
        {"endpoint": "http://127.0.0.1:99/graphql", "name": "StashDB.org"},
    ]
    assert done(blank, "box", boxes, "stashdb.org") == "http://127.0.0.1:99/graphql"
    assert done(blank, "box", boxes, "FansDB.cc") == "https://fansdb.cc/graphql"
    assert done(blank, "box", [], "stashdb.org") == "https://stashdb.org/graphql"
    assert done(blank, "box", [], "no/host") is None
    assert done(blank, "box", [], None) is None


def test_who_is_to_be_added_how(blank: Page) -> None:
    stashdb = "https://stashdb.org/graphql"
    her = {
        "id": "1",
        "name": "E",
        "stash_ids": [{"endpoint": stashdb, "stash_id": match()["stashdb_id"].upper()}],
    }
    like = {
        "id": "2",
        "name": "Eileen",
        "stash_ids": [{"endpoint": "https://fansdb.cc/graphql", "stash_id": "1"}],
    }
    who = done(blank, "match", match())
    assert done(blank, "plan", [like, her], who, []) == {"way": "link", "performer": her}
    assert done(blank, "plan", [like], who, []) == {"way": "choose", "performers": [like], "create": True}
    assert done(blank, "plan", [], who, []) == {"way": "create"}
    homeless = done(blank, "match", match(endpoint=None))
    assert done(blank, "plan", [], homeless, []) == {"way": "none"}
    assert done(blank, "plan", [like], homeless, [])["create"] is False
