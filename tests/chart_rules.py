"""What the operator asks of the API server, found by running its own code against a recorder."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import cache
from typing import Any, cast, get_args

from kubernetes.aio.client import ApiException

from api_server import ApiServer
from facedb_operator import kinds, steps
from facedb_operator.act import act, write_event, write_status
from facedb_operator.facts import Snapshot, Verified
from facedb_operator.kinds import Kind
from facedb_operator.kube import Kube
from facedb_operator.names import Component
from facedb_operator.observe.watching import sources
from facedb_operator.spec import FaceDatabase, parse_spec
from facedb_operator.spec.fields import duration
from facedb_operator.spec.rollout import JobCheck, When
from world_objects import base_spec

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
FACTS = Verified("2026.02.18", "sha256:ab", 1, 1, 1)
KEPT = Snapshot("kept", "key", "2026.02.18", FACTS, NOW, ready=True)
CHECK = JobCheck("one", When.STEP, None, ("true",), (), duration("1m", "timeout"))

# One of each: what the API server is asked does not hang on the values.
EACH: tuple[steps.Step, ...] = (
    steps.EnsureService(),
    steps.EnsureAccess(),
    steps.DeleteAccess(),
    steps.EnsureBudget(),
    steps.DeleteBudget(),
    steps.EnsurePolicies(),
    steps.DeletePolicy("policy"),
    steps.CreateClaim(Component.RELEASE, "1Gi", snapshot="kept"),
    steps.RestoreClaim("claim", KEPT),
    steps.CreateSnapshot("claim", "fast", "key", "2026.02.18", FACTS),
    steps.DeleteSnapshot("kept"),
    steps.StartLookup("key", "latest"),
    steps.StartCheck(CHECK, "key", "key", "10.0.0.1"),
    steps.StartFetch(Component.RELEASE, 1),
    steps.MarkVerified("claim", FACTS),
    steps.DeleteJob("job"),
    steps.CreateWorkload("key", "2026.02.18", None, "claim", 1),
    steps.ScaleWorkload("work", 2),
    steps.DeleteWorkload("work"),
    steps.SetGate("pod", is_open=True, reason="Serving"),
    steps.DeleteClaim("claim"),
    steps.OwnClaim("claim", owned=True),
    steps.OwnSnapshot("kept", owned=True),
)

# Group, resource with its subresource, verb.
Right = tuple[str, str, str]


class Recorder:
    """Takes every request; remembers the right that it needs, and what was applied."""

    def __init__(self) -> None:
        self.rights: set[Right] = set()
        self.manifests: list[dict[str, Any]] = []
        self.created: set[str] = set()

    async def apply(
        self, kind: Kind, manifest: dict[str, Any], sub: str = "", *, force: bool = True
    ) -> dict[str, Any]:
        """A server-side apply: of something that may be new, unless it is a subresource."""
        self._note(kind, sub, "patch", *(() if sub else ("create",)))
        if not sub:
            self.manifests.append(manifest)
        return _with_version(manifest)

    async def patch(
        self, kind: Kind, namespace: str, name: str, body: dict[str, Any], *, content: str = "", sub: str = ""
    ) -> dict[str, Any]:
        """A patch of something that is there."""
        self._note(kind, sub, "patch")
        return _with_version({"metadata": {"namespace": namespace, "name": name}})

    async def create(self, kind: Kind, manifest: dict[str, Any]) -> dict[str, Any]:
        """A plain creation; an object of this name is refused the second time."""
        self._note(kind, "", "create")
        name = f"{kind.plural}/{manifest['metadata']['name']}"
        if name in self.created:
            raise ApiException(status=409)
        self.created.add(name)
        return _with_version(manifest)

    async def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """A deletion."""
        self._note(kind, "", "delete")

    def _note(self, kind: Kind, sub: str, *verbs: str) -> None:
        self.rights |= {right(kind, verb, sub) for verb in verbs}


def right(kind: Kind, verb: str, sub: str = "") -> Right:
    """The right to do this with objects of this kind."""
    group = kind.api.rpartition("/")[0]
    return group, f"{kind.plural}/{sub}" if sub else kind.plural, verb


@cache
def recorded() -> Recorder:
    """Every step carried out, a status and an Event written."""
    assert {type(step) for step in EACH} == set(get_args(steps.Step))
    recorder = Recorder()

    async def everything() -> None:
        kube = cast(Kube, recorder)
        for step in EACH:
            await act(kube, database(), step, NOW)
        await write_status(kube, "media", "stash", {})
        event = {
            "reason": "x",
            "message": "x",
            "lastTimestamp": "x",
            "metadata": {"namespace": "media", "name": "x"},
        }
        await write_event(kube, event)
        await write_event(kube, event, known=1)

    asyncio.run(everything())
    return recorder


def read(*, clusterwide: bool) -> set[Right]:
    """What is needed to follow all that is followed, cluster-scoped kinds or the others."""
    followed = {
        right(source.kind, verb)
        for source in sources()
        for verb in ("list", "watch")
        if source.clusterwide is clusterwide
    }
    named = {right(kind, "get") for kind in kinds.ACCESS} | {right(kinds.POD, "get", "log")}
    # observe.volumes: why no volume comes for a claim.
    named |= {right(kinds.EVENT, "list")}
    return followed if clusterwide else followed | named


def database() -> FaceDatabase:
    """A database like any other."""
    meta = {"name": "stash", "namespace": "media", "uid": "u-1"}
    return parse_spec({"metadata": meta, "spec": base_spec()}, default_image="sidecar:1")


def allowed(api: ApiServer, user: str, wanted: Right, namespace: str, groups: tuple[str, ...] = ()) -> bool:
    """Whether a real API server lets this user do this in this namespace; empty: in all of them."""
    group, resource, verb = wanted
    plural, _, sub = resource.partition("/")
    asked = {"group": group, "resource": plural, "subresource": sub, "verb": verb, "namespace": namespace}
    review = {"user": user, "groups": list(groups), "resourceAttributes": asked}
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": review}
    _, answer = api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body)
    return bool(answer["status"]["allowed"])


def _with_version(manifest: dict[str, Any]) -> dict[str, Any]:
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": "1"}}
