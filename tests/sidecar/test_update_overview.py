"""What a page shows of a FaceDatabase: who manages it, what may be asked for, what an update interrupts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.updater.advice import ADVICE, OTHERWISE, advice
from facedb_sidecar.updater.overview import Overview
from facedb_sidecar.updater.overview_cluster import newest_first, overview_of
from facedb_sidecar.updater.translate import status_of

OLD, NEW, OLDER = "2026.02.12", "2026.02.18", "2026.01.30"
PINNED: dict[str, Any] = {"version": OLD}
CHANNEL: dict[str, Any] = {"channel": {}}
DOCS = Path(__file__).parents[2] / "docs"


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def shown(
    spec: dict[str, Any],
    ready: tuple[str, str, str] = ("True", "Serving", "All is well."),
    *,
    stalled: bool = False,
    loaded_in_s: float | None = 8.0,
    **status: Any,
) -> Overview:
    conditions = [
        condition("Ready", *ready),
        condition("Stalled", str(stalled), ready[1], ""),
        condition("UpdateAvailable", str("available" in status), "AwaitingApproval", "It waits for you."),
    ]
    facts = {"active": {"version": OLD}, "desired": {"version": OLD}, "conditions": conditions}
    database = {"metadata": {}, "spec": spec, "status": {**facts, **status}}
    return overview_of("media", "faces", database, status_of(database), loaded_in_s)


def test_a_pinned_version_offers_nothing_and_names_the_facedatabase_and_the_way() -> None:
    found = shown(PINNED, available={"version": NEW})
    assert (found.managed_by, found.facedatabase, found.pinned) == ("FaceDatabase", "media/faces", True)
    assert found.action is None
    assert found.why_not is not None
    assert "Change spec.version in Git" in found.why_not


def test_a_version_that_waits_in_a_channel_may_be_approved() -> None:
    found = shown(CHANNEL, available={"version": NEW})
    assert (found.action, found.why_not, found.waiting) == ("approve", None, "It waits for you.")
    assert shown(CHANNEL).action is None
    assert shown(CHANNEL).waiting is None


def test_what_was_refused_may_be_tried_again_and_says_why_it_failed_and_what_to_do() -> None:
    bad = {
        "version": NEW,
        "reason": "CorruptIndex",
        "message": "face_index.voy: no",
        "at": "2026-02-18T05:00:00Z",
    }
    other = {"version": OLDER, "reason": "WrongDigest", "message": "another one's"}
    rolled_back = ("False", "RolledBack", f"{NEW} was refused.")
    found = shown({"version": NEW}, rolled_back, stalled=True, desired={"version": NEW}, bad=[bad, other])
    assert (found.action, found.pinned) == ("retry", True)
    assert found.failure is not None
    assert (found.failure.version, found.failure.reason) == (NEW, "CorruptIndex")
    assert (found.failure.message, found.failure.at) == ("face_index.voy: no", "2026-02-18T05:00:00Z")
    assert found.failure.advice == ADVICE["CorruptIndex"]


def test_a_failure_that_no_release_is_to_blame_for_is_told_in_readys_words() -> None:
    found = shown({"version": NEW}, ("False", "VersionNotFound", "No such version."), stalled=True)
    assert found.failure is not None
    assert (found.failure.reason, found.failure.message) == ("VersionNotFound", "No such version.")


@pytest.mark.parametrize(
    ("ready", "why"),
    [
        (("False", "Fetching", "47%"), "under way"),
        (("False", "RollingBack", "going back"), "under way"),
        (("False", "Suspended", "suspended"), "is suspended"),
    ],
)
def test_while_something_moves_or_is_held_nothing_may_be_asked_for(ready: Any, why: str) -> None:
    found = shown(CHANNEL, ready, available={"version": NEW})
    assert found.action is None
    assert found.why_not is not None
    assert why in found.why_not


def test_bytes_and_reason_of_a_rollout_are_shown() -> None:
    target = {"version": NEW, "bytesDone": 5, "bytesTotal": 9, "startedAt": "2026-02-18T04:00:00Z"}
    moves = shown(CHANNEL, ("False", "Fetching", "47%"), desired={"version": NEW}, target=target).rollout
    assert (moves.reason, moves.message, moves.bytes_done, moves.bytes_total) == ("Fetching", "47%", 5, 9)
    assert (moves.started_at, moves.status.target_version) == ("2026-02-18T04:00:00Z", NEW)


def test_kept_are_verified_volumes_and_ready_snapshots_beside_what_serves_and_comes() -> None:
    storage = {
        "claims": [
            {"version": OLD, "verified": True},
            {"version": "2025.12.01", "verified": False},
            {"version": "2025.12.31", "verified": True},
            {"version": "models", "verified": True},
            {"version": NEW, "verified": True},
        ],
        "snapshots": [{"version": OLDER, "ready": True}, {"version": "2025.11.01", "ready": False}],
    }
    found = shown(CHANNEL, ("False", "RollingOut", ""), storage=storage, target={"version": NEW})
    assert found.kept == (OLDER, "2025.12.31")


@given(st.lists(st.dates().map(lambda day: f"{day:%Y.%m.%d}") | st.text(max_size=12)))
def test_versions_are_ordered_by_the_calendar_each_once_and_nothing_else_is_one(versions: list[str]) -> None:
    found = newest_first(versions)
    assert list(found) == sorted(set(found), reverse=True)
    assert set(found) <= set(versions)


def spec(strategy: str | None = None, replicas: int = 1) -> dict[str, Any]:
    rollout = {} if strategy is None else {"strategy": strategy}
    return {**CHANNEL, "rollout": rollout, "sidecar": {"replicas": replicas}}


def history(*gaps: float) -> list[dict[str, Any]]:
    return [{"outcome": "Succeeded", "unavailableSeconds": gap} for gap in gaps]


@pytest.mark.parametrize(
    ("spec", "history", "expected", "seconds"),
    [
        (spec("Recreate"), [], "certain", 8.0),
        (spec("Recreate"), history(0, 14.2), "certain", 14.2),
        (spec("Rolling"), history(0, 14.2), "none", None),
        (spec(replicas=2), [], "none", None),
        (spec(), [], "possible", 8.0),
        (spec(), history(30.0), "possible", 8.0),
        (spec(), history(30.0, 0.0), "none", None),
        (spec(), history(0, 14.2), "certain", 14.2),
    ],
)
def test_a_gap_is_expected_by_the_strategy_and_by_what_the_last_update_had(
    spec: dict[str, Any], history: list[dict[str, Any]], expected: str, seconds: float | None
) -> None:
    found = shown(spec, history=history).interruption
    assert (found.expected, found.seconds) == (expected, seconds)
    assert found.why


def test_without_anything_but_a_name_there_is_an_overview() -> None:
    found = overview_of("media", "faces", {}, status_of({}), None)
    assert (found.desired_version, found.kept, found.failure) == (None, (), None)


def test_every_reason_with_advice_is_one_that_the_documentation_has_and_others_get_a_general_one() -> None:
    documented = set(re.findall(r"`([A-Z][A-Za-z]+)`", (DOCS / "reasons.md").read_text("utf-8")))
    assert set(ADVICE) <= documented
    assert advice("ReasonOfTomorrow") == advice(None) == OTHERWISE
