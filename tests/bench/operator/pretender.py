"""Plays the Job controller, the Deployment controller and the kubelets: writes what they would write.

A Job's pod ends well at once. A Deployment's pods run at once, at an address 127.x.y.z of this machine, and
are ready as soon as their gate is open. One small server answers `/ready` for all of them, each by its own
address.
"""

from __future__ import annotations

import asyncio
import fcntl
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from aiohttp import web

from facedb_operator import names
from facedb_operator.observe.readings import JOB_NAME_LABEL
from world_objects import digest_of, outcome

from .client import Body, Client

NODE = "pretended"
# Objects of a kind that are played at the same time: a cluster has many kubelets.
HANDS = 8

Play = Callable[[str, Body], Awaitable[None]]


class Pretender:
    """What goes on in the cluster.

    Attributes:
        versions: database → the version that its spec asks for.
        fetches: (database, version) → when the Job that fetches it was seen first, time.monotonic().
    """

    def __init__(self, client: Client) -> None:
        self.versions: dict[str, str] = {}
        self.fetches: dict[tuple[str, str], float] = {}
        self._client = client
        self._serving: dict[str, str] = {}
        self._pods: dict[str, dict[str, str]] = {}
        self._next_ip = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self._alone = ExitStack()

    async def start(self) -> None:
        """Begin to play; pods have one port, so that one machine holds one such cluster at a time."""
        self._alone.enter_context(await asyncio.to_thread(_turn))
        app = web.Application()
        app.router.add_get("/ready", self._ready)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "0.0.0.0", names.SIDECAR_PORT).start()  # all of 127/8
        for path, play in (
            ("/apis/batch/v1/jobs", self._job),
            ("/apis/apps/v1/deployments", self._deployment),
            ("/api/v1/pods", self._pod),
        ):
            self._tasks.append(asyncio.create_task(self._follow(path, play)))

    async def stop(self) -> None:
        """End; a part that has failed is raised here."""
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        self._alone.close()
        for each in ended:
            if isinstance(each, Exception):
                raise each

    async def _follow(self, path: str, play: Play) -> None:
        """Play what comes: each object in its order, several objects at the same time."""
        queues: list[asyncio.Queue[tuple[str, Body]]] = [asyncio.Queue() for _ in range(HANDS)]
        self._tasks += [asyncio.create_task(self._work(queue, play)) for queue in queues]
        async for what, raw in self._client.events(path):
            # Learned now, however much there is to play before it.
            self._note(what, raw)
            queues[hash(raw["metadata"]["uid"]) % HANDS].put_nowait((what, raw))

    def _note(self, what: str, raw: Body) -> None:
        labels = raw["metadata"].get("labels") or {}
        fetches = (
            "containers" not in raw["spec"] and labels.get(names.COMPONENT_LABEL) == names.Component.RELEASE
        )
        if what == "ADDED" and fetches:
            database = labels[names.DATABASE_LABEL]
            self.fetches.setdefault((database, self.versions[database]), time.monotonic())

    async def _work(self, queue: asyncio.Queue[tuple[str, Body]], play: Play) -> None:
        while True:
            await play(*await queue.get())

    async def _job(self, what: str, raw: Body) -> None:
        meta = raw["metadata"]
        if what == "DELETED":
            await self._client.delete(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}-pod")
        if what != "ADDED":
            return
        version = self.versions[meta["labels"][names.DATABASE_LABEL]]
        labels = {**raw["spec"]["template"]["metadata"]["labels"], JOB_NAME_LABEL: meta["name"]}
        said = outcome(version, ok=True).to_json()
        ended = {"exitCode": 0, "message": said, "startedAt": _now(), "finishedAt": _now()}
        container = {"name": "fetch", "state": {"terminated": ended}, **_CONTAINER}
        status = {"phase": "Succeeded", "containerStatuses": [container]}
        await self._run(meta["namespace"], f"{meta['name']}-pod", labels, status)
        conditions = [_condition("SuccessCriteriaMet"), _condition("Complete")]
        done = {"conditions": conditions, "startTime": _now(), "completionTime": _now(), "succeeded": 1}
        done["uncountedTerminatedPods"] = {}
        await self._client.merge(f"{_path('/apis/batch/v1', 'jobs', meta)}/status", {"status": done})

    async def _deployment(self, what: str, raw: Body) -> None:
        meta, spec = raw["metadata"], raw["spec"]
        wanted = 0 if what == "DELETED" else spec["replicas"]
        mine = self._pods.setdefault(meta["uid"], {})
        labels = spec["template"]["metadata"]["labels"]
        while len(mine) < wanted:
            ip = self._address()
            self._serving[ip] = meta["labels"][names.VERSION_LABEL]
            name = f"{meta['name']}-{ip.replace('.', '-')}"
            mine[name] = ip
            await self._run(meta["namespace"], name, labels, _running(ip, _now()))
        while len(mine) > wanted:
            name, ip = mine.popitem()
            del self._serving[ip]
            await self._client.delete(f"/api/v1/namespaces/{meta['namespace']}/pods/{name}")

    async def _pod(self, what: str, raw: Body) -> None:
        """The kubelet's part of a readiness gate."""
        status = raw.get("status") or {}
        conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
        gate = conditions.get(names.SERVING_GATE)
        if what == "DELETED" or gate is None or conditions.get("Ready") == gate:
            return
        ready = {**_condition("Ready"), "status": gate}
        # The other conditions are those that the pod was born with.
        started = status["containerStatuses"][0]["state"]["running"]["startedAt"]
        body = _pod_object(raw["metadata"], _running(status["podIP"], started))
        body["status"]["conditions"].append(ready)
        await self._client.apply(f"{_path('/api/v1', 'pods', raw['metadata'])}/status", body)

    async def _run(self, namespace: str, name: str, labels: dict[str, str], status: Body) -> None:
        meta = {"name": name, "namespace": namespace, "labels": labels}
        container = {"name": "fetch", "image": "none"}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta}
        pod["spec"] = {"nodeName": NODE, "containers": [container], "automountServiceAccountToken": False}
        await self._client.create(f"/api/v1/namespaces/{namespace}/pods", pod)
        path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
        await self._client.apply(path, _pod_object(meta, status))

    async def _ready(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        version = self._serving.get(request.transport.get_extra_info("sockname")[0])
        if version is None:
            return web.json_response({"ready": False}, status=503)
        return web.json_response(
            {"ready": True, "state": "ready", "version": version, "digest": digest_of(version)}
        )

    def _address(self) -> str:
        self._next_ip += 1
        return f"127.{1 + self._next_ip // 62500}.{self._next_ip // 250 % 250}.{1 + self._next_ip % 250}"


def _turn() -> IO[bytes]:
    """Wait until no other process of this machine plays; closing what is returned lets the next one."""
    mine = (Path(tempfile.gettempdir()) / "facedb-pretender.lock").open("wb")
    fcntl.flock(mine, fcntl.LOCK_EX)
    return mine


_CONTAINER: Body = {"image": "none", "imageID": "none", "ready": False, "restartCount": 0}


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _condition(kind: str) -> Body:
    return {"type": kind, "status": "True", "lastTransitionTime": _now()}


def _running(ip: str, started: str) -> Body:
    # Another time would be another start of the container: the operator would take it out of traffic.
    container = {"name": "fetch", "state": {"running": {"startedAt": started}}, **_CONTAINER, "ready": True}
    return {
        "phase": "Running",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "conditions": [_condition("ContainersReady"), _condition("PodScheduled")],
        "containerStatuses": [container],
    }


def _pod_object(meta: Body, status: Body) -> Body:
    name = {"name": meta["name"], "namespace": meta["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": name, "status": status}


def _path(api: str, plural: str, meta: Body) -> str:
    return f"{api}/namespaces/{meta['namespace']}/{plural}/{meta['name']}"
