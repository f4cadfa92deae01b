"""A channel asks its source by a Job, takes a version when it may; people answer with `kubectl facedb`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cluster.plugin import facedb
from cluster.stage import FIRST, SECOND, THIRD
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster

NEWER_THAN_ALL_GOOD = "2026.02.25"


def follow(database: Database, wanted: str, **channel: Any) -> None:
    """Kubectl apply with a channel in place of the version, and no size of the release's volume."""
    storage = {"modelsSize": "256Mi"}
    channel = {"range": wanted, "interval": "10s", **channel}
    database.apply(None, channel=channel, storage=storage)


@pytest.fixture(scope="module")
def following(fdb: Database) -> Database:
    """A database that follows a channel and serves the first release."""
    follow(fdb, f"<{SECOND}", policy="Automatic")
    fdb.wait_serving(FIRST)
    return fdb


def test_the_volume_is_as_large_as_the_source_says(following: Database) -> None:
    claims = following.place.kubernetes.items("pvc", following.namespace)
    release = next(c for c in claims if "release" in c["metadata"]["labels"].values())
    # A quarter more than the release takes, and 1Gi at least.
    assert release["spec"]["resources"]["requests"]["storage"] == "1Gi"
    assert following.status()["available"]["size"] > 0


def test_a_newer_version_soaks_for_as_long_as_the_channel_says(following: Database) -> None:
    follow(following, f"<{THIRD}", policy="Automatic", soak="2d")
    told = following.wait("UpdateAvailable", "True", "Soaking")
    assert f"{SECOND} is available. It soaks until" in told["message"]
    assert following.status()["active"]["version"] == FIRST


def test_a_newer_version_waits_for_the_window(following: Database) -> None:
    # Closed today, whichever zone the day is told by.
    days = [(datetime.now(UTC) + timedelta(days=ahead)).strftime("%a") for ahead in (2, 3)]
    window = {"days": days, "start": "02:30", "duration": "3h", "timeZone": "Europe/Berlin"}
    follow(following, f"<{THIRD}", policy="Automatic", window=window)
    told = following.wait("UpdateAvailable", "True", "OutsideWindow")
    assert f"{SECOND} is available. The window opens" in told["message"]
    assert following.status()["active"]["version"] == FIRST


def test_a_newer_version_is_taken_at_once_where_that_is_the_policy_and_the_window_is_open(
    following: Database,
) -> None:
    follow(following, f"<{THIRD}", policy="Automatic", window={"duration": "24h"})
    following.wait_taken(SECOND)
    assert following.status()["desired"]["resolvedFrom"] == f"<{THIRD}"


def test_a_newer_version_waits_for_somebody_to_approve_it(following: Database) -> None:
    follow(following, f"<{NEWER_THAN_ALL_GOOD}", policy="Notify")
    told = following.wait("UpdateAvailable", "True")
    assert THIRD in told["message"]
    following.wait_serving(SECOND)
    facedb(following, "approve", following.name, "--wait")
    following.wait_taken(THIRD)
    assert following.condition("UpdateAvailable")["status"] == "False"


def test_the_plugin_shows_what_stands_and_what_was(following: Database) -> None:
    shown = json.loads(facedb(following, "status", following.name, "-o", "json"))
    assert shown["active"] == THIRD

    def told() -> bool:
        history = json.loads(facedb(following, "history", following.name, "-o", "json"))
        return [entry["version"] for entry in history["history"]][-1:] == [THIRD]

    # The history is written when the rollout has ended, and a pod answers its first probe after a moment.
    wait_until(told, "the rollout in the history", timeout_s=60, tell=following.describe)
    wait_until(
        lambda: "GET /ready" in facedb(following, "logs", following.name),
        "a request in the log",
        timeout_s=60,
        tell=following.describe,
    )


def test_the_release_in_traffic_is_verified_anew(following: Database) -> None:
    said = facedb(following, "verify", following.name)
    assert THIRD in said


def test_a_paused_database_moves_only_once_it_is_resumed(following: Database) -> None:
    facedb(following, "pause", following.name, "--wait")
    facedb(following, "rollback", following.name, SECOND)
    following.wait("Paused", "True")
    assert following.status()["active"]["version"] == THIRD
    facedb(following, "resume", following.name)
    # Not Ready: the channel still wants the version that somebody went back from.
    following.wait("Ready", "False", "RolledBack")
    assert following.status()["active"]["version"] == SECOND


def test_a_version_that_is_not_kept_is_refused_before_anything_is_asked(following: Database) -> None:
    with pytest.raises(RuntimeError, match=r"2025\.01\.01 is not kept"):
        facedb(following, "rollback", following.name, "2025.01.01")
