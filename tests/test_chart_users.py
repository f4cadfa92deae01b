"""The roles for people: what `kubectl facedb` asks for, as its page lists it; and they join view and edit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from api_server import ApiServer
from chart_rules import Right, allowed, right
from cluster.kubernetes import Kubernetes
from cluster.node import binaries
from facedb_kubectl.client import Cluster, Where
from facedb_kubectl.disguise import put_on
from facedb_operator import kinds

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "facedb"
SEES = {right(kinds.DATABASE, verb) for verb in ("get", "list", "watch")}
SEES |= {right(kinds.POD, "list"), right(kinds.POD, "watch"), right(kinds.POD, "get", "log")}
SEES |= {right(kinds.EVENT, "list")}
ASKS = {right(kinds.DATABASE, "patch"), right(kinds.JOB, "create"), right(kinds.JOB, "delete")}
OWNS = {right(kinds.DATABASE, verb) for verb in ("create", "update", "delete")}
OWNS |= {right(kinds.DATABASE, verb, "scale") for verb in ("get", "update", "patch")}
# What only the operator writes.
NEVER = {right(kinds.DATABASE, verb, "status") for verb in ("update", "patch")}


@cache
def rendered(*values: str) -> tuple[dict[str, Any], ...]:
    """The chart's ClusterRoles for people, as Helm makes them."""
    helm = Kubernetes(kubeconfig=None, bin_path=binaries.bin_dir())
    words = [word for value in values for word in ("--set", value)]
    text = helm.helm(
        "template", "facedb", str(CHART), "--namespace", "facedb-system", "--kube-version", "1.36.0", *words
    )
    found = [o for o in yaml.safe_load_all(text) if o["kind"] == "ClusterRole"]
    return tuple(o for o in found if o["metadata"]["name"].endswith(("-view", "-edit")))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server with the roles, and people who hold one each in one namespace."""
    with ApiServer(tmp_path_factory.mktemp("api")) as running:
        running.kubectl("create", "namespace", "media")
        running.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
        running.wait_for_definition("facedatabases.facedb.dev")
        for role in rendered():
            running.kubectl("apply", "--server-side", "-f", "-", stdin=role)
        for name in ("facedb-view", "facedb-edit"):
            bind = ("create", "rolebinding", name, f"--clusterrole={name}", f"--user={name}")
            running.kubectl("-n", "media", *bind)
        yield running


def may(api: ApiServer, user: str, wanted: Right, namespace: str = "media") -> bool:
    """Whether this person, who has logged in, may."""
    return allowed(api, user, wanted, namespace, ("system:authenticated",))


def test_who_views_sees_everything_and_changes_nothing(api: ApiServer) -> None:
    assert [wanted for wanted in SEES if not may(api, "facedb-view", wanted)] == []
    assert [wanted for wanted in ASKS | OWNS | NEVER if may(api, "facedb-view", wanted)] == []
    assert not may(api, "facedb-view", right(kinds.DATABASE, "get"), "other")


def test_who_edits_may_ask_for_everything_but_write_what_the_operator_says(api: ApiServer) -> None:
    assert [wanted for wanted in SEES | ASKS | OWNS if not may(api, "facedb-edit", wanted)] == []
    assert [wanted for wanted in NEVER if may(api, "facedb-edit", wanted)] == []
    assert not may(api, "facedb-edit", ("", "secrets", "get"))


def test_they_are_parts_of_the_roles_that_people_have_already() -> None:
    label = "rbac.authorization.k8s.io/aggregate-to-"
    joins = {
        role["metadata"]["name"]: {k[len(label) :] for k in role["metadata"]["labels"] if k.startswith(label)}
        for role in rendered()
    }
    assert joins == {"facedb-view": {"view", "edit", "admin"}, "facedb-edit": {"edit", "admin"}}


def test_they_can_be_left_out_and_have_a_name_of_their_own_where_there_may_be_two() -> None:
    assert rendered("userRoles=false") == ()
    assert rendered("watchNamespaces={media}", "clusterReads=false") == ()
    named = {role["metadata"]["name"] for role in rendered("watchNamespaces={media}")}
    assert named == {"facedb-system-facedb-view", "facedb-system-facedb-edit"}


def test_the_page_lists_what_the_plugin_needs() -> None:
    page = (ROOT / "docs" / "kubectl.md").read_text()
    listed = page.split("Permissions, in the database's namespace", 1)[1].split("## ", 1)[0]
    for word in ("`get`", "`list`", "`watch`", "`patch`", "`pods/log`", "`jobs.batch`", "`events`"):
        assert word in listed
    assert all(role["metadata"]["name"] in listed for role in rendered())


@pytest.mark.parametrize(
    ("user", "words", "code"),
    [
        ("facedb-view", ("status", "faces"), 0),
        ("facedb-view", ("history", "faces"), 0),
        ("facedb-view", ("pause", "faces"), 3),
        ("facedb-edit", ("pause", "faces"), 0),
        ("facedb-edit", ("resume", "faces"), 0),
        ("nobody", ("status", "faces"), 3),
    ],
)
def test_the_plugin_does_with_a_role_what_it_says(
    api: ApiServer, tmp_path: Path, user: str, words: tuple[str, ...], code: int
) -> None:
    example = ROOT / "examples" / "01-first-release" / "facedatabase.yaml"
    body = yaml.safe_load(example.read_text())
    body["metadata"] = {"name": "faces", "namespace": "media"}
    api.kubectl("apply", "-f", "-", stdin=body)
    config = yaml.safe_load(api.kubeconfig.read_text())
    config["users"][0]["user"]["as"] = user
    own = tmp_path / "config"
    own.write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, "-m", "facedb_kubectl", *words, "-n", "media"],
        env={**os.environ, "KUBECONFIG": str(own)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    if code == 3:
        assert "facedatabases" in done.stderr


def test_whoever_has_laid_rights_aside_has_those_of_the_disguise_alone(
    api: ApiServer, tmp_path: Path
) -> None:
    config = yaml.safe_load(api.kubeconfig.read_text())
    disguise = {"as": "ana", "as-groups": ["viewers", "others"], "as-user-extra": {"why": ["a", "b"]}}
    config["users"][0]["user"] |= disguise
    own = tmp_path / "config"
    own.write_text(yaml.safe_dump(config))
    # As kubectl sends it.
    said = api.kubectl("--kubeconfig", str(own), "auth", "whoami", "-o", "json").stdout
    expected = json.loads(said)["status"]["userInfo"]
    cluster = Cluster(Where(kubeconfig=own))
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    path = f"{api.url}/apis/authentication.k8s.io/v1/selfsubjectreviews"
    sent = put_on({**headers, "Authorization": f"Bearer {api.token}"}, cluster._worn)
    reply = cluster._api.call_api("POST", path, sent, body)
    assert json.loads(reply.read())["status"]["userInfo"] == expected
    assert (expected["username"], set(expected["groups"])) == (
        "ana",
        {"viewers", "others", "system:authenticated"},
    )
