"""The Stash plugin and the real operator: browser and backend processes here, the Service on the node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from cluster.stage import CORRUPT, FIRST, SECOND, THIRD
from cluster.waiting import wait_until
from cluster.world_of_one import Database
from plugin.browsing import browser, context, open_page, page, watched
from plugin.database_pages import (
    badge,
    button,
    confirmed,
    dialog,
    fact,
    opened,
    panel,
    progress,
    said,
    serves,
)
from plugin.host_page import HostPage

__all__ = ["browser", "context", "open_page", "page", "watched"]

pytestmark = pytest.mark.cluster

ROLLOUT = {"strategy": "Rolling", "drain": "1s", "progressDeadline": "10m", "bake": "0s"}
# A quarter of a megabyte, for as long as some looks.
SLOW = 40_000
ROLLOUT_MS = 180_000


def follow(database: Database, wanted: str, policy: str) -> None:
    """Kubectl apply with a channel in place of the version."""
    channel = {"range": wanted, "interval": "10s", "policy": policy}
    database.apply(None, channel=channel, rollout=ROLLOUT)


@pytest.fixture(scope="module")
def following(fdb: Database) -> Database:
    """It serves the first release; a newer one waits for somebody to approve it."""
    follow(fdb, f"<{SECOND}", "Automatic")
    fdb.wait_serving(FIRST)
    return fdb


@pytest.fixture
def host(following: Database) -> Iterator[HostPage]:
    """The host page; its user has named the Service."""
    kubernetes = following.place.kubernetes
    service = kubernetes.get("service", following.name, following.namespace)["spec"]
    port = service["ports"][0]["port"]
    url = f"http://{service['clusterIP']}:{port}"
    wait_until(lambda: answers(url), "the Service to answer", timeout_s=60, tell=following.describe)
    with HostPage(sidecar=url) as host:
        yield host


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/ready", timeout=60).ok
    except requests.RequestException:
        return False


def rolled(shown: Locator, version: str) -> None:
    """Wait until another version serves."""
    expect(fact(shown, "Version")).to_have_text(version, timeout=ROLLOUT_MS)
    serves(shown, version)


def seen(host: HostPage) -> list[dict[str, Any]]:
    """What the backend's processes have answered with, of the overview."""
    return [run.output for run in host.plugin.runs if run.mode == "db_overview"]


def test_a_version_that_waits_is_approved_and_followed_until_it_serves(
    page: Page, following: Database, host: HostPage
) -> None:
    follow(following, f"<{THIRD}", "Notify")
    following.wait("UpdateAvailable", "True")
    page.goto(f"{host.url}/scenes")
    expect(badge(page)).to_have_text("Faces: update")
    badge(page).click()
    shown = panel(page)
    expect(fact(shown, "Version")).to_have_text(FIRST)
    expect(shown).to_contain_text(f"{following.namespace}/{following.name}")
    expect(fact(shown, "Available")).to_contain_text(SECOND)

    following.server.faults.bytes_per_second = SLOW
    button(shown, f"Approve {SECOND} …").click()
    expect(dialog(page)).to_contain_text("No interruption.")
    confirmed(page, "Approve")
    expect(progress(shown)).to_be_visible()
    expect(shown).to_contain_text(f"Update to {SECOND}", timeout=ROLLOUT_MS)
    page.reload()
    expect(progress(shown)).to_be_visible()
    following.server.faults.bytes_per_second = None
    rolled(shown, SECOND)
    expect(shown).to_contain_text(f"{SECOND} serves now")
    expect(badge(page)).to_have_text("Faces")
    following.wait_taken(SECOND)
    # Nobody noticed anything: pods came and went, and each question had its answer.
    assert [said for said in seen(host) if said is None or "error" in said] == []


def test_a_kept_version_serves_again_and_forward_again_by_another_try(
    page: Page, following: Database, host: HostPage
) -> None:
    follow(following, f"<{THIRD}", "Automatic")
    following.wait_taken(SECOND)
    shown = opened(page, host)
    button(shown, f"Go back to {FIRST} …").click()
    expect(dialog(page)).to_contain_text("Nothing is downloaded.")
    confirmed(page, "Go back")
    expect(said(page)).to_have_text("It has begun.")
    rolled(shown, FIRST)
    expect(shown).to_contain_text(f"Somebody went back from {SECOND}")
    button(shown, "Try again …").click()
    confirmed(page, "Try again")
    expect(said(page)).to_have_text("It has begun.")
    rolled(shown, SECOND)


def test_a_pinned_version_is_managed_by_git_and_a_bad_one_is_refused_with_its_reason(
    page: Page, following: Database, host: HostPage
) -> None:
    serving = following.status()["active"]["version"]
    following.apply(serving, rollout=ROLLOUT)
    following.wait_serving(serving)
    shown = opened(page, host)
    expect(shown).to_contain_text("Managed by Git")
    expect(shown).to_contain_text(f"names version {serving} in spec.version")
    expect(button(shown, "Update")).to_have_count(0)
    expect(button(shown, "Approve")).to_have_count(0)

    # Whoever manages it asks for a bad one; the page was open all the time.
    following.apply(CORRUPT, rollout=ROLLOUT)
    following.wait("Stalled", "True", "RolledBack")
    page.reload()
    expect(shown).to_contain_text(f"update to {CORRUPT} has failed")
    expect(shown).to_contain_text("WrongChecksum: ")
    expect(shown).to_contain_text(f"{serving} goes on serving.")
    expect(shown).to_contain_text("What to do: Try again once")
    expect(badge(page)).to_have_text("Faces: failed")
    assert following.condition("Available")["status"] == "True"
