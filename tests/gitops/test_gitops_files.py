"""What is given to those who deliver by Git is made of one source, and covers every state that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from facedb_operator import names
from facedb_operator.names import Component, Reason
from facedb_operator.objects.claims import claim
from facedb_operator.spec.verbs import VERBS as TOKENS
from facedb_operator.status.phases import Phase, phase_of
from facedb_operator.steps import CreateClaim
from gitops.argocd_cm import CONFIG_MAP, LUA, NEEDS, ROOT, VERBS, config_map, page
from gitops.judgement import TABLE
from gitops.recorded import VERBS as JUDGED
from gitops.recorded import Recorded, State, recorded, unseen
from kstatus import kstatus
from world import World
from world_objects import base_spec

# They are never Ready's: of other conditions, of `status.history`, or why a release was refused.
ELSEWHERE = {
    *("Verified", "Unsigned", "Unverified", "NotServing", "NotPaused", "Superseded"),
    *("UpToDate", "AwaitingApproval", "NotOnOffer", "RefusedBefore", "Soaking", "OutsideWindow"),
    *("LoadFailed", "Restarted", "Degraded", "Aborted", "RolledBackByUser"),
}


def test_the_example_for_argo_cd_is_the_charts_lua() -> None:
    assert CONFIG_MAP.read_text() == page(), "write it: python tests/gitops/argocd_cm.py"
    assert yaml.safe_load(page()) == config_map()


def test_every_verb_has_an_action_and_no_script_is_left_out() -> None:
    assert {p.parent.name for p in LUA.glob("actions/*/action.lua")} == set(VERBS) == set(JUDGED)
    assert set(VERBS) == {*TOKENS, "resume"}
    texts = str(config_map()["data"])
    assert "-- needs" not in texts
    shared = {LUA / name for path in LUA.rglob("*.lua") for name in NEEDS.findall(path.read_text())}
    known = {LUA / "health.lua", LUA / "actions" / "discovery.lua", *shared}
    assert set(LUA.rglob("*.lua")) == known | set(LUA.glob("actions/*/action.lua"))


@pytest.mark.parametrize("component", [Component.STATE, Component.MODELS, Component.RELEASE])
def test_every_volume_tells_argo_cd_that_it_is_not_to_be_pruned(component: Component) -> None:
    db = World({**base_spec(), "deletionPolicy": "Retain"}).database()
    made = claim(db, CreateClaim(component, "1Gi"))["metadata"]
    assert "ownerReferences" not in made
    assert made["annotations"].items() >= names.SPARED_BY_ARGOCD.items()


def test_the_page_has_the_table() -> None:
    told: set[tuple[tuple[str, str], str, str]] = set()
    for line in (ROOT / "docs" / "gitops.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[3].startswith("`"):
            reasons = cells[3].replace("`", "").split(", ")
            told |= {((cells[0], cells[1]), cells[2], reason) for reason in reasons}
    assert told == {(how, ready, reason) for (reason, ready, _), how in TABLE.items()}


def test_the_scripts_need_no_libraries_that_argo_cd_keeps_from_them() -> None:
    # Only Lua's base, table, and os with time and date are there without useOpenLibs.
    for path in LUA.rglob("*.lua"):
        for library in ("string.", "math.", "io.", "debug.", ":gsub", ":find", ":match", ":sub"):
            assert library not in Path(path).read_text(), path


def test_the_table_has_every_state_that_the_stories_come_to(states: dict[State, list[Recorded]]) -> None:
    assert set(states) == set(TABLE)
    assert {reason for reason, _, _ in TABLE} >= {r.value for r in Reason} - ELSEWHERE
    assert not {reason for reason, _, _ in TABLE} & ELSEWHERE
    phases = {phase_of(each.body["status"]) for each in recorded()}
    assert phases | {phase_of(unseen().get("status") or {})} == set(Phase)


def test_kstatus_as_written_for_the_unit_tests_reads_each_state_as_the_table_says(
    states: dict[State, list[Recorded]],
) -> None:
    for state, found in states.items():
        assert {kstatus(each.body) for each in found} == {TABLE[state][1]}, state
