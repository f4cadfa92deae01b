"""What a pass learns beside the store: answers of pods, access, classes; and what it does not ask."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from facedb_operator import kinds, names
from facedb_operator.facts import Cluster
from facedb_operator.kinds import DATABASE, POD, SERVICE
from facedb_operator.observe import Observer
from facedb_operator.observe.answers import FRESH_S, REST_S, Answers, read_answer
from facedb_operator.observe.cluster import cluster_of
from facedb_operator.observe.readings import VolumeKind, read_pod
from facedb_operator.observe.store import Entry, Store
from facedb_operator.observe.watching import Watches
from facedb_operator.spec import parse_spec
from facedb_operator.spec.storage import Storage, read_storage
from virtual_time import play
from watched_api import AT, WatchedApi

LATER = "2026-11-21T05:00:00Z"


def serving(started: str = AT, *, ready: bool = True) -> dict[str, Any]:
    """The status of a pod in traffic."""
    conditions = [{"type": "Ready", "status": str(ready), "lastTransitionTime": AT}]
    container = {"state": {"running": {"startedAt": started}}, "restartCount": 0}
    return {"podIP": "10.0.0.1", "conditions": conditions, "containerStatuses": [container]}


def pod(**parts: Any) -> Entry:
    labels = {names.COMPONENT_LABEL: "sidecar", names.KEY_LABEL: "k1"}
    raw = {"metadata": {"name": "p", "labels": labels, "creationTimestamp": AT}, "status": serving(**parts)}
    return Entry("x", "p", "a", "uid-1", 1, deleting=False, fact=read_pod(raw, None))


class Pods:
    """Answers for all pods, and counts."""

    def __init__(self, *, ready: bool = True) -> None:
        self.asked = 0
        self._ready = ready

    async def __call__(self, url: str) -> tuple[int, bytes]:
        assert url == "http://10.0.0.1:5000/ready"
        self.asked += 1
        said = {"ready": self._ready, "version": "2026.02.12", "recall": 0.99, "query_ms": 4}
        return 200 if self._ready else 503, json.dumps(said).encode()

    @property
    def answers(self) -> Answers:
        return Answers(self)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr("facedb_operator.observe.answers.time.monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("moving", "ready", "after_s", "asked"),
    [
        pytest.param(False, True, REST_S - 1, 1, id="at rest it is left alone"),
        pytest.param(False, True, REST_S + 1, 2, id="but not for ever"),
        pytest.param(True, True, FRESH_S + 0.1, 2, id="while a rollout moves it is asked again"),
        pytest.param(False, False, FRESH_S + 0.1, 2, id="until it is in traffic it is asked again"),
        pytest.param(True, True, FRESH_S - 0.1, 1, id="never twice at once"),
    ],
)
def test_a_pod_is_asked_while_it_matters(
    clock: list[float], *, moving: bool, ready: bool, after_s: float, asked: int
) -> None:
    async def story() -> int:
        pods = Pods()
        answers, mine = pods.answers, [pod(ready=ready)]
        await answers.ask("a", mine, moving=moving)
        clock[0] += after_s
        await answers.ask("a", mine, moving=moving)
        return pods.asked

    assert asyncio.run(story()) == asked


@pytest.mark.usefixtures("clock")
def test_after_a_restart_the_answer_of_before_does_not_count() -> None:
    async def story() -> None:
        pods = Pods()
        answers, before, after = pods.answers, pod(), pod(started=LATER)
        await answers.ask("a", [before], moving=False)
        assert answers.of("a", before) is not None
        assert answers.of("a", after) is None
        await answers.ask("a", [after], moving=False)
        assert pods.asked == 2
        assert answers.of("a", before) is None

    asyncio.run(story())


def test_an_answer_says_how_well_the_indices_find() -> None:
    said = read_answer({"ready": True, "recall": 0.987, "query_ms": 3}, ok=True)
    assert said is not None
    assert (said.ready, said.recall, said.query_ms) == (True, 0.987, 3.0)
    assert read_answer([], ok=True) is None
    refused = read_answer({"ready": True}, ok=False)
    assert refused is not None
    assert not refused.ready


FAST = VolumeKind("fast", "csi.example.com", default=True, waits_for_consumer=True)
SLOW = VolumeKind("slow", "local.example.com", default=False)
SNAPS = VolumeKind("snaps", "csi.example.com", default=False)
BEST = VolumeKind("z-snaps", "csi.example.com", default=True)
# Another default class, made later, as k3s' own and one that was installed since.
NEWER = VolumeKind("z-newer", "other.example.com", default=True, created="2026-11-02T00:00:00Z")
OLDER = VolumeKind("a-older", "csi.example.com", default=True, created="2026-11-01T00:00:00Z")
TWIN = VolumeKind("b-older", "other.example.com", default=True, created="2026-11-01T00:00:00Z")


def storage(**raw: Any) -> Storage:
    return read_storage(raw)


@pytest.mark.parametrize(
    ("asked", "classes", "snapshot_classes", "snapshots", "found"),
    [
        pytest.param(storage(), [FAST, SLOW], [SNAPS], True, Cluster("snaps", True), id="by the driver"),
        pytest.param(
            storage(), [FAST], [SNAPS, BEST], True, Cluster("z-snaps", True), id="the default of two"
        ),
        pytest.param(storage(), [FAST], [SNAPS], False, Cluster(None, True), id="no snapshot API"),
        pytest.param(
            storage(), [OLDER, NEWER], [SNAPS], True, Cluster(None, False), id="the newer of two defaults"
        ),
        pytest.param(
            storage(), [TWIN, OLDER], [SNAPS], True, Cluster("snaps", False), id="of two as old, the first"
        ),
        pytest.param(
            storage(storageClassName="slow"),
            [FAST, SLOW],
            [SNAPS],
            True,
            Cluster(None, False),
            id="another driver",
        ),
        pytest.param(storage(), None, None, True, Cluster(None, True), id="classes may not be read"),
        pytest.param(
            storage(volumeSnapshotClassName="mine"),
            None,
            None,
            True,
            Cluster("mine", True),
            id="the spec names it",
        ),
    ],
)
def test_what_the_cluster_can_do_for_a_storage_class(
    asked: Storage,
    classes: list[VolumeKind] | None,
    snapshot_classes: list[VolumeKind] | None,
    *,
    snapshots: bool,
    found: Cluster,
) -> None:
    assert cluster_of(asked, classes, snapshot_classes, snapshots=snapshots) == found


def test_a_pass_at_rest_asks_the_api_server_for_nothing() -> None:
    async def story() -> None:
        api, pods = WatchedApi(), Pods()
        api.missing = {kinds.SNAPSHOT, kinds.SNAPSHOT_CLASS}
        models = {
            "source": {"http": {"urls": ["https://models.example.org/{file}"]}},
            "files": [{"name": "m.onnx", "size": 1, "sha256": "0" * 64}],
        }
        body = api.write(DATABASE, "a", spec={"version": "2026.02.12", "models": models})
        api.write(SERVICE, "a")
        api.write(POD, "p", labels={names.COMPONENT_LABEL: "sidecar"}, status=serving())
        kube: Any = api
        store = Store()
        watches = Watches(kube, store, ())
        observer = Observer(kube, pods, store, watches, policies=True)
        watches.start(lambda task: None)
        await watches.ready()
        db = parse_spec(body, default_image="sidecar")
        await observer.ask(db)
        await asyncio.sleep(1)
        before = dict(api.requests)
        for _ in range(10):
            await observer.fresh.own_writes(("x", "a"))
            await observer.ask(db)
        assert (dict(api.requests), pods.asked) == (before, 1)
        await watches.stop()

    play(story())
