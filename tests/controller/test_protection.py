"""The PodDisruptionBudget and the NetworkPolicies: when they stand, and that nobody waits for them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_operator import names, objects
from facedb_operator.facts import Observed
from facedb_operator.names import Component
from facedb_operator.plan.protection import protection
from facedb_operator.spec import parse_spec
from facedb_operator.steps import (
    CreateClaim,
    CreateWorkload,
    DeleteBudget,
    DeletePolicy,
    EnsureBudget,
    EnsurePolicies,
)
from world import World
from world_objects import base_spec

EDITIONS = st.sampled_from([None, "", "0", names.PROTECTION_KEY])
PROTECTING = (EnsureBudget(), DeleteBudget(), EnsurePolicies(), DeletePolicy("stash-jobs"))


def scale(world: World, replicas: int) -> None:
    world.apply(sidecar={**world.spec["sidecar"], "replicas": replicas})


def conditions(world: World) -> set[tuple[str, str, str]]:
    return {(c["type"], c["status"], c["lastTransitionTime"]) for c in world.status["conditions"]}


def test_one_pod_has_no_budget(world: World) -> None:
    world.settle()
    assert world.budget_key is None
    assert world.policies_key is None


def test_two_pods_have_one_before_the_first_of_them_is_made(world: World) -> None:
    scale(world, 2)
    done = []
    while not world.workloads:
        done += world.one_pass().steps
        world.tick()
    kinds = [type(step) for step in done]
    assert kinds.index(EnsureBudget) < kinds.index(CreateWorkload)
    world.settle()
    assert world.budget_key == names.PROTECTION_KEY


@pytest.mark.parametrize("replicas", [1, 0])
def test_the_budget_goes_with_the_second_pod(world: World, replicas: int) -> None:
    scale(world, 2)
    world.settle()
    scale(world, replicas)
    assert DeleteBudget() in world.one_pass().steps
    world.settle()
    assert world.budget_key is None


def test_a_budget_that_somebody_deletes_comes_back_and_no_condition_moves(world: World) -> None:
    scale(world, 2)
    world.settle()
    before = conditions(world)
    world.budget_key = None
    assert world.one_pass().steps == (EnsureBudget(),)
    assert conditions(world) == before
    assert world.settle().steps == ()


def test_another_edition_of_the_budget_is_applied_over_the_old_one(world: World) -> None:
    scale(world, 3)
    world.settle()
    world.budget_key = "0"
    assert world.one_pass().steps == (EnsureBudget(),)


def test_policies_that_are_switched_off_are_taken_back_and_only_ours(world: World) -> None:
    world.wants_policies = True
    world.settle()
    assert world.policies == ("stash-sidecar", "stash-jobs")
    before = conditions(world)
    world.wants_policies = False
    # A policy is known by our labels: one that somebody has put into our name's place is not among them.
    world.policies = ("stash-jobs",)
    assert world.one_pass().steps == (DeletePolicy("stash-jobs"),)
    assert conditions(world) == before
    assert world.settle().steps == ()
    assert (world.policies, world.policies_key) == ((), None)


def test_nothing_is_protected_while_the_database_is_suspended(world: World) -> None:
    world.settle()
    world.apply(suspend=True, sidecar={**world.spec["sidecar"], "replicas": 3})
    assert world.one_pass().steps == ()


@given(
    replicas=st.integers(0, 5),
    budget=EDITIONS,
    policies=EDITIONS,
    wanted=st.booleans(),
)
def test_what_was_done_is_not_done_again(
    replicas: int, budget: str | None, policies: str | None, wanted: bool
) -> None:
    world = World(base_spec(), budget_key=budget, policies_key=policies)
    scale(world, replicas)
    db = world.database()
    there = () if policies is None else ("stash-jobs",)
    seen = Observed(
        world.now, budget_key=budget, policies_key=policies, policies=there, wants_policies=wanted
    )
    for step in protection(db, seen):
        assert step in PROTECTING
        there = () if isinstance(step, DeletePolicy) else there
        budget = {EnsureBudget(): names.PROTECTION_KEY, DeleteBudget(): None}.get(step, budget)
        policies = names.PROTECTION_KEY if step == EnsurePolicies() else policies
    after = Observed(
        world.now, budget_key=budget, policies_key=policies, policies=there, wants_policies=wanted
    )
    assert protection(db, after) == ()
    assert (budget is not None) is (replicas >= 2)
    assert policies == names.PROTECTION_KEY if wanted else not there


def manifests() -> list[dict[str, Any]]:
    meta = {"name": "stash", "namespace": "media", "uid": "u-1"}
    db = parse_spec({"metadata": meta, "spec": base_spec()}, default_image="sidecar:1")
    claim = objects.claim(db, CreateClaim(Component.RELEASE, "4Gi"))
    return [objects.budget(db), *objects.policies(db), objects.fetch_job(db, Component.RELEASE, 1), claim]


def _matches(policy: dict[str, Any], labels: dict[str, str]) -> bool:
    chosen = policy["spec"]["podSelector"]
    every = all(labels.get(k) == v for k, v in chosen.get("matchLabels", {}).items())
    return every and all(labels.get(e["key"]) in e["values"] for e in chosen.get("matchExpressions", ()))


def test_each_pod_is_under_one_policy() -> None:
    _, serving, working, job, _ = manifests()
    pods = {
        component: names.labels_for("stash", component)
        for component in Component
        if component is not Component.STATE
    }
    for component, labels in pods.items():
        under = [_matches(policy, labels) for policy in (serving, working)]
        assert under == [component is Component.SIDECAR, component is not Component.SIDECAR]
    assert _matches(working, job["spec"]["template"]["metadata"]["labels"])
    assert not _matches(working, names.labels_for("another", Component.RELEASE))


def test_serving_pods_are_reached_on_their_port_and_jobs_by_nobody() -> None:
    _, serving, working, _, _ = manifests()
    assert serving["spec"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": names.SIDECAR_PORT}]}]
    assert working["spec"]["ingress"] == []
    # What pods may reach is left alone: Stash, sources and proxies are anywhere.
    assert {kind for p in (serving, working) for kind in p["spec"]["policyTypes"]} == {"Ingress"}


def test_a_budget_lets_one_pod_go_and_those_that_serve_nobody() -> None:
    spec = manifests()[0]["spec"]
    assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert spec["selector"]["matchLabels"][names.COMPONENT_LABEL] == Component.SIDECAR


def test_protection_carries_the_edition_by_which_it_is_known() -> None:
    for manifest in manifests()[:3]:
        assert manifest["metadata"]["labels"][names.KEY_LABEL] == names.PROTECTION_KEY
        assert manifest["metadata"]["ownerReferences"][0]["uid"] == "u-1"
