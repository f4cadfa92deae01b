"""The serving pod: where the users' state lies, what it knows of Stash, what it may ask of the API server."""

from __future__ import annotations

from typing import Any

import pytest

from facedb_operator import objects
from facedb_operator.names import Component
from facedb_operator.objects import serving_pods
from facedb_operator.objects.access import access
from facedb_operator.spec import FaceDatabase, parse_spec
from facedb_operator.steps import CreateClaim, CreateWorkload

Json = dict[str, Any]


def database(spec: Json, **sidecar: Any) -> FaceDatabase:
    meta = {"name": "stash", "namespace": "media", "uid": "u-1", "generation": 1}
    changed = {**spec, "sidecar": {**spec["sidecar"], **sidecar}}
    return parse_spec({"metadata": meta, "spec": changed}, default_image="sidecar:1")


def pod(db: FaceDatabase) -> Json:
    step = CreateWorkload(db.release_key, db.version, "sha256:ab", db.claim_name, 1)
    found: Json = serving_pods.deployment(db, step)["spec"]["template"]["spec"]
    return found


def env(db: FaceDatabase) -> dict[str, Any]:
    made = {e["name"]: e.get("value", e.get("valueFrom")) for e in serving_pods.environment(db)}
    assert len(made) == len(serving_pods.environment(db))
    return made


def test_the_golden_environment_of_a_pod_with_everything(spec: Json) -> None:
    key = {"name": "stash", "key": "api-key"}
    db = database(
        spec,
        stash={"url": "http://stash:9999", "apiKeySecretRef": key},
        apiKeySecretRef={"name": "sidecar", "key": "password"},
        env=[{"name": "LOG_LEVEL", "value": "DEBUG"}],
    )
    assert env(db) == {
        "FACEDB_RELEASE_DIR": "/release",
        "FACEDB_MODELS_DIR": "/models",
        "FACEDB_STATE_DIR": "/state",
        "FACEDB_DEVICE": "cpu",
        "FACEDB_UPDATES": "cluster",
        "FACEDB_DATABASE": "media/stash",
        "FACEDB_API_KEY": {"secretKeyRef": {"name": "sidecar", "key": "password"}},
        "STASH_URL": "http://stash:9999",
        "STASH_API_KEY": {"secretKeyRef": key},
        "LOG_LEVEL": "DEBUG",
    }


def test_a_variable_of_the_user_takes_the_place_of_the_operators_own(spec: Json) -> None:
    db = database(
        spec, stash={"url": "http://stash:9999"}, env=[{"name": "STASH_URL", "value": "http://other"}]
    )
    assert env(db)["STASH_URL"] == "http://other"


def test_the_users_state_is_one_volume_for_every_release_and_revision(spec: Json) -> None:
    one, other = database(spec), database({**spec, "version": "2026.02.18"}, image="sidecar:2")
    assert one.revision_key != other.revision_key
    claims = [
        next(v for v in pod(db)["volumes"] if v["name"] == "state")["persistentVolumeClaim"]
        for db in (one, other)
    ]
    assert claims == [{"claimName": "stash-state", "readOnly": False}] * 2
    assert {"name": "state", "mountPath": "/state", "readOnly": False} in pod(one)["containers"][0][
        "volumeMounts"
    ]


def test_the_golden_claim_of_the_users_state(spec: Json) -> None:
    db = database(spec, state={"size": "2Gi", "storageClassName": "fast"})
    claim = objects.claim(db, CreateClaim(Component.STATE, db.sidecar.state.size))
    assert claim["metadata"]["name"] == "stash-state"
    assert claim["metadata"]["labels"]["app.kubernetes.io/component"] == "state"
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "2Gi"}},
        "storageClassName": "fast",
    }


@pytest.mark.parametrize("database_policy", ["Delete", "Retain"])
@pytest.mark.parametrize(("state_policy", "owned"), [(None, False), ("Retain", False), ("Delete", True)])
def test_only_its_own_field_lets_the_users_state_go_with_the_database(
    spec: Json, database_policy: str, state_policy: str | None, owned: bool
) -> None:
    state = {"deletionPolicy": state_policy} if state_policy else {}
    db = database({**spec, "deletionPolicy": database_policy}, state=state)
    assert (
        "ownerReferences"
        in objects.claim(db, CreateClaim(Component.STATE, db.sidecar.state.size))["metadata"]
    ) is owned


