"""What is written to the cluster: whole objects, judged as the cluster would."""

from __future__ import annotations

from typing import Any

import pytest

from facedb_operator import names, objects
from facedb_operator.names import Component
from facedb_operator.objects import serving_pods
from facedb_operator.spec import FaceDatabase, InvalidSpec, parse_spec
from facedb_operator.steps import CreateClaim, CreateWorkload


def database(spec: dict[str, Any], **metadata: Any) -> FaceDatabase:
    meta = {"name": "stash", "namespace": "media", "uid": "u-1", "generation": 1, **metadata}
    return parse_spec({"metadata": meta, "spec": spec}, default_image="sidecar:1")


def deployment(db: FaceDatabase, replicas: int = 1) -> dict[str, Any]:
    step = CreateWorkload(db.release_key, db.version, "sha256:ab", db.claim_name, replicas)
    return serving_pods.deployment(db, step)


def pods(db: FaceDatabase) -> list[dict[str, Any]]:
    """The three kinds of pod."""
    jobs = [objects.fetch_job(db, component, 1) for component in (Component.RELEASE, Component.MODELS)]
    return [o["spec"]["template"]["spec"] for o in (*jobs, deployment(db))]


def test_every_pod_is_locked_down(spec: dict[str, Any]) -> None:
    for pod in pods(database(spec)):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] is True
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}


def test_a_signature_is_only_warned_of_where_the_spec_says_so(spec: dict[str, Any]) -> None:
    signature = {"publicKeys": ["RWkey"]}
    words = {
        mode: objects.fetch_job(
            database({**spec, "verification": {"mode": mode, "signature": signature}}), Component.RELEASE, 1
        )["spec"]["template"]["spec"]["containers"][0]["command"]
        for mode in ("Enforce", "Warn")
    }
    assert "RWkey" in words["Enforce"]
    assert "RWkey" in words["Warn"]
    assert "--warn-signature" in words["Warn"]
    assert "--warn-signature" not in words["Enforce"]


def test_the_fetch_job_goes_where_the_sidecar_goes_but_takes_no_gpu(spec: dict[str, Any]) -> None:
    placement = {"nodeSelector": {"gpu": "yes"}, "tolerations": [{"key": "gpu", "operator": "Exists"}]}
    spec["sidecar"] |= {**placement, "device": "gpu", "runtimeClassName": "nvidia"}
    release, models, sidecar = pods(database(spec))
    for pod in (release, models, sidecar):
        assert {k: pod[k] for k in placement} == placement
    assert sidecar["runtimeClassName"] == "nvidia"
    assert sidecar["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    for pod in (release, models):
        assert "runtimeClassName" not in pod
        assert not any("gpu" in name for name in pod["containers"][0]["resources"]["limits"])


@pytest.mark.parametrize("named", ["nvidia.com/gpu", "nvidia.com/mig-1g.10gb", "nvidia.com/gpu.shared"])
def test_who_names_a_gpu_or_a_part_of_one_gets_no_other(spec: dict[str, Any], named: str) -> None:
    spec["sidecar"] |= {"device": "gpu", "resources": {"limits": {named: "2", "memory": "4Gi"}}}
    *_, sidecar = pods(database(spec))
    assert sidecar["containers"][0]["resources"]["limits"] == {named: "2", "memory": "4Gi"}


def test_the_release_is_mounted_read_only_where_it_is_served(spec: dict[str, Any]) -> None:
    release, models, sidecar = pods(database(spec))
    mounts = [
        {m["name"]: m["readOnly"] for m in p["containers"][0]["volumeMounts"]}
        for p in (release, models, sidecar)
    ]
    assert mounts[0] == {"release": False, "models": True, "tmp": False}
    assert mounts[1] == {"models": False, "tmp": False}
    assert mounts[2] == {"release": True, "models": True, "state": False, "tmp": False, "token": True}


def test_the_owners_labels_are_never_copied(spec: dict[str, Any]) -> None:
    db = database(spec, labels={"argocd.argoproj.io/instance": "apps"})
    for made in (
        objects.service(db),
        objects.claim(db, CreateClaim(Component.RELEASE, "4Gi")),
        deployment(db),
    ):
        assert "argocd.argoproj.io/instance" not in made["metadata"]["labels"]
        assert made["metadata"]["labels"][names.DATABASE_LABEL] == "stash"
        assert made["metadata"]["ownerReferences"][0]["uid"] == "u-1"


def test_retained_claims_have_no_owner(spec: dict[str, Any]) -> None:
    db = database({**spec, "deletionPolicy": "Retain"})
    assert "ownerReferences" not in objects.claim(db, CreateClaim(Component.RELEASE, "4Gi"))["metadata"]


def test_a_token_reaches_the_job_as_a_reference_only(spec: dict[str, Any]) -> None:
    spec["source"]["github"]["tokenSecretRef"] = {"name": "github", "key": "token"}
    job = objects.fetch_job(database(spec), Component.RELEASE, 1)
    env = {e["name"]: e for e in job["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["FACEDB_TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "github", "key": "token"}}


def test_names_are_the_same_for_the_same_release_and_others_for_another(spec: dict[str, Any]) -> None:
    one, same = database(spec), database({**spec})
    other, pinned = database({**spec, "version": "2026.02.18"}), database({**spec, "digest": "sha256:ab"})
    assert one.claim_name == same.claim_name
    assert len({one.claim_name, other.claim_name, pinned.claim_name}) == 3
    assert one.revision_key == database({**spec, "sidecar": {**spec["sidecar"], "replicas": 9}}).revision_key
    assert one.fetch_key != database(spec, annotations={names.RETRY_ANNOTATION: "1"}).fetch_key


def test_every_name_fits_a_label(spec: dict[str, Any]) -> None:
    db = database(spec, name="a" * 30)
    job = objects.fetch_job(db, Component.RELEASE, 9999)
    made = (job, deployment(db), objects.claim(db, CreateClaim(Component.RELEASE, "4Gi")))
    assert all(len(o["metadata"]["name"]) <= 63 - len("-12345") for o in made)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": ""}, "spec"),
        ({"source": {}}, "spec.source"),
        ({"models": {"files": []}}, "spec.models.files"),
        ({"rollout": {"drain": "soon"}}, "spec.rollout.drain"),
    ],
)
def test_what_the_schema_lets_through_is_refused_with_the_fields_name(
    spec: dict[str, Any], change: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidSpec) as caught:
        database({**spec, **change})
    assert caught.value.field == field
