"""The only writer: one step → one API call, or few, safe to repeat.

Objects are made by server-side apply under a fixed field manager, so a second try finds the first. Every
writer tells what it wrote, so that the next pass begins only when the store has seen it. Called only by
``reconcile``.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, assert_never

from kubernetes.aio.client import ApiException

from facedb_operator import names, objects
from facedb_operator.kinds import (
    ACCESS,
    BUDGET,
    CLAIM,
    DATABASE,
    DEPLOYMENT,
    EVENT,
    JOB,
    POD,
    POLICY,
    SNAPSHOT,
    Kind,
    kind_of,
)
from facedb_operator.kube import FAILURES, NOT_FOUND, STRATEGIC, Foreign, Kube, Refusal
from facedb_operator.observe.store import Write
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import (
    CreateClaim,
    CreateSnapshot,
    CreateWorkload,
    DeleteAccess,
    DeleteBudget,
    DeleteClaim,
    DeleteJob,
    DeletePolicy,
    DeleteSnapshot,
    DeleteWorkload,
    EnsureAccess,
    EnsureBudget,
    EnsurePolicies,
    EnsureService,
    MarkVerified,
    OwnClaim,
    OwnSnapshot,
    RestoreClaim,
    ScaleWorkload,
    SetGate,
    StartCheck,
    StartFetch,
    StartLookup,
    Step,
)

log = logging.getLogger(__name__)

CONFLICT = 409

Writes = tuple[Write, ...]


class AlreadyVerified(Exception):
    """A claim that was to be made is there, with a verdict: what was planned to follow must not.

    The store did not know it, as when a policy has taken its labels away; they are back now.
    """

    def __init__(self, writes: Writes) -> None:
        super().__init__(writes[0].name)
        self.writes = writes


# One case a step: a table, however long.
async def act(kube: Kube, db: FaceDatabase, step: Step, now: datetime) -> Writes:  # noqa: C901
    """Carry out one step.

    Returns:
        What was written, of the kinds that the store follows.

    Raises:
        AlreadyVerified: a claim that was to be made is there already.
        Foreign: what was to be made is there already, and is somebody else's.
        ApiException, aiohttp.ClientError, TimeoutError: the API server refused or failed; the next pass
            tries again.
    """
    match step:
        case EnsureService():
            return await _apply_ours(kube, db, objects.service(db))
        case EnsureAccess():
            return await apply(kube, *objects.access(db))
        case DeleteAccess():
            return await _delete_access(kube, db)
        case EnsureBudget():
            return await _apply_ours(kube, db, objects.budget(db))
        case DeleteBudget():
            return await _delete(kube, BUDGET, db, db.name)
        case EnsurePolicies():
            return await apply(kube, *objects.policies(db))
        case DeletePolicy(name=name):
            return await _delete(kube, POLICY, db, name)
        case CreateClaim():
            return await _create_claim(kube, objects.claim(db, step))
        case RestoreClaim():
            return await apply(kube, objects.restored_claim(db, step))
        case CreateSnapshot():
            return await apply(kube, objects.snapshot(db, step))
        case DeleteSnapshot(name=name):
            return await _delete(kube, SNAPSHOT, db, name)
        case StartLookup():
            return await apply(kube, objects.lookup_job(db, step))
        case StartCheck():
            return await apply(kube, objects.check_job(db, step))
        case StartFetch(component=component, attempt=attempt, again=again):
            return await apply(kube, objects.fetch_job(db, component, attempt, again))
        case CreateWorkload():
            return await apply(kube, objects.deployment(db, step))
        case MarkVerified(claim=claim, facts=facts):
            note = {names.RECEIPT_ANNOTATION: facts.to_json()}
            return await _patch(kube, CLAIM, db, claim, {"metadata": {"annotations": note}})
        case OwnClaim(name=name, owned=owned):
            return await _patch(kube, CLAIM, db, name, _owners(db, owned=owned))
        case OwnSnapshot(name=name, owned=owned):
            return await _patch(kube, SNAPSHOT, db, name, _owners(db, owned=owned))
        case ScaleWorkload(name=name, replicas=replicas):
            return await _patch(kube, DEPLOYMENT, db, name, {"spec": {"replicas": replicas}})
        case SetGate():
            return await _set_gate(kube, db, step, now)
        case DeleteJob(name=name):
            return await _delete(kube, JOB, db, name)
        case DeleteWorkload(name=name):
            return await _delete(kube, DEPLOYMENT, db, name)
        case DeleteClaim(name=name):
            return await _delete(kube, CLAIM, db, name)
        case _:
            assert_never(step)


async def apply(kube: Kube, *manifests: dict[str, Any]) -> Writes:
    """Server-side apply of whole objects that we own, one after the other."""
    writes = [_written(kind_of(each), await kube.apply(kind_of(each), each)) for each in manifests]
    return tuple(write for write in writes if write.kind not in ACCESS)


async def _apply_ours(kube: Kube, db: FaceDatabase, manifest: dict[str, Any]) -> Writes:
    """Server-side apply of an object whose name somebody else may have taken before.

    Raises:
        Foreign: so it is.
    """
    kind, name = kind_of(manifest), manifest["metadata"]["name"]
    try:
        return (_written(kind, await kube.apply(kind, manifest, force=False)),)
    except Refusal as error:
        if error.status != CONFLICT:
            raise
    # Others have written its selector: into theirs, or into ours. The store follows only what has our labels.
    there: list[dict[str, Any]] = []
    await kube.list(kind, db.namespace, there.append, fields=f"metadata.name={name}")
    if any(not _is_ours(db, found["metadata"]) for found in there):
        raise Foreign(kind, name, names.selector_for(db.name))
    return await apply(kube, manifest)


def _is_ours(db: FaceDatabase, meta: Mapping[str, Any]) -> bool:
    """Whether an object has our labels, or had them until a policy took them away."""
    labels = meta.get("labels") or {}
    if (labels.get(names.MANAGED_BY_LABEL), labels.get(names.DATABASE_LABEL)) == (names.MANAGED_BY, db.name):
        return True
    owned = any(owner["uid"] == db.uid for owner in meta.get("ownerReferences") or ())
    return owned or any(w.get("manager") == names.FIELD_MANAGER for w in meta.get("managedFields") or ())


async def write_status(kube: Kube, namespace: str, name: str, status: dict[str, Any]) -> Writes:
    """Server-side apply of the whole status: what is no longer in it disappears."""
    body = {
        "apiVersion": DATABASE.api,
        "kind": DATABASE.name,
        "metadata": {"name": name, "namespace": namespace},
        "status": status,
    }
    return (_written(DATABASE, await kube.apply(DATABASE, body, "status")),)


async def write_event(kube: Kube, event: dict[str, Any], known: int = 0) -> int:
    """Create an Event, or raise the count of the one of this name.

    One that the API server does not take is only a message lost.

    Args:
        kube: the API server.
        event: what to say.
        known: how often it was said, if that is known.

    Returns:
        How often it was said now; 0: it was not taken.
    """
    try:
        if known:
            return await _repeat_event(kube, event, known)
        await kube.create(EVENT, event)
    except FAILURES as error:
        if known and getattr(error, "status", 0) == NOT_FOUND:
            # Events are kept for an hour.
            return await write_event(kube, event)
        if getattr(error, "status", 0) == CONFLICT:
            return await _find_event(kube, event)
        _lost(event, error)
        return 0
    return 1


async def _find_event(kube: Kube, event: dict[str, Any]) -> int:
    """Say it again. The first change brings the old count back: no right to read Events is needed."""
    meta = event["metadata"]
    try:
        found = await kube.patch(EVENT, meta["namespace"], meta["name"], {"message": event["message"]})
        return await _repeat_event(kube, event, found.get("count", 1))
    except FAILURES as error:
        _lost(event, error)
        return 0


async def _repeat_event(kube: Kube, event: dict[str, Any], known: int) -> int:
    meta = event["metadata"]
    news = {key: event[key] for key in ("message", "lastTimestamp")}
    await kube.patch(EVENT, meta["namespace"], meta["name"], {**news, "count": known + 1})
    return known + 1


def _lost(event: dict[str, Any], error: Exception) -> None:
    # In a namespace that is being deleted nobody reads Events.
    level = logging.DEBUG if isinstance(error, Refusal) and error.terminating else logging.WARNING
    words = str(error) or type(error).__name__
    log.log(level, "An Event was not taken: %s", words, extra={"event": event["reason"]})


async def _set_gate(kube: Kube, db: FaceDatabase, step: SetGate, now: datetime) -> Writes:
    condition = {
        "type": names.SERVING_GATE,
        "status": "True" if step.is_open else "False",
        "reason": step.reason,
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    body = {"status": {"conditions": [condition]}}
    try:
        # Strategic merge: the kubelet owns the other conditions of the same list.
        found = await kube.patch(POD, db.namespace, step.pod, body, content=STRATEGIC, sub="status")
    except ApiException as error:
        if error.status != NOT_FOUND:
            raise
        # The pod went away since it was observed: there is no traffic to switch.
        return (Write(POD, db.namespace, step.pod, None),)
    return (_written(POD, found),)


async def _create_claim(kube: Kube, manifest: dict[str, Any]) -> Writes:
    found = await kube.apply(CLAIM, manifest)
    writes = (_written(CLAIM, found),)
    if names.RECEIPT_ANNOTATION in (found["metadata"].get("annotations") or {}):
        raise AlreadyVerified(writes)
    return writes


async def _patch(kube: Kube, kind: Kind, db: FaceDatabase, name: str, body: dict[str, Any]) -> Writes:
    return (_written(kind, await kube.patch(kind, db.namespace, name, body)),)


async def _delete(kube: Kube, kind: Kind, db: FaceDatabase, name: str) -> Writes:
    await kube.delete(kind, db.namespace, name)
    return (Write(kind, db.namespace, name, None),)


async def _delete_access(kube: Kube, db: FaceDatabase) -> Writes:
    for manifest in reversed(objects.access(db)):
        await kube.delete(kind_of(manifest), db.namespace, manifest["metadata"]["name"])
    return ()


def _owners(db: FaceDatabase, *, owned: bool) -> dict[str, Any]:
    owners = [dict(names.owner_reference(db.name, db.uid))] if owned else None
    return {"metadata": {"ownerReferences": owners}}


def _written(kind: Kind, found: dict[str, Any]) -> Write:
    meta = found["metadata"]
    return Write(kind, meta["namespace"], meta["name"], int(meta["resourceVersion"]))
