"""A FaceDatabase in the plugin's words: where it is, what waits, and who may say yes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.serving import Serving
from facedb_sidecar.updater import InProgress, NotPossible, Status, Unreachable, UpdateStatus, UpToDate
from facedb_sidecar.updater.cluster import Cluster
from facedb_sidecar.updater.kube import Kube
from facedb_sidecar.updater.machine import ACTIVE
from facedb_sidecar.updater.translate import check_of, status_of, steady
from kube_server import TOKEN, KubeServer

OLD, NEW = "2026.02.12", "2026.02.18"


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def database(
    reason: str = "Serving",
    *,
    ready: bool = True,
    stalled: bool = False,
    message: str = "",
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    conditions = [condition("Ready", str(ready), reason, message)]
    conditions += [condition("Stalled", str(stalled), reason, message)]
    facts = {"active": {"version": OLD}, "desired": {"version": OLD}, "observedGeneration": 3}
    return {
        "metadata": {"name": "faces", "generation": 3},
        "spec": spec if spec is not None else {"version": OLD},
        "status": {**facts, "conditions": conditions, **status},
    }


def rolling(reason: str, **target: Any) -> dict[str, Any]:
    """A bump to NEW under way, as the operator writes it."""
    return database(
        reason,
        ready=False,
        spec={"version": NEW},
        desired={"version": NEW},
        target={"version": NEW, "state": reason, **target},
    )


CASES: dict[str, tuple[dict[str, Any], Status, int]] = {
    "no status yet": ({"metadata": {}, "spec": {"version": NEW}}, Status.IDLE, 0),
    "suspended": (database("Suspended", ready=False), Status.IDLE, 0),
    "a spec nobody looked at": (
        {**database(), "metadata": {"generation": 4}, "spec": {"version": NEW}},
        Status.DOWNLOADING,
        0,
    ),
    "fetching, unknown size": (rolling("Fetching", bytesDone=0), Status.DOWNLOADING, 0),
    "fetching, half": (rolling("Fetching", bytesDone=50, bytesTotal=100), Status.DOWNLOADING, 15),
    "fetch pod died": (rolling("FetchDied", bytesDone=50, bytesTotal=100), Status.DOWNLOADING, 15),
    "models, all": (
        rolling("Fetching", bytesDone=9, bytesTotal=9, fetching="models"),
        Status.DOWNLOADING,
        30,
    ),
    "fetched": (rolling("Fetching", bytesDone=9, bytesTotal=9), Status.VERIFYING, 50),
    "rolling": (rolling("RollingOut", progress=0, bytesDone=9), Status.SWAPPING, 70),
    "pod is up": (rolling("RollingOut", progress=2, bytesDone=9), Status.RELOADING, 90),
    "ready": (database(), Status.COMPLETE, 100),
    "rolled back": (database("RolledBack", ready=False, stalled=True, message="no"), Status.FAILED, 0),
    "going back": (rolling("RollingBack"), Status.FAILED, 0),
    "invalid": (database("InvalidSpec", ready=False, message="spec.x"), Status.FAILED, 0),
    "no such version": (database("VersionNotFound", ready=False, stalled=True), Status.FAILED, 0),
    "a reason of tomorrow": (rolling("Canary", progress=1), Status.RELOADING, 90),
}


@pytest.mark.parametrize("case", CASES)
def test_the_phases_of_a_facedatabase_become_the_eight_words(case: str) -> None:
    raw, status, percent = CASES[case]
    said = status_of(raw)
    assert (said.status, said.progress_pct) == (status, percent)


def test_a_failure_brings_the_operators_message_along() -> None:
    said = status_of(database("RolledBack", ready=False, stalled=True, message="CorruptIndex: retry"))
    assert (said.error, said.current_version) == ("CorruptIndex: retry", OLD)


updates = st.builds(
    UpdateStatus,
    status=st.sampled_from(Status),
    progress_pct=st.integers(0, 100),
    target_version=st.sampled_from([OLD, NEW]),
)


@given(st.lists(updates, min_size=1))
def test_within_one_update_nothing_goes_back(seen: list[UpdateStatus]) -> None:
    before = seen[0]
    for one in seen[1:]:
        now = steady(before, one)
        if before.status in ACTIVE and now.status in ACTIVE and before.target_version == now.target_version:
            assert now.progress_pct >= before.progress_pct
            assert ACTIVE.index(now.status) >= ACTIVE.index(before.status)
        before = now


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values))
def test_fields_of_other_operators_are_no_trouble(extra: dict[str, Any]) -> None:
    raw = database()
    raw["status"] = {**extra, **raw["status"]}
    assert status_of(raw).status is Status.COMPLETE


def test_a_waiting_version_of_a_channel_is_what_a_check_finds() -> None:
    offered = {
        "version": NEW,
        "name": "Release",
        "size": 1_478_400_000,
        "publishedAt": "2026-02-18T03:00:00Z",
    }
    found = check_of(database(spec={"channel": {"track": "latest"}}, available=offered))

    assert (found.current_version, found.latest_version, found.update_available) == (OLD, NEW, True)
    assert (found.download_size_mb, found.release_name) == (1478, "Release")
    assert not check_of(database()).update_available


@pytest.fixture
def account(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    return tmp_path


@pytest.fixture
def server() -> Iterator[KubeServer]:
    with KubeServer(database(spec={"channel": {"track": "latest"}}, available={"version": NEW})) as running:
        yield running


def nothing() -> Engine:
    raise LoadError("NoRelease", "nothing")


def cluster(server: KubeServer, account: Path) -> Cluster:
    return Cluster(Kube(server.url, "media", "faces", account), Serving(nothing))


def test_a_version_that_waits_is_approved_with_a_token(server: KubeServer, account: Path) -> None:
    async def story() -> None:
        backend = cluster(server, account)
        job = await backend.start()
        assert len(job) == 12
        assert server.database["metadata"]["annotations"]["facedb.dev/approve"] == f"{NEW}-{job}"
        # The operator has not seen it yet: it counts as begun, and is not begun twice.
        said = await backend.status()
        assert (said.status, said.target_version) == (Status.DOWNLOADING, NEW)
        with pytest.raises(InProgress):
            await backend.start()
        server.database["status"]["handled"] = {"approve": f"{NEW}-{job}"}
        server.database["status"]["desired"] = server.database["status"]["active"] = {"version": NEW}
        assert (await backend.status()).status is Status.COMPLETE
        with pytest.raises(UpToDate):
            await backend.start()

    asyncio.run(story())


def test_a_pinned_version_is_changed_by_people_and_the_answer_says_how(
    server: KubeServer, account: Path
) -> None:
    server.database = database(available={"version": NEW})

    with pytest.raises(NotPossible) as caught:
        asyncio.run(cluster(server, account).start())

    assert caught.value.status == 409
    detail = caught.value.detail
    assert f"pins version {OLD}" in detail
    assert "Git" in detail
    patch = (
        f"""kubectl -n media patch facedatabase faces --type merge -p '{{"spec":{{"version":"{NEW}"}}}}'"""
    )
    assert patch in detail


def test_while_the_operator_rolls_nothing_else_is_begun(server: KubeServer, account: Path) -> None:
    server.database = rolling("Fetching")
    with pytest.raises(InProgress, match="Update already in progress"):
        asyncio.run(cluster(server, account).start())


@pytest.mark.parametrize(
    ("fails", "said"),
    [({"GET": 403}, "verb get"), ({"GET": 404}, "FACEDB_DATABASE"), ({"GET": 500}, "answered 500")],
)
def test_what_cannot_be_read_says_what_to_do(
    server: KubeServer, account: Path, fails: dict[str, int], said: str
) -> None:
    server.fails = fails

    async def story() -> None:
        backend = cluster(server, account)
        with pytest.raises(Unreachable, match=said):
            await backend.start()
        with pytest.raises(Unreachable, match=said):
            await backend.status()
        found = await backend.check()
        assert found.error is not None
        assert said in found.error

    asyncio.run(story())


def test_a_pod_that_may_read_but_not_approve_says_so(server: KubeServer, account: Path) -> None:
    server.fails = {"PATCH": 403}
    with pytest.raises(Unreachable, match="verb patch"):
        asyncio.run(cluster(server, account).start())


def test_an_api_server_that_is_away_is_named(account: Path) -> None:
    with pytest.raises(Unreachable, match="media/faces cannot be read"):
        asyncio.run(Kube("http://127.0.0.1:9", "media", "faces", account).read())


def test_the_token_is_read_anew_for_each_request(server: KubeServer, account: Path) -> None:
    kube = Kube(server.url, "media", "faces", account)
    asyncio.run(kube.read())
    (account / "token").write_text("another")

    with pytest.raises(Unreachable):
        asyncio.run(kube.read())
    assert server.tokens == [f"Bearer {TOKEN}", "Bearer another"]


def test_the_pods_environment_names_the_api_server() -> None:
    kube = Kube.of_pod(
        "media/faces", {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "6443"}
    )
    assert (kube.url, kube.shown) == ("https://[fd00::1]:6443", "FaceDatabase media/faces")
    with pytest.raises(ValueError, match="no pod"):
        Kube.of_pod("media/faces", {})
