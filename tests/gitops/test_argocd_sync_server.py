"""A real Argo CD, the real operator, a real API server: a version bumped in Git, and nothing drifts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gitops.argocd_cm import config_map
from gitops.argocd_server import ArgoCd, argocd
from gitops.git_folder import GitFolder
from operator_process import until
from played_cluster import NAME, NAMESPACE, PlayedCluster, manifest, playing

pytestmark = pytest.mark.cluster

A, B, SPOILT = "2026.01.01", "2026.02.01", "2026.03.01"
WAYS = {"client-side apply": (), "server-side apply": ("ServerSideApply=true",)}


class Delivered:
    """A database that Argo CD delivers out of Git into a played cluster."""

    def __init__(self, cluster: PlayedCluster, argo: ArgoCd, git: GitFolder) -> None:
        self.cluster = cluster
        self.argo = argo
        self.git = git

    def deliver(self, version: str, reason: str, **spec: Any) -> dict[str, Any]:
        """Commit, sync, and wait until the operator has come to this reason of Ready."""
        self.cluster.comes(version)
        revision = self.git.commit(faces=manifest(version, **spec))
        self.argo.compare(revision)
        done = self.argo.sync(revision, prune=True)
        assert done["phase"] == "Succeeded", done
        until(lambda: self.cluster.ready()[1] == reason, f"Ready is {reason}")
        return self.rest()

    def rest(self) -> dict[str, Any]:
        """Argo CD's status, once it has looked anew at what lies there now."""
        return self.argo.compare(self.git.revision)

    def spec_owners(self) -> set[str]:
        """Who has written the spec, as the API server knows."""
        entries = self.cluster.read()["metadata"]["managedFields"]
        return {e["manager"] for e in entries if "f:spec" in e["fieldsV1"]}

    def state(self) -> dict[str, Any]:
        """The metadata of the volume of the users' state."""
        found = self.cluster.api.kubectl("-n", NAMESPACE, "get", "pvc", f"{NAME}-state", "-o", "json").stdout
        metadata: dict[str, Any] = json.loads(found)["metadata"]
        return metadata


@contextmanager
def delivering(folder: Path, *options: str, **settings: str) -> Iterator[Delivered]:
    """An Application with these options, of an Argo CD with these settings besides ours."""
    git, config = GitFolder(folder / "repository"), config_map()
    config["data"] |= settings
    with playing(folder / "cluster") as cluster, argocd(cluster.api, folder / "argo", config) as argo:
        cluster.comes(A)
        git.commit(faces=manifest(A))
        argo.create(f"file://{git.folder}", *options)
        yield Delivered(cluster, argo, git)


@pytest.fixture(params=WAYS)
def delivered(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Delivered]:
    with delivering(tmp_path, *WAYS[request.param]) as running:
        yield running


def test_a_bump_in_git_is_synced_served_and_shows_no_difference_whatever_the_operator_does(
    delivered: Delivered,
) -> None:
    cluster = delivered.cluster
    assert told(delivered.deliver(A, "Serving")) == ("Synced", "Healthy")
    first = cluster.children()
    assert told(delivered.deliver(B, "Serving")) == ("Synced", "Healthy")
    _sync_again_with_nothing_to_do(delivered)
    # Volumes of both releases, Service, account: what the database owns outlives a sync that prunes.
    assert {c for c in first if c.startswith(("Persistent", "Service "))} <= cluster.children()
    _scale_and_pause(delivered)
    # A release that turns out bad: what is asked for stands in the cluster, and does not serve.
    cluster.spoilt.add(SPOILT)
    status = delivered.deliver(SPOILT, "RolledBack")
    assert told(status) == ("Synced", "Degraded")
    (resource,) = status["resources"]
    assert "refused, still serving 2026.02.01" in resource["health"]["message"]
    assert cluster.read()["spec"]["version"] == SPOILT
    # And back again by Git alone.
    assert told(delivered.deliver(B, "Serving")) == ("Synced", "Healthy")
    assert "facedb-operator" not in delivered.spec_owners()
    # That Argo CD does see a difference where there is one.
    patch = json.dumps({"spec": {"version": A}})
    cluster.api.kubectl("-n", NAMESPACE, "patch", "fdb", NAME, "--type=merge", f"--patch={patch}")
    assert delivered.rest()["sync"]["status"] == "OutOfSync"


def _sync_again_with_nothing_to_do(delivered: Delivered) -> None:
    """No object is changed, none is pruned."""
    cluster = delivered.cluster
    before, children = cluster.read(), cluster.children()
    again = delivered.argo.sync(delivered.git.revision, prune=True)
    assert again["phase"] == "Succeeded"
    assert [(r["kind"], r["status"]) for r in again["syncResult"]["resources"]] == [
        ("FaceDatabase", "Synced")
    ]
    assert without_marks(cluster.read()) == without_marks(before)
    assert cluster.children() == children
    assert told(delivered.rest()) == ("Synced", "Healthy")


def _scale_and_pause(delivered: Delivered) -> None:
    """What people and autoscalers write beside what Git names is no difference."""
    cluster, here = delivered.cluster, ("-n", NAMESPACE)
    cluster.api.kubectl(*here, "scale", "fdb", NAME, "--replicas=2")
    until(lambda: cluster.ready() == ("True", "Serving"), "two pods serve")
    assert told(delivered.rest()) == ("Synced", "Healthy")
    assert delivered.argo.sync(delivered.git.revision, prune=True)["phase"] == "Succeeded"
    assert cluster.read()["spec"]["sidecar"]["replicas"] == 2
    cluster.api.kubectl(*here, "annotate", "fdb", NAME, "facedb.dev/pause=1")
    until(lambda: cluster.ready() == ("True", "Paused"), "the pause is seen")
    assert told(delivered.rest()) == ("Synced", "Suspended")
    cluster.api.kubectl(*here, "annotate", "fdb", NAME, "facedb.dev/pause-")
    until(lambda: cluster.ready() == ("True", "Serving"), "the pause is over")


def test_users_state_is_not_pruned_by_an_application_of_the_same_name_that_tracks_by_label(
    tmp_path: Path,
) -> None:
    # The volume of the users' state has no owner, and the label by which older Argo CDs know what is theirs.
    with delivering(tmp_path, **{"application.resourceTrackingMethod": "label"}) as running:
        running.deliver(A, "Serving")
        before = running.state()
        done = running.argo.sync(running.git.revision, prune=True)
        (volume,) = [r for r in done["syncResult"]["resources"] if r["kind"] == "PersistentVolumeClaim"]
        assert (volume["name"], volume["status"]) == (f"{NAME}-state", "PruneSkipped")
        after = running.state()
        assert (after["uid"], after.get("deletionTimestamp")) == (before["uid"], None)


def told(status: dict[str, Any]) -> tuple[str, str]:
    """Whether it is synced, and its health; of the one resource, as of the whole."""
    (resource,) = status["resources"]
    assert resource["kind"] == "FaceDatabase"
    assert resource["status"] == status["sync"]["status"]
    assert not resource.get("requiresPruning")
    return status["sync"]["status"], status["health"]["status"]


def without_marks(body: dict[str, Any]) -> str:
    """An object but for who wrote it when."""
    meta = {k: v for k, v in body["metadata"].items() if k not in ("managedFields", "resourceVersion")}
    return json.dumps({**body, "metadata": meta}, sort_keys=True)
