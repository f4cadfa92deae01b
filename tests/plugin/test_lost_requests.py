"""A request that the browser loses on its way, as Chromium does when a network interface comes or goes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request, Route, expect

from plugin.host_page import HostPage
from plugin.identify_pages import opened
from plugin.played_host import host
from plugin.played_sidecar import PlayedSidecar, image_answer, match
from plugin.watching import Watch, ready

__all__ = ["host"]


@pytest.fixture
def played() -> Iterator[PlayedSidecar]:
    with PlayedSidecar(image=image_answer([match()])) as sidecar:
        yield sidecar


def lose_each_once(page: Page) -> list[str]:
    """Each of our requests to Stash is lost at its first try; what was lost grows in the list."""
    lost: list[str] = []

    def handle(route: Route, request: Request) -> None:
        said = request.post_data or ""
        if "Facedb" not in said or said in lost:
            route.fallback()
        else:
            lost.append(said)
            route.abort("internetdisconnected")

    page.route("**/graphql", handle)
    return lost


def test_what_only_reads_is_asked_again(
    page: Page, host: HostPage, played: PlayedSidecar, watched: Watch
) -> None:
    watched.allow("Failed to load resource")
    lost = lose_each_once(page)
    expect(opened(page, host, "image").locator(".facedb-identify__match")).to_have_count(1)
    assert any('"identify_image"' in said for said in lost), lost
    assert played.count("/identify/image") == 1


@pytest.mark.parametrize(
    "mode", ["db_update", "db_rollback", "create_performer_from_stashbox", "identify_scene"]
)
def test_what_changes_something_or_takes_minutes_is_left_to_the_user(
    page: Page, host: HostPage, watched: Watch, mode: str
) -> None:
    watched.allow("Failed to load resource")
    page.goto(f"{host.url}/images/1")
    ready(page)
    sent: list[str] = []

    def handle(route: Route, request: Request) -> None:
        if f'"mode":"{mode}"' not in (request.post_data or ""):
            route.fallback()
        else:
            sent.append(mode)
            route.abort("internetdisconnected")

    page.route("**/graphql", handle)
    said = page.evaluate("(mode) => facedb.call(mode, {}).catch((failure) => failure.message)", mode)
    assert said == "Stash does not answer"
    assert sent == [mode]
