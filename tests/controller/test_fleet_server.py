"""Several databases, a real API server, the real operator: its settings spread their rollouts."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from facedb_operator import names
from operator_process import until
from played_cluster import NAMESPACE, PlayedCluster, manifest, playing

pytestmark = pytest.mark.cluster

A, B = "2026.01.01", "2026.02.01"
FLEET = ("attic", "barn", "cellar", "den")
QUEUED = names.Reason.QUEUED
# Longer than two databases of a busy machine take to come to their turn one after the other.
DELAY_S = 30


def bump(cluster: PlayedCluster, version: str, fleet: tuple[str, ...]) -> None:
    """`kubectl apply` of the whole fleet at once."""
    for name in fleet:
        cluster.comes(version, name)
    items = [manifest(version, name, rollout={"bake": "0s", "drain": "0s"}) for name in fleet]
    cluster.api.kubectl("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": items})


def sleep(cluster: PlayedCluster, name: str) -> None:
    """One more, that serves nobody: what it has fetched waits for no turn, and takes none."""
    cluster.comes(A, name)
    body = manifest(A, name)
    body["spec"]["sidecar"]["replicas"] = 0
    cluster.api.kubectl("apply", "-f", "-", stdin=body)
    until(lambda: cluster.ready(name)[1] == "Hibernated", f"{name} sleeps")


def wait_serving(cluster: PlayedCluster, fleet: tuple[str, ...]) -> None:
    for name in fleet:
        until(lambda name=name: cluster.ready(name) == ("True", "Serving"), f"{name} serves")


def reasons(cluster: PlayedCluster, fleet: tuple[str, ...]) -> list[str]:
    """Of Ready, sorted."""
    return sorted(cluster.ready(name)[1] for name in fleet)


def rollouts(cluster: PlayedCluster, version: str) -> list[tuple[str, str]]:
    """From when its Deployment was made to when its rollout ended, of each database, in order."""
    found = json.loads(cluster.api.kubectl("-n", NAMESPACE, "get", "deployments", "-o", "json").stdout)[
        "items"
    ]
    labels = [(d["metadata"]["labels"], d["metadata"]["creationTimestamp"]) for d in found]
    made = {of[names.DATABASE_LABEL]: at for of, at in labels if of[names.VERSION_LABEL] == version}
    ended = {name: _last_rollout(cluster, name)["finishedAt"] for name in made}
    return sorted((made[name], ended[name]) for name in made)


def _last_rollout(cluster: PlayedCluster, name: str) -> dict[str, Any]:
    last: dict[str, Any] = cluster.read(name)["status"]["history"][-1]
    return last


def test_no_more_roll_at_a_time_than_the_settings_say_and_all_have_their_turn(tmp_path: Path) -> None:
    with playing(tmp_path, FACEDB_MAX_CONCURRENT_ROLLOUTS="1") as cluster:
        sleep(cluster, "eaves")
        bump(cluster, A, FLEET)
        wait_serving(cluster, FLEET)
        cluster.loading.add(B)
        bump(cluster, B, FLEET)
        until(lambda: reasons(cluster, FLEET) == [*[QUEUED] * 3, "RollingOut"], "one rolls, three wait")
        waits = next(name for name in FLEET if cluster.ready(name)[1] == QUEUED)
        told = {c["type"]: c for c in cluster.read(waits)["status"]["conditions"]}
        assert told["Ready"]["message"].startswith("1 of at most 1 rollouts are under way")
        assert told["Available"]["status"] == "True"
        cluster.loading.discard(B)
        wait_serving(cluster, FLEET)
        turns = rollouts(cluster, B)
        assert len(turns) == len(FLEET)
        assert all(ended <= made for (_, ended), (made, _) in itertools.pairwise(turns))


def test_rollouts_begin_no_sooner_after_one_another_than_the_settings_say(tmp_path: Path) -> None:
    pair = FLEET[:2]
    with playing(tmp_path, FACEDB_ROLLOUT_DELAY=f"{DELAY_S}s") as cluster:
        bump(cluster, A, pair)
        until(lambda: QUEUED in reasons(cluster, pair), "one of two waits")
        (waits,) = [name for name in pair if cluster.ready(name)[1] == QUEUED]
        told = cluster.read(waits)["status"]["conditions"]
        message = next(c["message"] for c in told if c["type"] == "Ready")
        found = re.fullmatch(r"Rollouts are spread: this one may begin at (\d\d:\d\d:\d\d) UTC\.", message)
        assert found, message
        wait_serving(cluster, pair)
        (first, _), (second, _) = rollouts(cluster, A)
        # By what it was told; a day may have ended in between.
        assert second[11:19] >= found[1] or second[:10] > first[:10]
