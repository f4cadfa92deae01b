"""Claims, Jobs and pods that begin from a snapshot, or fetch the last good release again: whole objects."""

from __future__ import annotations

from typing import Any

from facedb_operator import names, objects
from facedb_operator.facts import Verified
from facedb_operator.names import Component
from facedb_operator.objects import serving_pods
from facedb_operator.observe.readings import read_claim, read_snapshot, read_workload
from facedb_operator.record import Good
from facedb_operator.spec import FaceDatabase, parse_spec
from facedb_operator.steps import CreateClaim, CreateSnapshot, CreateWorkload, RestoreClaim

A, B = "2026.02.12", "2026.02.18"
FACTS = Verified(A, "sha256:aa", 10, 20, 1000)
CREATED = {"creationTimestamp": "2026-11-21T04:00:00Z"}


def database(spec: dict[str, Any], **change: Any) -> FaceDatabase:
    meta = {"name": "stash", "namespace": "media", "uid": "u-1", "generation": 1}
    return parse_spec({"metadata": meta, "spec": {**spec, **change}}, default_image="sidecar:1")


def snapshot_of(db: FaceDatabase, restore_size: str | None = "5Gi") -> Any:
    """A ready snapshot as the cluster would show what the operator's own builder wrote."""
    made = objects.snapshot(db, CreateSnapshot(db.claim_name, "snap", db.release_key, db.version, FACTS))
    status = {"readyToUse": True, **({"restoreSize": restore_size} if restore_size else {})}
    return read_snapshot({**made, "metadata": {**made["metadata"], **CREATED}, "status": status})


def test_a_restored_claim_is_the_verified_one_again(spec: dict[str, Any]) -> None:
    db = database(spec)
    made = objects.restored_claim(db, RestoreClaim(db.claim_name, snapshot_of(db)))
    assert made["spec"]["dataSource"] == {
        "apiGroup": "snapshot.storage.k8s.io",
        "kind": "VolumeSnapshot",
        "name": db.claim_name,
    }
    assert made["spec"]["resources"]["requests"]["storage"] == "5Gi"
    seen = read_claim({**made, "metadata": {**made["metadata"], **CREATED}})
    assert (seen.name, seen.key, seen.version) == (db.claim_name, db.release_key, A)
    assert (seen.verified, seen.restored_from, seen.bound) == (FACTS, db.claim_name, False)


def test_a_restored_claim_without_a_known_size_is_as_large_as_the_spec_says(spec: dict[str, Any]) -> None:
    db = database(spec)
    made = objects.restored_claim(db, RestoreClaim(db.claim_name, snapshot_of(db, restore_size=None)))
    assert made["spec"]["resources"]["requests"]["storage"] == "4Gi"


def test_the_golden_volume_of_a_pod_of_its_own(spec: dict[str, Any]) -> None:
    spec["storage"] |= {"strategy": "Snapshot", "distribution": "PerPod", "storageClassName": "fast"}
    db = database(spec)
    kept = snapshot_of(db)
    step = CreateWorkload(db.release_key, db.version, "sha256:aa", db.claim_name, 2, kept)
    made = serving_pods.deployment(db, step)
    volume = next(v for v in made["spec"]["template"]["spec"]["volumes"] if v["name"] == "release")
    assert volume == {
        "name": "release",
        "ephemeral": {
            "volumeClaimTemplate": {
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": {"storage": "5Gi"}},
                    "dataSource": {
                        "apiGroup": "snapshot.storage.k8s.io",
                        "kind": "VolumeSnapshot",
                        "name": kept.name,
                    },
                    "storageClassName": "fast",
                }
            }
        },
    }
    mounts = made["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "release", "mountPath": "/release", "readOnly": True} in mounts
    seen = read_workload({**made, "metadata": {**made["metadata"], **CREATED}})
    assert (seen.claim, seen.snapshot) == ("", kept.name)


def test_another_distribution_is_another_revision_of_the_same_release(spec: dict[str, Any]) -> None:
    shared = database(spec)
    own = database(spec, storage={**spec["storage"], "strategy": "Auto", "distribution": "PerPod"})
    assert shared.release_key == own.release_key
    assert shared.revision_key != own.revision_key


def test_the_last_good_release_is_fetched_again_under_its_own_names_and_by_its_digest(
    spec: dict[str, Any],
) -> None:
    then = database(spec)
    good = Good(A, "sha256:aa", then.claim_name, then.release_key, then.revision_key, "stash-a")
    now = database(spec, version=B, digest="sha256:bb")
    claim = objects.claim(now, CreateClaim(Component.RELEASE, "4Gi", again=good))
    assert claim["metadata"]["name"] == then.claim_name
    assert claim["metadata"]["labels"][names.KEY_LABEL] == then.release_key
    job = objects.fetch_job(now, Component.RELEASE, 1, good)
    command = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[command.index("--version") + 1] == A
    assert command[command.index("--digest") + 1] == "sha256:aa"
    assert job["metadata"]["annotations"][names.CLAIM_ANNOTATION] == then.claim_name


def test_a_release_that_was_pinned_is_known_again_by_its_digest(spec: dict[str, Any]) -> None:
    then = database(spec, digest="sha256:aa")
    good = Good(A, "sha256:aa", then.claim_name, then.release_key, then.revision_key, "stash-a")
    found = database(spec, version=B).at(good)
    assert found is not None
    assert (found.claim_name, found.digest) == (then.claim_name, "sha256:aa")
    other = Good(A, "sha256:cc", then.claim_name, then.release_key, then.revision_key, "stash-a")
    assert database(spec, version=B).at(other) is None
