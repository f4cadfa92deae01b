"""A sidecar beside Stash: a real video through the image's own ffmpeg; fingerprints that outlive a bump."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.asking import ask
from cluster.places import Place
from cluster.stage import FIRST, SECOND
from cluster.world_of_one import Database
from stash_server import StashServer
from videos import make_video

pytestmark = pytest.mark.cluster

KEY = "stash-key-7b1c"
SECRET = {"name": "stash", "key": "api-key"}
SIZE = {"duration": 6.0, "width": 480, "height": 360}


@pytest.fixture(scope="module")
def stash(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StashServer]:
    """A Stash with one scene, where pods can reach it."""
    video = make_video(tmp_path_factory.mktemp("video"), seconds=6.0)
    with StashServer(api_key=KEY, host=place.host) as server:
        server.library.add_scene("1", video, file=SIZE)
        yield server


@pytest.fixture(scope="module")
def beside(fdb: Database, stash: StashServer) -> Database:
    """A database at the first release whose pods know that Stash."""
    metadata = {"name": SECRET["name"], "namespace": fdb.namespace}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {SECRET["key"]: KEY}}
    fdb.place.kubernetes.apply(secret)
    fdb.apply(FIRST, sidecar=sidecar(fdb, FIRST, stash))
    fdb.wait_serving(FIRST)
    return fdb


def sidecar(fdb: Database, version: str, stash: StashServer) -> dict[str, Any]:
    """The sidecar's part of the spec."""
    usual = fdb.stage.spec(fdb.server, version)["sidecar"]
    return {**usual, "stash": {"url": stash.url, "apiKeySecretRef": SECRET}}


def serving(fdb: Database, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the pod that serves."""
    pod = fdb.pods()[0]["metadata"]["name"]
    status, said = ask(fdb.place.kubernetes, fdb.namespace, pod, method, path, body)
    assert status == 200, said
    return said


def test_a_scene_of_stash_is_identified_in_the_pod(beside: Database) -> None:
    found = serving(
        beside, "POST", "/identify/scene", {"scene_id": "1", "num_frames": 6, "max_distance": 0.7}
    )
    assert found["errors"] == []
    assert found["frames_analyzed"] >= 6
    names = [p["best_match"]["name"] for p in found["persons"] if p["best_match"]]
    assert beside.stage.person in names
    assert (found["fingerprint_saved"], found["fingerprint_error"]) == (True, None)


def test_fingerprints_and_settings_outlive_a_bump_and_are_known_to_be_stale(
    beside: Database, stash: StashServer
) -> None:
    serving(beside, "PUT", "/settings/num_frames", {"value": 24})
    before = serving(beside, "GET", "/recommendations/fingerprints/status")
    assert (before["total_fingerprints"], before["needs_refresh_count"]) == (1, 0)
    beside.apply(SECOND, sidecar=sidecar(beside, SECOND, stash))
    beside.wait_serving(SECOND)
    after = serving(beside, "GET", "/recommendations/fingerprints/status")
    assert (after["total_fingerprints"], after["needs_refresh_count"]) == (1, 1)
    assert after["current_db_version"] == SECOND
    assert serving(beside, "GET", "/settings/num_frames")["value"] == 24


def test_the_key_of_stash_stands_in_no_object_and_no_log(beside: Database) -> None:
    kubectl, pod = beside.place.kubernetes.kubectl, beside.pods()[0]["metadata"]["name"]
    assert KEY not in kubectl("get", "pods,deployments,fdb", "-n", beside.namespace, "-o", "yaml")
    assert KEY not in kubectl("logs", pod, "-n", beside.namespace)
