"""A token that the operator lets wait is told as one that waits, by every pod, in the operator's words."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.serving import Serving
from facedb_sidecar.updater import AnotherVersion, InProgress, NotPossible, Status
from facedb_sidecar.updater.cluster import Cluster
from facedb_sidecar.updater.kube import Kube
from kube_server import TOKEN, KubeServer

OLD, NEW, NEWER, OLDER = "2026.02.12", "2026.02.18", "2026.03.01", "2026.01.30"
WINDOW = f"{NEW} is approved. The window opens 2026-02-21 06:00 UTC."
PAUSED = f"{NEW} is available. The database is paused."
OF_CHANNELS = f"{NEW} is available. kubectl facedb approve faces {NEW} --namespace media."
SUSPENDED = "FaceDatabase media/faces is suspended: nothing moves while spec.suspend is true."


def database() -> dict[str, Any]:
    """OLD serves, OLDER is kept, and NEW waits in the channel for somebody."""
    found: dict[str, Any] = {
        "metadata": {"name": "faces", "generation": 3},
        "spec": {"channel": {"policy": "Notify"}},
        "status": {
            "observedGeneration": 3,
            "active": {"version": OLD},
            "desired": {"version": OLD},
            "available": {"version": NEW},
            "storage": {"claims": [{"version": OLDER, "verified": True}]},
            "conditions": [],
        },
    }
    says(found, "Ready", "Serving", "1 pods serve.")
    says(found, "UpdateAvailable", "AwaitingApproval", OF_CHANNELS)
    return found


def says(database: dict[str, Any], kind: str, reason: str, message: str, status: str = "True") -> None:
    """Let the operator write a condition."""
    others = [c for c in database["status"]["conditions"] if c["type"] != kind]
    told = {"type": kind, "status": status, "reason": reason, "message": message}
    database["status"]["conditions"] = [*others, told]


@pytest.fixture
def server() -> Iterator[KubeServer]:
    with KubeServer(database()) as running:
        yield running


def nothing() -> Engine:
    raise LoadError("NoRelease", "nothing")


@pytest.fixture
def kube(server: KubeServer, tmp_path: Path) -> Kube:
    (tmp_path / "token").write_text(TOKEN)
    return Kube(server.url, "media", "faces", tmp_path)


@pytest.fixture
def pod(kube: Kube) -> Cluster:
    return Cluster(kube, Serving(nothing))


@pytest.fixture
def other_pod(kube: Kube) -> Cluster:
    return Cluster(kube, Serving(nothing))


def annotated(server: KubeServer) -> dict[str, str]:
    return dict(server.database["metadata"].get("annotations", {}))


@pytest.mark.parametrize(
    ("kind", "reason", "message", "words"),
    [
        ("UpdateAvailable", "OutsideWindow", WINDOW, WINDOW),
        ("UpdateAvailable", "Paused", PAUSED, PAUSED),
        ("UpdateAvailable", "SourceUnavailable", "The source was last asked at noon.", "was last asked"),
        ("Ready", "Paused", "Paused by the annotation.", f"{NEW} is approved. Paused by the annotation."),
        ("Ready", "Hibernated", "No pod runs.", f"{NEW} is approved. No pod runs."),
    ],
)
def test_an_approval_that_waits_is_told_in_the_operators_words_and_is_no_download(
    server: KubeServer, pod: Cluster, kind: str, reason: str, message: str, words: str
) -> None:
    async def story() -> None:
        await pod.start()
        assert (await pod.status()).status is Status.DOWNLOADING
        says(server.database, kind, reason, message)
        found = await pod.overview()
        assert found.rollout.status.status is Status.COMPLETE
        assert (found.action, found.kept) == (None, (OLDER,))
        assert found.waiting is not None
        assert words in found.waiting
        assert found.why_not == found.waiting
        # Nobody says it twice, but whoever wants to go back may.
        with pytest.raises(InProgress, match=f"{NEW} is approved already"):
            await pod.start()
        await pod.rollback(OLDER)
        assert (await pod.status()).target_version == OLDER

    asyncio.run(story())


def test_what_one_pod_was_asked_for_every_pod_tells_alike(
    server: KubeServer, pod: Cluster, other_pod: Cluster
) -> None:
    async def story() -> None:
        job = await pod.start()
        for one in (pod, other_pod):
            said = await one.status()
            assert (said.status, said.target_version) == (Status.DOWNLOADING, NEW)
            with pytest.raises(InProgress):
                await one.rollback(OLDER)
        says(server.database, "UpdateAvailable", "OutsideWindow", WINDOW)
        for one in (pod, other_pod):
            assert (await one.overview()).waiting == WINDOW
        server.database["status"] |= {"handled": {"approve": f"{NEW}-{job}"}, "desired": {"version": NEW}}
        assert (await other_pod.overview()).rollout.status.status is Status.COMPLETE

    asyncio.run(story())


def test_an_approval_of_what_is_not_on_offer_any_more_stands_in_nobodys_way(
    server: KubeServer, pod: Cluster
) -> None:
    server.database["metadata"]["annotations"] = {"facedb.dev/approve": f"{NEW}-0123456789ab"}
    server.database["status"]["available"] = {"version": NEWER}
    says(server.database, "UpdateAvailable", "NotOnOffer", f"{NEWER} is available.")

    async def story() -> None:
        assert (await pod.overview()).action == "approve"
        await pod.start()

    asyncio.run(story())
    assert annotated(server)["facedb.dev/approve"].startswith(f"{NEWER}-")


@pytest.mark.parametrize("token", [{}, {"rollback": f"{OLDER}-1"}, {"retry": "1"}, {"approve": f"{NEW}-1"}])
def test_while_it_is_suspended_nothing_can_be_asked_for_and_a_token_waits(
    server: KubeServer, pod: Cluster, token: dict[str, str]
) -> None:
    asked = {f"facedb.dev/{verb}": value for verb, value in token.items()}
    server.database["metadata"]["annotations"] = asked
    says(server.database, "Ready", "Suspended", "Suspended by spec.suspend.", "False")

    async def story() -> None:
        found = await pod.overview()
        assert found.rollout.status.status is Status.IDLE
        assert (found.action, found.kept, found.why_not, found.waiting) == (None, (), SUSPENDED, SUSPENDED)
        for refused in (pod.rollback(OLDER), pod.start()):
            with pytest.raises(NotPossible, match="is suspended: nothing moves"):
                await refused

    asyncio.run(story())
    assert annotated(server) == asked


def test_another_version_than_the_one_that_was_shown_is_not_approved(
    server: KubeServer, pod: Cluster
) -> None:
    server.database["status"]["available"] = {"version": NEWER}
    with pytest.raises(AnotherVersion) as caught:
        asyncio.run(pod.start(NEW))
    assert caught.value.status == 409
    assert NEW in caught.value.detail
    assert NEWER in caught.value.detail
    assert annotated(server) == {}

    asyncio.run(pod.start(NEWER))
    assert annotated(server)["facedb.dev/approve"].startswith(f"{NEWER}-")
