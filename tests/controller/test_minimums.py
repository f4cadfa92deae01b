"""``spec.verification``: what a release must hold beside being whole, and what is only told in mode Warn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from facedb_operator.objects.fetch_jobs import release_args
from facedb_release.outcome import Outcome
from world import World
from world_objects import base_spec, good_fetch, outcome

OLD, NEW = "2026.02.12", "2026.02.18"


def release(version: str) -> Outcome:
    """100 faces and 50 performers, then 90 and 40."""
    faces, performers = (100, 50) if version == OLD else (90, 40)
    return replace(outcome(version, ok=True), face_count=faces, performer_count=performers)


def bumped(**verification: Any) -> World:
    world = World({**base_spec(), "verification": verification}, fetches=release)
    world.settle()
    world.apply(version=NEW)
    world.settle()
    return world


@pytest.mark.parametrize(
    ("minimums", "words"),
    [
        ({"maxFaceDropPercent": 9}, "It has 90 faces, the last good release has 100; spec allows 9 % fewer."),
        ({"maxPerformerDropPercent": 10}, "It has 40 performers"),
        ({"faces": 95}, "at least 95"),
    ],
)
def test_a_release_with_too_little_in_it_is_refused_and_the_old_one_serves(
    minimums: dict[str, int], words: str
) -> None:
    world = bumped(minimums=minimums)
    assert world.condition("Ready") == ("False", "RolledBack")
    assert world.status["bad"][-1]["reason"] == "BelowMinimum"
    assert words in world.status["bad"][-1]["message"]
    assert world.status["active"]["version"] == OLD
    assert world.fetched.count(NEW) == 1


@pytest.mark.parametrize(
    "minimums", [{}, {"maxFaceDropPercent": 10, "maxPerformerDropPercent": 20}, {"faces": 90}]
)
def test_a_release_with_just_enough_is_taken(minimums: dict[str, int]) -> None:
    assert bumped(minimums=minimums).status["active"]["version"] == NEW


def test_a_warning_is_enough_where_the_spec_says_so() -> None:
    world = bumped(mode="Warn", minimums={"faces": 95})
    assert world.status["active"]["version"] == NEW
    verified = next(c for c in world.status["conditions"] if c["type"] == "Verified")
    assert "at least 95" in verified["message"]


def test_lower_minimums_are_another_try() -> None:
    world = bumped(minimums={"faces": 95})
    world.apply(verification={"minimums": {"faces": 90}})
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.status["active"]["version"] == NEW


def test_the_first_release_has_nothing_to_be_compared_with() -> None:
    world = World({**base_spec(), "verification": {"minimums": {"maxFaceDropPercent": 0}}}, fetches=release)
    world.settle()
    assert world.status["active"]["version"] == OLD


KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"


@pytest.mark.parametrize(
    ("mode", "word"), [("Warn", True), ("Enforce", False)], ids=["Warn asks for warnings", "Enforce does not"]
)
def test_the_job_is_told_whether_a_signature_is_softened(
    spec: dict[str, Any], mode: str, *, word: bool
) -> None:
    spec["verification"] = {"mode": mode, "signature": {"publicKeys": [KEY]}}
    args = release_args(World(spec).database())
    assert ("--warn-signature" in args) is word
    assert "--public-key" in args
    del spec["verification"]["signature"]
    assert "--warn-signature" not in release_args(World(spec).database())


@pytest.mark.parametrize(
    ("found", "reason"), [("MissingSignature", "Unsigned"), ("InvalidSignature", "Unverified")]
)
def test_a_release_without_its_signature_serves_and_says_so(
    spec: dict[str, Any], found: str, reason: str
) -> None:
    spec["verification"] = {"mode": "Warn", "signature": {"publicKeys": [KEY]}}
    warned = (f"{found}: nobody that is known has signed it",)
    world = World(spec, fetches=lambda v: replace(good_fetch(v), warnings=warned))
    world.settle()
    assert world.condition("Ready") == ("True", "Serving")
    assert world.condition("Verified") == ("False", reason)
    message = next(c["message"] for c in world.status["conditions"] if c["type"] == "Verified")
    assert "nobody that is known has signed it" in message
    # The next one is signed.
    world.fetches = good_fetch
    world.apply(version="2026.02.18")
    world.settle()
    assert world.condition("Verified") == ("True", "Verified")