def test_a_fetch_job_goes_where_the_state_is_and_cannot_see_it(spec: Json) -> None:
    for component in (Component.RELEASE, Component.MODELS):
        job = objects.fetch_job(database(spec), component, 1)["spec"]["template"]["spec"]
        assert "stash-state" in [v.get("persistentVolumeClaim", {}).get("claimName") for v in job["volumes"]]
        assert "state" not in [m["name"] for m in job["containers"][0]["volumeMounts"]]


def test_only_serving_pods_carry_a_token_and_it_ends_by_itself(spec: Json) -> None:
    db = database(spec)
    for component in (Component.RELEASE, Component.MODELS):
        job = objects.fetch_job(db, component, 1)["spec"]["template"]["spec"]
        assert job["automountServiceAccountToken"] is False
        assert "serviceAccountName" not in job
        assert not any("projected" in v for v in job["volumes"])
    serving = pod(db)
    assert (serving["serviceAccountName"], serving["automountServiceAccountToken"]) == (
        "stash-sidecar",
        False,
    )
    token = next(v for v in serving["volumes"] if v["name"] == "token")["projected"]["sources"][0]
    assert token == {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}


def test_without_updates_the_pods_know_nothing_of_the_cluster(spec: Json) -> None:
    db = database(spec, updates="Disabled")
    assert "serviceAccountName" not in pod(db)
    assert not any("projected" in v for v in pod(db)["volumes"])
    assert "token" not in [m["name"] for m in pod(db)["containers"][0]["volumeMounts"]]
    assert env(db)["FACEDB_UPDATES"] == "off"
    assert "FACEDB_DATABASE" not in env(db)


def test_the_access_is_to_one_named_resource_and_goes_with_it(spec: Json) -> None:
    account, role, binding = access(database(spec))
    assert role["rules"] == [
        {
            "apiGroups": ["facedb.dev"],
            "resources": ["facedatabases"],
            "resourceNames": ["stash"],
            "verbs": ["get", "patch"],
        }
    ]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": "media"}
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    for made in (account, role, binding):
        assert made["metadata"]["ownerReferences"][0]["uid"] == "u-1"


@pytest.mark.parametrize(
    "change",
    [
        {"stash": {"url": "http://other:9999"}},
        {"stash": {"url": "http://stash:9999", "apiKeySecretRef": {"name": "s", "key": "k"}}},
        {"apiKeySecretRef": {"name": "s", "key": "k"}},
        {"updates": "Disabled"},
    ],
    ids=["another Stash", "a key for Stash", "a key for clients", "no updates"],
)
def test_a_changed_setting_of_the_pods_is_another_revision(spec: Json, change: Json) -> None:
    before = database(spec, stash={"url": "http://stash:9999"})
    after = database(spec, **{"stash": {"url": "http://stash:9999"}, **change})
    assert before.revision_key != after.revision_key
    assert before.claim_name == after.claim_name


def test_the_states_size_is_no_setting_of_the_pods(spec: Json) -> None:
    assert database(spec).revision_key == database(spec, state={"size": "9Gi"}).revision_key


def test_a_slow_start_is_not_killed_for_its_slowness(spec: Json) -> None:
    container = pod(database(spec))["containers"][0]
    start = container["startupProbe"]
    # The kubelet asks nothing else until this one was answered: a busy node may need minutes for it.
    assert start["httpGet"]["path"] == container["livenessProbe"]["httpGet"]["path"] == "/health"
    assert start["periodSeconds"] * start["failureThreshold"] >= 300
    assert "initialDelaySeconds" not in container["livenessProbe"]


def test_an_answer_that_is_late_takes_no_pod_out_of_traffic(spec: Json) -> None:
    """Three questions in a row must fail; on a node that somebody starved, answers took over 2 s."""
    ready = pod(database(spec))["containers"][0]["readinessProbe"]
    assert ready["timeoutSeconds"] * ready["failureThreshold"] >= 30
    # One that says that it is not ready is out at once, nearly.
    assert ready["periodSeconds"] * ready["failureThreshold"] <= 6
