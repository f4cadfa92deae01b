"""A status → what `kubectl facedb` makes of it, whatever stands in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kube_states as states
from facedb_kubectl import screen
from facedb_kubectl.edge import plain
from facedb_kubectl.errors import Refused
from facedb_kubectl.readings import look
from facedb_kubectl.rules import judge, version_for
from facedb_kubectl.view import as_json
from kube_states import NEW, NEWER, NOW, OLD

VERBS = ("promote", "abort", "retry", "pause", "resume", "rollback", "approve")

odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just(states.at(-5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A state of which some fields are gone, and some hold something odd."""

    def worn(node: Any) -> Any:
        fate = draw(st.integers(0, 19))
        if fate == 0:
            return draw(odd)
        if isinstance(node, dict):
            return {k: worn(v) for k, v in node.items() if draw(st.integers(0, 11))}
        return [worn(v) for v in node] if isinstance(node, list) else node

    return worn(draw(st.sampled_from([*states.states().values()])))


@given(damaged() | odd, st.lists(odd, max_size=2), st.lists(odd, max_size=2))
def test_no_status_is_too_odd_to_be_shown(body: Any, pods: list[Any], events: list[Any]) -> None:
    view = look(body, NOW, pods=pods, events=events)
    text = plain(screen.page(view, NOW), width=100)
    text += "\n".join(screen.refusals(view, NOW)) + screen.line(view, NOW)
    text += "\n".join(
        " ".join(row) for row in (*screen.past(view), *screen.overview([view], namespaces=True, wide=True))
    )
    # Nothing that a cluster says moves the cursor, changes colours or rings.
    assert [char for char in text if not char.isprintable() and char != "\n"] == []
    json.dumps(as_json(view), allow_nan=False)


@given(damaged() | odd, st.sampled_from(VERBS), st.none() | st.sampled_from([OLD, NEW, NEWER]))
def test_no_status_is_too_odd_to_be_judged(body: Any, verb: str, version: str | None) -> None:
    view = look(body, NOW)
    try:
        judge(verb, view, version_for(verb, view, version))
    except Refused as refusal:
        said = str(refusal)
    else:
        said = "."
    assert said.endswith(".")


@pytest.mark.parametrize(
    ("state", "verbs"),
    [
        ("serving", {"pause", "rollback"}),
        ("fetching", {"pause", "rollback", "abort"}),
        ("canary", {"pause", "rollback", "abort", "promote"}),
        ("canary pausing", {"pause", "rollback", "abort", "promote"}),
        ("baking", {"pause", "rollback", "abort", "promote"}),
        ("refused", {"pause", "rollback", "retry"}),
        ("frozen", {"pause", "rollback", "abort", "promote", "retry"}),
        ("offered", {"pause", "rollback", "approve"}),
        ("paused", {"resume", "rollback"}),
    ],
)
def test_only_what_makes_sense_is_let_through(state: str, verbs: set[str]) -> None:
    view = look(states.states()[state], NOW)

    def passes(verb: str) -> bool:
        try:
            judge(verb, view, version_for(verb, view, None))
        except Refused:
            return False
        return True

    assert {verb for verb in VERBS if passes(verb)} == verbs


@pytest.mark.parametrize("verb", ["promote", "abort", "retry", "rollback", "approve"])
def test_nothing_that_needs_movement_is_asked_of_a_suspended_database(verb: str) -> None:
    for body in states.states().values():
        body["spec"]["suspend"] = True
        view = look(body, NOW)
        with pytest.raises(Refused, match=r"suspended|kept|channel|offers"):
            judge(verb, view, version_for(verb, view, None))


def test_a_rollback_without_a_version_goes_to_what_served_before_not_to_the_highest_number() -> None:
    body = states.serving()
    body["status"]["storage"]["claims"] += [states.claim("2026.01.15"), states.claim("2026.02.01")]
    body["status"]["history"].insert(1, states.past("2026.01.15", -500_000))
    assert version_for("rollback", look(body, NOW), None) == "2026.01.15"
    body["status"]["history"] = []
    assert version_for("rollback", look(body, NOW), None) == "2026.02.01"


def test_a_release_that_is_kept_as_a_snapshot_alone_can_be_rolled_back_to() -> None:
    body = states.serving()
    body["status"]["storage"] = {"claims": [states.claim(OLD)]}
    body["status"]["storage"]["snapshots"] = [
        {"name": "a", "version": "2026.01.30", "ready": True},
        {"name": "b", "version": "2026.01.15", "ready": False},
    ]
    view = look(body, NOW)
    assert view.kept == ("2026.01.30",)
    with pytest.raises(
        Refused, match=r"2026\.01\.15 is not kept\. Kept beside the one in traffic: 2026\.01\.30\."
    ):
        judge("rollback", view, "2026.01.15")


def test_only_the_version_on_offer_can_be_approved() -> None:
    view = look(states.offered(), NOW)
    assert version_for("approve", view, None) == NEWER
    with pytest.raises(Refused, match=rf"{NEW} is not on offer; the channel offers {NEWER}"):
        judge("approve", view, NEW)
    with pytest.raises(Refused, match="has no channel"):
        version_for("approve", look(states.serving(), NOW), None)


def test_a_change_that_the_operator_has_not_seen_yet_is_said() -> None:
    body = states.serving()
    body["metadata"]["generation"] = 2
    assert screen.headline(look(body, NOW)) == "Serving (not seen yet)"
    del body["status"]
    assert look(body, NOW).phase == "Unseen"


def test_moments_are_counted_down_to() -> None:
    baking = look(states.baking(), NOW)
    assert baking.target is not None
    assert baking.target.bake_until == NOW + timedelta(minutes=10)
    pausing = look(states.canary(pause="1m"), NOW)
    assert pausing.target is not None
    assert pausing.target.canary is not None
    assert (pausing.target.canary.until, pausing.target.canary.waits_for_promote) == (
        NOW + timedelta(seconds=40),
        False,
    )
    waiting = look(states.canary(), NOW)
    assert waiting.target is not None
    assert waiting.target.canary is not None
    assert (waiting.target.canary.until, waiting.target.canary.waits_for_promote) == (None, True)


def test_a_window_is_the_next_one_in_its_own_zone() -> None:
    window = {"days": ["Sat"], "start": "06:00", "duration": "2h", "timeZone": "Europe/Berlin"}
    offer = look(states.offered(window=window), NOW).offer
    assert offer is not None
    assert offer.window_opens == datetime(2026, 11, 21, 5, 0, tzinfo=UTC)
    odd_zone = look(states.offered(window={**window, "timeZone": "Nowhere/Here"}), NOW).offer
    assert odd_zone is not None
    assert odd_zone.window_opens is None
