"""The database panel of a sidecar that belongs to a FaceDatabase: who decides, what waits, what was refused.

The cluster is played: a test says what its API shows. test_plugin_on_the_node.py has a real one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from kube_server import KubeServer
from plugin.accessibility import axe
from plugin.database_pages import (
    badge,
    button,
    confirmed,
    dialog,
    fact,
    in_cluster,
    kube,
    look_again,
    opened,
    progress,
    said,
)
from plugin.host_page import HostPage
from serving_fixtures import VERSION

__all__ = ["in_cluster", "kube"]

Shoot = Callable[..., Any]
NEW, NEWER, KEPT = "2026.03.01", "2026.03.08", "2026.02.12"
MB = 1_000_000
OFFER = {"version": NEW, "name": "March", "size": 1478 * MB, "publishedAt": "2026-03-01T03:00:00Z"}
CHANNEL: dict[str, Any] = {"channel": {"track": "latest"}}
WAITS = f"{NEW} waits for somebody to approve it."


def database(
    spec: dict[str, Any], reason: str = "Serving", message: str = "", **status: Any
) -> dict[str, Any]:
    """FaceDatabase media/faces, which serves what the sidecar serves."""
    well = reason == "Serving"
    conditions = [
        {"type": "Ready", "status": str(well), "reason": reason, "message": message},
        {"type": "Stalled", "status": str(reason == "RolledBack"), "reason": reason, "message": message},
        {
            "type": "UpdateAvailable",
            "status": str("available" in status),
            "reason": "AwaitingApproval",
            "message": WAITS,
        },
    ]
    facts = {"active": {"version": VERSION}, "desired": {"version": VERSION}, "observedGeneration": 1}
    return {
        "metadata": {"name": "faces", "generation": 1, "annotations": {}},
        "spec": spec,
        "status": {**facts, "conditions": conditions, **status},
    }


def moves(reason: str, message: str = "", **target: Any) -> dict[str, Any]:
    """NEW on its way."""
    return database(
        CHANNEL, reason, message, desired={"version": NEW}, target={"version": NEW, "state": reason, **target}
    )


def test_a_pinned_version_is_managed_by_git_and_no_button_would_fail(
    page: Page, in_cluster: HostPage, kube: KubeServer, shoot: Shoot
) -> None:
    kube.database = database({"version": VERSION}, available=OFFER)
    shown = opened(page, in_cluster)
    expect(shown).to_contain_text("Managed by Git")
    expect(shown.locator("code")).to_have_text("media/faces")
    expect(shown).to_contain_text(f"names version {VERSION} in spec.version")
    expect(fact(shown, "Available")).to_contain_text(f"{NEW} · 1.5 GB · published 1 Mar 2026")
    expect(shown.get_by_role("button")).to_have_count(0)
    assert axe(page, ".facedb-database") == []
    shoot(page, "database-pinned", shown)


def test_a_version_that_waits_is_approved_and_followed_until_it_serves(
    page: Page, in_cluster: HostPage, kube: KubeServer, shoot: Shoot
) -> None:
    kube.database = database(CHANNEL, available=OFFER)
    shown = opened(page, in_cluster)
    expect(badge(page)).to_have_text("Faces: update")
    expect(shown).to_contain_text(WAITS)
    shoot(page, "database-approve", shown)
    button(shown, f"Approve {NEW} …").click()
    expect(dialog(page)).to_contain_text("About 1.5 GB are downloaded")
    expect(dialog(page)).to_contain_text("Perhaps an interruption")
    confirmed(page, "Approve")

    # The operator has not seen it yet; nobody is offered the same once more.
    expect(said(page)).to_have_text("It has begun.")
    expect(button(shown, "Approve")).to_have_count(0)
    assert kube.database["metadata"]["annotations"]["facedb.dev/approve"].startswith(f"{NEW}-")
    kube.database = moves("Fetching", "Fetching the release.", bytesDone=0, bytesTotal=1478 * MB)
    expect(shown).to_contain_text(f"Update to {NEW}: Downloading")
    # Bytes were looked at, once before and once after: a rate needs both.
    expect(shown).to_contain_text("0 B of 1.5 GB")
    kube.database = moves("Fetching", bytesDone=640 * MB, bytesTotal=1478 * MB)
    expect(shown).to_contain_text("640 MB of 1.5 GB · ")
    expect(shown).to_contain_text("MB/s · about ")
    kube.database = moves("RollingOut", "1 of 2 pods serve.", progress=1, bytesDone=1478 * MB)
    expect(shown).to_contain_text("Starting the new release")
    expect(shown).to_contain_text("1 of 2 pods serve.")
    kube.database = database(CHANNEL)
    expect(progress(shown)).to_have_count(0)
    expect(badge(page)).to_have_text("Faces")
    expect(shown.get_by_role("button", name="Approve")).to_have_count(0)


def test_an_approval_outside_of_the_window_is_shown_as_one_that_waits_and_one_may_go_back(
    page: Page, in_cluster: HostPage, kube: KubeServer
) -> None:
    opens = f"{NEW} is approved. The window opens 2026-03-07 06:00 UTC."
    claims = [{"version": KEPT, "verified": True}]
    kube.database = database(CHANNEL, available=OFFER, storage={"claims": claims})
    kube.database["metadata"]["annotations"] = {"facedb.dev/approve": f"{NEW}-0123456789ab"}
    kube.database["status"]["conditions"][-1] |= {"reason": "OutsideWindow", "message": opens}
    shown = opened(page, in_cluster)
    expect(shown).to_contain_text(opens)
    expect(progress(shown)).to_have_count(0)
    expect(button(shown, "Approve")).to_have_count(0)
    button(shown, f"Go back to {KEPT} …").click()
    confirmed(page, "Go back")
    expect(said(page)).to_have_text("It has begun.")


def test_what_was_asked_for_and_waits_for_its_window_is_not_said_to_serve(
    page: Page, in_cluster: HostPage, kube: KubeServer
) -> None:
    opens = f"{NEW} is approved. The window opens 2026-03-07 06:00 UTC."
    kube.database = moves("LookingUp")
    shown = opened(page, in_cluster)
    expect(progress(shown)).to_be_visible()
    waiting = database(CHANNEL, available=OFFER)
    waiting["metadata"]["annotations"] = {"facedb.dev/approve": f"{NEW}-0123456789ab"}
    waiting["status"]["conditions"][-1] |= {"reason": "OutsideWindow", "message": opens}
    kube.database = waiting
    expect(progress(shown)).to_have_count(0)
    expect(said(page)).to_have_text(opens)


@pytest.mark.parametrize(
    ("spec", "history", "words"),
    [
        (
            {"rollout": {"strategy": "Recreate"}},
            [],
            "An interruption of about 1 s: nobody is identified meanwhile.",
        ),
        ({}, [0, 14.2], "An interruption of about 14 s: nobody is identified meanwhile."),
        ({}, [], "Perhaps an interruption"),
        ({"sidecar": {"replicas": 2}}, [], "No interruption."),
    ],
    ids=["Recreate", "one GPU", "not known", "two pods"],
)
def test_the_dialog_says_what_the_rollout_interrupts(
    page: Page,
    in_cluster: HostPage,
    kube: KubeServer,
    spec: dict[str, Any],
    history: list[float],
    words: str,
) -> None:
    told = [{"outcome": "Succeeded", "unavailableSeconds": gap} for gap in history]
    kube.database = database({**CHANNEL, **spec}, available=OFFER, history=told)
    button(opened(page, in_cluster), "Approve").click()
    expect(dialog(page)).to_contain_text(words)


def test_a_release_that_was_rolled_back_is_told_with_the_operators_reason_and_tried_again(
    page: Page, in_cluster: HostPage, kube: KubeServer
) -> None:
    bad = {
        "version": NEW,
        "reason": "CorruptIndex",
        "message": "face_index.voy does not find its own faces.",
        "at": "2026-03-01T05:00:00Z",
    }
    back = f"{NEW} was refused; {VERSION} serves again."
    kube.database = database({"version": NEW}, "RolledBack", back, desired={"version": NEW}, bad=[bad])
    shown = opened(page, in_cluster)
    expect(shown).to_contain_text(f"update to {NEW} has failed")
    expect(shown).to_contain_text("CorruptIndex: face_index.voy does not find its own faces.")
    expect(shown).to_contain_text(f"{VERSION} goes on serving.")
    expect(shown).to_contain_text("What to do: ")
    expect(badge(page)).to_have_text("Faces: failed")
    button(shown, "Try again …").click()
    confirmed(page, "Try again")
    expect(said(page)).to_have_text("It has begun.")
    expect(button(shown, "Try again")).to_have_count(0)
    assert "facedb.dev/retry" in kube.database["metadata"]["annotations"]


def test_a_rollout_that_goes_back_is_no_progress(page: Page, in_cluster: HostPage, kube: KubeServer) -> None:
    kube.database = moves("RollingBack", "The new pods crash.")
    shown = opened(page, in_cluster)
    expect(shown).to_contain_text("Going back")
    expect(shown).to_contain_text("The new pods crash.")
    expect(progress(shown)).to_have_count(0)


def test_somebody_who_went_back_is_not_told_that_it_failed(
    page: Page, in_cluster: HostPage, kube: KubeServer
) -> None:
    kube.database = moves("RollingBack", "Going back, as asked.")
    shown = opened(page, in_cluster)
    expect(shown).to_contain_text("Going back")
    bad = {"version": NEW, "reason": "RolledBackByUser", "message": f"Somebody went back to {VERSION}."}
    kube.database = database({"version": NEW}, "RolledBack", desired={"version": NEW}, bad=[bad])
    expect(shown).to_contain_text(f"Somebody went back from {NEW}")
    expect(said(page)).to_have_text(f"Somebody went back from {NEW}. {VERSION} serves now.")
    expect(badge(page)).to_have_text("Faces: went back")
    expect(badge(page)).to_have_accessible_name(f"Faces: went back. Somebody went back from {NEW}.")


def test_an_offer_follows_what_waits(page: Page, in_cluster: HostPage, kube: KubeServer) -> None:
    kube.database = database(CHANNEL, available=OFFER)
    shown = opened(page, in_cluster)
    expect(button(shown, f"Approve {NEW} …")).to_be_visible()
    kube.database = database(CHANNEL, available={**OFFER, "version": NEWER})
    kube.database["status"]["conditions"][-1]["message"] = f"{NEWER} waits for somebody to approve it."
    look_again(page)
    expect(button(shown, f"Approve {NEWER} …")).to_be_visible()
    expect(fact(shown, "Available")).to_contain_text(NEWER)
    kube.database = database(CHANNEL)
    look_again(page)
    expect(shown.get_by_role("button")).to_have_count(0)
    expect(fact(shown, "Available")).to_have_text("nothing newer")


def test_a_kept_version_is_asked_for_and_the_dialog_says_what_stays(
    page: Page, in_cluster: HostPage, kube: KubeServer
) -> None:
    claims = [{"version": KEPT, "verified": True}]
    kube.database = database({"version": VERSION}, storage={"claims": claims})
    button(opened(page, in_cluster), f"Go back to {KEPT} …").click()
    expect(dialog(page)).to_contain_text(f"FaceDatabase media/faces goes on asking for {VERSION}")
    confirmed(page, "Go back")
    expect(said(page)).to_have_text("It has begun.")
    assert kube.database["metadata"]["annotations"]["facedb.dev/rollback"].startswith(f"{KEPT}-")


def test_what_the_pods_account_may_not_do_is_told_in_words(
    page: Page, in_cluster: HostPage, kube: KubeServer
) -> None:
    kube.database = database(CHANNEL, available=OFFER)
    kube.fails = {"PATCH": 403}
    shown = opened(page, in_cluster)
    button(shown, "Approve").click()
    confirmed(page, "Approve")
    expect(shown).to_contain_text("It was refused")
    expect(shown).to_contain_text("verb patch")
    expect(button(shown, f"Approve {NEW} …")).to_be_visible()


def test_an_api_server_that_is_away_leaves_what_is_known_on_the_page(
    page: Page, in_cluster: HostPage, kube: KubeServer
) -> None:
    kube.database = database(CHANNEL, available=OFFER)
    shown = opened(page, in_cluster)
    button(shown, "Approve").click()
    kube.fails = {"GET": 500}
    confirmed(page, "Approve")
    expect(shown).to_contain_text("The sidecar cannot say now")
    expect(fact(shown, "Version")).to_have_text(VERSION)
    kube.fails = {}
    expect(shown).not_to_contain_text("cannot say now")
