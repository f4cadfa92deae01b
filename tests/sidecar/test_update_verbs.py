"""What people ask of a FaceDatabase through the sidecar becomes a token; the spec is never written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.serving import Serving
from facedb_sidecar.updater import InProgress, NotKept, NotPossible, Status
from facedb_sidecar.updater.cluster import Cluster
from facedb_sidecar.updater.kube import Kube
from kube_server import TOKEN, KubeServer

OLD, NEW, OLDER = "2026.02.12", "2026.02.18", "2026.01.30"


def database(ready: str, reason: str) -> dict[str, Any]:
    """NEW is pinned; OLD serves, OLDER is kept."""
    return {
        "metadata": {"name": "faces", "generation": 3},
        "spec": {"version": NEW},
        "status": {
            "observedGeneration": 3,
            "active": {"version": OLD},
            "desired": {"version": NEW},
            "storage": {"claims": [{"version": OLDER, "verified": True}]},
            "conditions": [{"type": "Ready", "status": ready, "reason": reason, "message": "words"}],
        },
    }


def nothing() -> Engine:
    raise LoadError("NoRelease", "nothing")


@pytest.fixture
def server() -> Iterator[KubeServer]:
    with KubeServer(database("False", "RolledBack")) as running:
        yield running


@pytest.fixture
def backend(server: KubeServer, tmp_path: Path) -> Cluster:
    (tmp_path / "token").write_text(TOKEN)
    return Cluster(Kube(server.url, "media", "faces", tmp_path), Serving(nothing))


def annotations(server: KubeServer) -> dict[str, str]:
    return dict(server.database["metadata"].get("annotations", {}))


def test_another_try_is_a_new_token_and_counts_as_begun_until_it_is_handled(
    server: KubeServer, backend: Cluster
) -> None:
    async def story() -> None:
        job = await backend.retry()
        assert annotations(server) == {"facedb.dev/retry": job}
        said = await backend.overview()
        assert (said.rollout.status.status, said.rollout.status.target_version) == (Status.DOWNLOADING, NEW)
        with pytest.raises(InProgress):
            await backend.retry()
        server.database["status"]["handled"] = {"retry": job}
        assert (await backend.overview()).failure is not None

    asyncio.run(story())
    assert server.database["spec"] == {"version": NEW}


def test_where_nothing_was_refused_there_is_nothing_to_try_again(
    server: KubeServer, backend: Cluster
) -> None:
    server.database = database("True", "Serving")
    with pytest.raises(NotPossible, match="nothing to try again"):
        asyncio.run(backend.retry())
    assert annotations(server) == {}


def test_a_version_that_waits_for_approval_is_none_to_try_again(server: KubeServer, backend: Cluster) -> None:
    server.database = database("True", "Serving")
    server.database["spec"] = {"channel": {}}
    server.database["status"] |= {"desired": {"version": OLD}, "available": {"version": NEW}}
    with pytest.raises(NotPossible, match="nothing to try again"):
        asyncio.run(backend.retry())
    assert annotations(server) == {}


def test_a_kept_version_is_asked_for_by_its_name_and_a_token(server: KubeServer, backend: Cluster) -> None:
    job = asyncio.run(backend.rollback(OLDER))
    assert annotations(server) == {"facedb.dev/rollback": f"{OLDER}-{job}"}
    assert server.database["spec"] == {"version": NEW}


def test_a_version_that_is_not_kept_is_refused_with_those_that_are(
    server: KubeServer, backend: Cluster
) -> None:
    for version in (OLD, NEW, "2020.01.01"):
        with pytest.raises(NotKept, match=f"Kept beside the one that serves: {OLDER}"):
            asyncio.run(backend.rollback(version))
    assert annotations(server) == {}
