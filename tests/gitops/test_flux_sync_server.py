"""Flux's kustomize-controller and the real operator: a bump is ready once it serves, and nothing drifts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitops.flux_server import Flux, flux
from operator_process import until
from played_cluster import PlayedCluster, manifest, playing

pytestmark = pytest.mark.cluster

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "10-flux" / "facedb.yaml"
A, B, SPOILT = "2026.01.01", "2026.02.01", "2026.03.01"


def example() -> list[dict[str, Any]]:
    """The example's objects; only the folder is another, and the patience of a test."""
    source, kustomization = yaml.safe_load_all(EXAMPLE.read_text())
    kustomization["spec"] |= {"path": "./", "timeout": "10m", "retryInterval": "1h"}
    return [source, kustomization]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[PlayedCluster, Flux]]:
    with (
        playing(tmp_path / "cluster") as cluster,
        flux(cluster.api, tmp_path / "flux", *example()) as running,
    ):
        yield cluster, running


def deliver(world: tuple[PlayedCluster, Flux], version: str) -> tuple[str, str, str]:
    """A commit with this version, and how Flux ended with it."""
    cluster, running = world
    cluster.comes(version)
    return running.outcome(running.publish(manifest(version)))


def test_a_bump_is_ready_once_it_serves_and_nothing_is_applied_twice(
    world: tuple[PlayedCluster, Flux],
) -> None:
    cluster, running = world
    assert deliver(world, A)[:2] == ("True", "ReconciliationSucceeded")
    assert cluster.ready() == ("True", "Serving")
    assert deliver(world, B)[:2] == ("True", "ReconciliationSucceeded")
    # Not a moment before it serves.
    assert cluster.ready() == ("True", "Serving")
    assert cluster.read()["status"]["active"]["version"] == B
    assert running.applied() == ["created", "configured"]
    children, generation = cluster.children(), cluster.read()["metadata"]["generation"]
    running.again()
    assert running.applied()[2:] in ([], ["unchanged"])
    assert (cluster.children(), cluster.read()["metadata"]["generation"]) == (children, generation)
    # A release that turns out bad fails the Kustomization, before its timeout; what Git says stands there.
    cluster.spoilt.add(SPOILT)
    status, reason, message = deliver(world, SPOILT)
    assert (status, reason) == ("False", "HealthCheckFailed")
    assert "FaceDatabase/media/faces" in message
    assert cluster.read()["spec"]["version"] == SPOILT
    until(lambda: cluster.ready()[1] == "RolledBack", "the last good release serves")
    assert deliver(world, B)[:2] == ("True", "ReconciliationSucceeded")
    # The spec is Flux's alone.
    entries = cluster.read()["metadata"]["managedFields"]
    assert {e["manager"] for e in entries if "f:spec" in e["fieldsV1"]} == {"kustomize-controller"}
