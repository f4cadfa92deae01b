"""kstatus' own library, by which Flux waits, reads every state that the operator's code can write."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from cluster.node import binaries
from gitops.judgement import TABLE
from gitops.recorded import Recorded, State, recorded, unseen

pytestmark = pytest.mark.cluster


def words(bodies: list[dict[str, Any]]) -> list[str]:
    """What the library says of each."""
    program = str(binaries.ensure_one(binaries.KSTATUS))
    lines = "".join(json.dumps(body) + "\n" for body in bodies)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def judged() -> dict[str, str]:
    return dict(zip((r.id for r in recorded()), words([r.body for r in recorded()]), strict=True))


@pytest.mark.parametrize("state", TABLE, ids="-".join)
def test_kstatus_of_each_state_is_that_of_the_table(
    states: dict[State, list[Recorded]], judged: dict[str, str], state: State
) -> None:
    assert {judged[each.id] for each in states[state]} == {TABLE[state][1]}


def test_a_changed_spec_is_in_progress_whatever_was_before() -> None:
    changed = [json.loads(json.dumps(r.body)) for r in recorded()]
    for body in changed:
        body["metadata"]["generation"] += 1
    assert set(words(changed)) == {"InProgress"}


def test_one_that_is_being_deleted_is_terminating() -> None:
    deleted = [json.loads(json.dumps(r.body)) for r in recorded()]
    for body in deleted:
        body["metadata"]["deletionTimestamp"] = "2026-11-21T04:00:00Z"
    assert set(words(deleted)) == {"Terminating"}


def test_one_without_a_status_is_current_for_kstatus_so_that_the_operator_must_be_there_first() -> None:
    assert words([unseen()]) == ["Current"]
