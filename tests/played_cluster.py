"""A real API server and the real operator; Jobs, Deployments and kubelets are played."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from api_server import ApiServer
from bench.operator.client import Client
from bench.operator.pretender import Pretender
from bench.operator.scale import database
from facedb_operator import names
from operator_process import OperatorProcess, install, until

NAMESPACE, NAME = "media", "faces"
GRACE_S = 0.5
LOOK_S = 0.2
Body = dict[str, Any]


class Spoiler(Pretender):
    """Pods of a spoilt version serve other bytes than those that were fetched; some take their time to load.

    Attributes:
        spoilt: such versions.
        loading: versions whose pods are not ready yet.
    """

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.spoilt: set[str] = set()
        self.loading: set[str] = set()

    async def _ready(self, request: web.Request) -> web.Response:
        answer = await super()._ready(request)
        told = json.loads(answer.text or "")
        if told.get("version") in self.loading:
            return web.json_response({"ready": False, "state": "loading"}, status=503)
        if told.get("version") in self.spoilt:
            told["digest"] = f"sha256:{'f' * 64}"
        return web.json_response(told, status=answer.status)


class PlayedCluster:
    """What `playing` gives.

    Attributes:
        api: the API server.
        operator: its process.
        spoilt: versions whose pods serve the wrong bytes.
        loading: versions whose pods are not ready yet.
    """

    def __init__(self, api: ApiServer, operator: OperatorProcess, pretender: Spoiler) -> None:
        self.api = api
        self.operator = operator
        self.spoilt = pretender.spoilt
        self.loading = pretender.loading
        self._pretender = pretender

    def comes(self, version: str, name: str = NAME) -> None:
        """Jobs fetch this version from now on."""
        self._pretender.versions[name] = version

    def read(self, name: str = NAME) -> Body:
        """The database."""
        found: Body = json.loads(
            self.api.kubectl(
                "-n", NAMESPACE, "get", "fdb", name, "-o", "json", "--show-managed-fields"
            ).stdout
        )
        return found

    def ready(self, name: str = NAME) -> tuple[str, str]:
        """Status and reason of the condition Ready; of a spec that was looked at."""
        body = self.read(name)
        status = body.get("status") or {}
        if status.get("observedGeneration") != body["metadata"]["generation"]:
            return "", ""
        found = next(c for c in status["conditions"] if c["type"] == "Ready")
        return found["status"], found["reason"]

    def children(self) -> set[str]:
        """Kind, name and uid of everything that the database owns, and of its volumes."""
        kinds = (
            "deployments,services,serviceaccounts,roles,rolebindings,persistentvolumeclaims,networkpolicies"
        )
        found = json.loads(self.api.kubectl("-n", NAMESPACE, "get", kinds, "-o", "json").stdout)["items"]
        return {f"{o['kind']} {o['metadata']['name']} {o['metadata']['uid']}" for o in found}


@contextmanager
def playing(folder: Path, **settings: str) -> Iterator[PlayedCluster]:
    """Start everything, the operator with these settings; end it afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with ApiServer(folder / "api") as api:
        install(api)
        api.kubectl("create", "namespace", NAMESPACE)
        with _pretending(api) as pretender, OperatorProcess(api, folder, **settings) as operator:
            until(operator.leads, "the operator leads")
            yield PlayedCluster(api, operator, pretender)


def manifest(version: str, name: str = NAME, **spec: Any) -> Body:
    """The database as it stands in Git: as people write it, without what the API server fills in."""
    body = database(1, version)
    # Replicas are left to the API server's default, or an autoscaler.
    body["spec"]["sidecar"].pop("replicas")
    more = {"rollout": {"bake": "0s", "drain": "0s", "progressDeadline": "30s"}, **spec}
    return {
        **body,
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"team": "media"}},
        "spec": {**body["spec"], **more},
    }


def wait_started(started: threading.Event, thread: threading.Thread) -> None:
    """Wait for as long as the thread lives: its turn comes when another such cluster of this machine ends.

    Raises:
        AssertionError: the thread has ended; it has said why.
    """
    while not started.wait(LOOK_S):
        assert thread.is_alive(), f"port {names.SIDECAR_PORT} of this machine is taken, or the API is away"


@contextmanager
def _pretending(api: ApiServer) -> Iterator[Spoiler]:
    """The rest of the cluster, in a thread of its own."""
    started = threading.Event()
    made: list[tuple[Spoiler, asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def play() -> None:
        ends = asyncio.Event()
        async with Client(api) as client:
            spoiler = Spoiler(client)
            await spoiler.start()
            made.append((spoiler, asyncio.get_running_loop(), ends))
            started.set()
            await ends.wait()
            await spoiler.stop()
        # As aiohttp asks for: connections under TLS close a moment later.
        await asyncio.sleep(GRACE_S)

    thread = threading.Thread(target=lambda: asyncio.run(play()), daemon=True)
    thread.start()
    wait_started(started, thread)
    spoiler, loop, ends = made[0]
    try:
        yield spoiler
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join(60)
