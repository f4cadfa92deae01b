"""The only reader: the API server's objects and the pods' own answers → one frozen ``Observed``.

Called only by ``handlers.reconcile``. Facts, no judgement: what they mean is decided in ``plan``.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
from kubernetes.aio.client import ApiException, CoreV1Api
from kubernetes.aio.dynamic import DynamicClient

from facedb_operator import names
from facedb_operator.facts import Answer, Observed, Progress
from facedb_operator.names import Component
from facedb_operator.observe.readings import (
    read_claim,
    read_job,
    read_pod,
    read_progress,
    read_workload,
)
from facedb_operator.spec import FaceDatabase

ANSWER_TIMEOUT_S = 3.0
LOG_LINES = 5
CHILDREN = (
    ("v1", "PersistentVolumeClaim"),
    ("batch/v1", "Job"),
    ("apps/v1", "Deployment"),
    ("v1", "Pod"),
    ("v1", "Service"),
)
ACCESS = (
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
)

Body = Mapping[str, Any]


async def observe(kube: DynamicClient, http: httpx.AsyncClient, db: FaceDatabase, now: datetime) -> Observed:
    """Read everything that belongs to one database.

    Raises:
        kubernetes.aio.client.ApiException: the API server refused or failed; the caller tries again.
    """
    (claims, jobs, workloads, pods, services), access_key = await asyncio.gather(
        asyncio.gather(*(_list(kube, version, kind, db) for version, kind in CHILDREN)),
        _access_key(kube, db),
    )
    serving = [p for p in pods if _component(p) == Component.SIDECAR]
    writing = {_job_of(p): p for p in sorted(pods, key=_created) if _job_of(p)}
    answers, progress = await asyncio.gather(_ask_all(http, serving), _follow_all(kube, jobs, writing))
    volumes = [read_claim(c) for c in claims]
    return Observed(
        now=now,
        claims=tuple(c for c in volumes if c.component is not Component.STATE),
        jobs=tuple(
            read_job(j, writing.get(j["metadata"]["name"]), progress.get(j["metadata"]["name"])) for j in jobs
        ),
        workloads=tuple(read_workload(w) for w in workloads),
        pods=tuple(read_pod(p, answers.get(p["metadata"]["uid"])) for p in serving),
        service_key=next((s["metadata"]["labels"].get(names.KEY_LABEL) for s in services), None),
        access_key=access_key,
        state=next((c for c in volumes if c.name == db.state_claim_name), None),
    )


async def _access_key(kube: DynamicClient, db: FaceDatabase) -> str | None:
    """The edition in which all of the sidecar's access stands; empty when only parts do, None for nothing.

    Read one by one: the operator may not list the Roles and accounts of other people.
    """
    found = await asyncio.gather(*(_key(kube, db, version, kind) for version, kind in ACCESS))
    if all(key is None for key in found):
        return None
    return found[0] if found[0] and len(set(found)) == 1 else ""


async def _key(kube: DynamicClient, db: FaceDatabase, version: str, kind: str) -> str | None:
    resource = await kube.resources.get(api_version=version, kind=kind)
    try:
        found = await resource.get(namespace=db.namespace, name=names.sidecar_account(db.name))
    except ApiException as error:
        if error.status != httpx.codes.NOT_FOUND:
            raise
        return None
    labels = found.to_dict()["metadata"].get("labels") or {}
    return str(labels.get(names.KEY_LABEL, ""))


async def _list(kube: DynamicClient, version: str, kind: str, db: FaceDatabase) -> Sequence[Body]:
    resource = await kube.resources.get(api_version=version, kind=kind)
    found = await resource.get(namespace=db.namespace, label_selector=names.selector_for(db.name))
    items: Sequence[Body] = found.to_dict()["items"]
    return items


async def _ask_all(http: httpx.AsyncClient, pods: Sequence[Body]) -> dict[str, Answer | None]:
    asked = [p for p in pods if (p.get("status") or {}).get("podIP")]
    answers = await asyncio.gather(*(_ask(http, p["status"]["podIP"]) for p in asked))
    return {p["metadata"]["uid"]: answer for p, answer in zip(asked, answers, strict=True)}


async def _ask(http: httpx.AsyncClient, ip: str) -> Answer | None:
    """What the pod says of itself; None while it does not answer."""
    host = f"[{ip}]" if ":" in ip else ip
    try:
        reply = await http.get(f"http://{host}:{names.SIDECAR_PORT}/ready", timeout=ANSWER_TIMEOUT_S)
        said = reply.json()
    except (httpx.HTTPError, json.JSONDecodeError):
        return None
    if not isinstance(said, dict):
        return None
    return Answer(
        ready=reply.status_code == httpx.codes.OK and bool(said.get("ready")),
        version=said.get("version"),
        digest=said.get("digest"),
        failed=said.get("state") == "failed",
        reason=str(said.get("reason") or ""),
        message=str(said.get("message") or ""),
    )


async def _follow_all(
    kube: DynamicClient, jobs: Sequence[Body], writing: Mapping[str, Body]
) -> dict[str, Progress | None]:
    """The last progress line of each running Job's pod."""
    core = CoreV1Api(kube.client)
    running = [
        name
        for name in (j["metadata"]["name"] for j in jobs if (j.get("status") or {}).get("active"))
        if ((writing.get(name) or {}).get("status") or {}).get("phase") == "Running"
    ]
    found = await asyncio.gather(*(_follow(core, writing[name]) for name in running))
    return dict(zip(running, found, strict=True))


async def _follow(core: CoreV1Api, pod: Body) -> Progress | None:
    meta = pod["metadata"]
    try:
        text = await core.read_namespaced_pod_log(meta["name"], meta["namespace"], tail_lines=LOG_LINES)
    except ApiException:
        # The log is a view for people; a container that is just starting has none.
        return None
    return read_progress(str(text))


def _component(pod: Body) -> str:
    return str(pod["metadata"]["labels"].get(names.COMPONENT_LABEL))


def _job_of(pod: Body) -> str:
    return str(pod["metadata"]["labels"].get("batch.kubernetes.io/job-name", ""))


def _created(pod: Body) -> str:
    return str(pod["metadata"]["creationTimestamp"])
