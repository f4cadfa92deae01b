"""Argo CD's own code reads every state that the operator can write: health, actions, and what these do."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from facedb_operator.spec.verbs import version_of
from gitops.argocd_cm import CONFIG_MAP
from gitops.argocd_server import judged
from gitops.judgement import TABLE
from gitops.recorded import VERBS, Recorded, State, read, recorded, unseen

pytestmark = pytest.mark.cluster

# A node of two cores: each run takes a moment to start.
AT_ONCE = 2


@pytest.fixture(scope="module")
def healths(files: dict[str, Path]) -> dict[str, tuple[str, str]]:
    """Argo CD's health of every recorded state, and its words."""
    return dict(zip(files, _each(files.values(), _health), strict=True))


@pytest.fixture(scope="module")
def offered(files: dict[str, Path]) -> dict[str, set[str]]:
    """The actions that Argo CD offers in every recorded state."""
    return dict(zip(files, _each(files.values(), _enabled), strict=True))


def _each(files: Any, how: Any) -> list[Any]:
    with ThreadPoolExecutor(AT_ONCE) as several:
        return list(several.map(how, files))


def _health(body: Path) -> tuple[str, str]:
    said = re.fullmatch(r"STATUS: (\w+)\nMESSAGE: (.*)\n", judged(("health",), body, CONFIG_MAP), re.DOTALL)
    assert said is not None
    return said[1], said[2]


def _enabled(body: Path) -> set[str]:
    head, *lines = judged(("list-actions",), body, CONFIG_MAP).splitlines()
    assert head.split() == ["NAME", "DISABLED"]
    told = dict(line.split() for line in lines)
    assert set(told) == set(VERBS)
    return {verb for verb, disabled in told.items() if disabled == "false"}


@pytest.mark.parametrize("state", TABLE, ids="-".join)
def test_argo_cds_health_of_each_state_is_that_of_the_table(
    states: dict[State, list[Recorded]], healths: dict[str, tuple[str, str]], state: State
) -> None:
    for each in states[state]:
        word, message = healths[each.id]
        assert word == TABLE[state][0]
        conditions = {c["type"]: c for c in each.body["status"]["conditions"]}
        assert message.startswith(conditions["Ready"]["message"])


def test_a_database_that_nobody_has_looked_at_is_progressing(tmp_path: Path) -> None:
    body = tmp_path / "new.json"
    body.write_text(json.dumps(unseen()))
    assert _health(body) == ("Progressing", "No operator has looked at it yet.")


def test_a_spec_that_the_operator_has_not_seen_yet_is_progressing(
    states: dict[State, list[Recorded]], tmp_path: Path
) -> None:
    for state in (("Serving", "True", "False"), ("RolledBack", "False", "True")):
        changed = json.loads(json.dumps(states[state][0].body))
        changed["metadata"]["generation"] += 1
        body = tmp_path / "changed.json"
        body.write_text(json.dumps(changed))
        assert _health(body) == ("Progressing", "The operator has not looked at this spec yet.")


def test_an_offer_and_a_snapshot_that_failed_are_told_beside_good_health(
    healths: dict[str, tuple[str, str]],
) -> None:
    told = [m for word, m in healths.values() if word == "Healthy"]
    assert any("the driver is out of space" in m for m in told)
    assert any("approve" in m for m in told)


def test_argo_cd_offers_in_each_state_what_the_plugin_lets_through(offered: dict[str, set[str]]) -> None:
    wrong = {each.id: offered[each.id] for each in recorded() if offered[each.id] != set(each.may)}
    assert wrong == {}
    assert {verb for each in recorded() for verb in each.may} == set(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_an_action_sets_a_new_token_in_the_verbs_annotation_and_changes_nothing_else(
    files: dict[str, Path], verb: str
) -> None:
    for each in _few([r for r in recorded() if verb in r.may]):
        begun = int(time.time())
        before, after = _run(files[each.id], verb)
        held = after["metadata"].pop("annotations", None) or {}
        had = before["metadata"].pop("annotations", None) or {}
        assert after == before
        token = held.pop(f"facedb.dev/{verb}", None)
        if verb == "resume":
            assert "facedb.dev/pause" in had
            assert held == {k: v for k, v in had.items() if k != "facedb.dev/pause"}
            continue
        assert held == {k: v for k, v in had.items() if k != f"facedb.dev/{verb}"}
        _, dash, mark = token.rpartition("-")
        assert begun <= int(mark) <= time.time()
        assert (version_of(token) if dash else None) == each.may[verb]


def test_a_rollback_may_name_its_version(files: dict[str, Path]) -> None:
    each = next(r for r in recorded() if "rollback" in r.may)
    _, after = _run(files[each.id], "rollback", "--param=version=2026.01.01")
    token = after["metadata"]["annotations"]["facedb.dev/rollback"]
    assert version_of(token) == "2026.01.01"


def test_after_its_action_the_plugin_and_argo_cd_agree_that_a_pause_can_only_be_ended(
    files: dict[str, Path], tmp_path: Path
) -> None:
    each = next(r for r in recorded() if r.state == ("Serving", "True", "False"))
    _, after = _run(files[each.id], "pause")
    body = tmp_path / "paused.json"
    body.write_text(json.dumps(after))
    assert _enabled(body) == set(read(after).may)
    assert {"pause", "resume"} & _enabled(body) == {"resume"}


def _few(found: list[Recorded]) -> list[Recorded]:
    """One of each reason, a few at most: a run takes half a second."""
    assert found
    return list({each.state[0]: each for each in found}.values())[:4]


def _run(file: Path, verb: str, *more: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The object before and after an action."""
    said = judged(("run-action", verb, *more), file, CONFIG_MAP)
    head, before, after = re.split(r"^==> .* <==\n", said, flags=re.MULTILINE)
    assert head.strip() == "Following fields have been changed:"
    return yaml.safe_load(before), yaml.safe_load(after)
