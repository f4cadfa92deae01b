"""What a serving pod's account may do: read its own database, and ask; nothing else, not even by patch."""

from __future__ import annotations

import json

import pytest

from cluster.stage import FIRST, database
from cluster.waiting import wait_until
from cluster.world_of_one import Database

pytestmark = pytest.mark.cluster

ACCOUNT = "stash-sidecar"
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "11111111-1111-1111-1111-111111111111"}


@pytest.fixture(scope="module")
def accounted(fdb: Database) -> Database:
    """A database whose pods have their account; it fetches what is not there, so no pod ever starts."""
    fdb.apply("2026.12.31", storage={"size": "64Mi", "modelsSize": "64Mi"})
    wait_until(
        lambda: fdb.place.kubernetes.get("rolebinding", ACCOUNT, fdb.namespace),
        "the account's binding",
        timeout_s=60,
        tell=fdb.describe,
    )
    return fdb


def as_sidecar(fdb: Database, *args: str) -> str:
    """Kubectl with the rights of the serving pods."""
    user = f"system:serviceaccount:{fdb.namespace}:{ACCOUNT}"
    return fdb.place.kubernetes.kubectl(*args, "-n", fdb.namespace, "--as", user)


def test_it_reads_its_own_database(accounted: Database) -> None:
    assert as_sidecar(accounted, "get", "fdb", "stash", "-o", "name").strip().endswith("/stash")


@pytest.mark.parametrize(
    "args",
    [
        ("get", "fdb"),
        ("get", "fdb", "other"),
        ("get", "secrets"),
        ("get", "pods"),
        ("delete", "fdb", "stash"),
        ("get", "role", ACCOUNT),
    ],
    ids=" ".join,
)
def test_it_reads_and_deletes_nothing_else(accounted: Database, args: tuple[str, ...]) -> None:
    with pytest.raises(RuntimeError, match="forbidden"):
        as_sidecar(accounted, *args)


def patch(fdb: Database, body: dict[str, object], *more: str) -> str:
    return as_sidecar(fdb, "patch", "fdb", "stash", "--type=merge", "-p", json.dumps(body), *more)


@pytest.mark.parametrize("verb", ["approve", "retry", "rollback"])
def test_it_asks_by_annotation_for_what_stashs_page_has_buttons_for(accounted: Database, verb: str) -> None:
    patch(accounted, {"metadata": {"annotations": {f"facedb.dev/{verb}": "2026.12.31-1"}}})
    assert accounted.get()["metadata"]["annotations"][f"facedb.dev/{verb}"] == "2026.12.31-1"
    patch(accounted, {"metadata": {"annotations": {f"facedb.dev/{verb}": "2026.12.31-2"}}})


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param({"spec": {"version": FIRST}}, "spec", id="the version"),
        pytest.param({"spec": {"sidecar": {"image": "evil"}}}, "spec", id="the image"),
        pytest.param({"metadata": {"annotations": {"facedb.dev/pause": "1"}}}, "annotation", id="a pause"),
        pytest.param({"metadata": {"annotations": {"kept": None}}}, "annotation", id="somebody's annotation"),
        pytest.param({"metadata": {"labels": {"app": "x"}}}, "labels", id="a label"),
        pytest.param({"metadata": {"finalizers": ["x.dev/y"]}}, "finalizers", id="a finalizer"),
        pytest.param({"metadata": {"ownerReferences": [OWNER]}}, "owners", id="an owner"),
    ],
)
def test_it_changes_nothing_else(accounted: Database, body: dict[str, object], says: str) -> None:
    accounted.place.kubernetes.kubectl(
        *("annotate", "fdb", "stash", "kept=1", "--overwrite", "-n", accounted.namespace)
    )
    before = accounted.get()["spec"]
    with pytest.raises(RuntimeError, match=says):
        patch(accounted, body)
    assert accounted.get()["spec"] == before


def test_people_are_not_held_to_that(accounted: Database) -> None:
    accounted.apply("2026.12.30")
    assert accounted.get()["spec"]["version"] == "2026.12.30"


def test_another_databases_sidecar_may_not_even_look(accounted: Database) -> None:
    kubernetes = accounted.place.kubernetes
    spec = accounted.stage.spec(accounted.server, "2026.12.31")
    kubernetes.apply(database("second", accounted.namespace, {**spec, "suspend": True}))
    with pytest.raises(RuntimeError, match="forbidden"):
        as_sidecar(accounted, "get", "fdb", "second")
    kubernetes.kubectl("delete", "fdb", "second", "-n", accounted.namespace)
