"""What the chart renders to is what lies beside this test, for each set of values."""

from __future__ import annotations

import os

import pytest

from chart import renders
from chart.renders import GOLDEN, SETS, golden_text, hooks_only, rendered

pytestmark = pytest.mark.cluster

if os.environ.get("UPDATE_GOLDEN"):
    renders.write()


@pytest.mark.parametrize("name", SETS)
def test_a_set_of_values_renders_to_what_was_agreed(name: str) -> None:
    """`UPDATE_GOLDEN=1` writes the files anew: read the difference before you commit it."""
    assert golden_text(name) == (GOLDEN / f"{name}.yaml").read_text()


def test_no_golden_file_is_left_of_a_set_that_is_gone() -> None:
    assert sorted(p.stem for p in GOLDEN.iterdir()) == SETS


@pytest.mark.parametrize("name", SETS)
def test_every_object_has_a_namespace_or_is_cluster_wide_and_bears_the_charts_labels(name: str) -> None:
    for found in rendered(name):
        labels = found["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["helm.sh/chart"].startswith("facedb-")
        wide = found["kind"].startswith(("Cluster", "CustomResource", "ValidatingAdmission"))
        assert ("namespace" in found["metadata"]) is not wide, found["kind"]


@pytest.mark.parametrize("name", SETS)
def test_every_pod_is_restricted(name: str) -> None:
    pods = [f["spec"]["template"]["spec"] for f in rendered(name) if f["kind"] == "Deployment"]
    pods += [f["spec"] for f in rendered(name) if f["kind"] == "Pod"]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@pytest.mark.parametrize("name", SETS)
def test_no_service_and_no_policy_chooses_the_pod_of_helm_test(name: str) -> None:
    test = next(f for f in rendered(name) if f["kind"] == "Pod")
    assert hooks_only(test)
    labels = test["metadata"]["labels"].items()
    for found in rendered(name):
        spec = found.get("spec") or {}
        if found["kind"] in ("Service", "NetworkPolicy", "PodDisruptionBudget", "Deployment"):
            chosen = spec.get("podSelector") or spec["selector"]
            chosen = chosen.get("matchLabels") or chosen
            assert not chosen.items() <= labels, found["kind"]


def test_the_account_of_helm_test_has_no_right() -> None:
    for found in rendered("default"):
        for subject in found.get("subjects") or ():
            assert subject["name"] == "facedb-operator"


def test_one_truth_of_the_alerts_and_of_what_is_left_out() -> None:
    rule = next(f for f in rendered("everything") if f["kind"] == "PrometheusRule")
    alerts = {r["alert"] for group in rule["spec"]["groups"] for r in group["rules"]}
    assert "FaceDatabaseDark" in alerts
    assert "FaceDatabaseUpdateWaiting" not in alerts
