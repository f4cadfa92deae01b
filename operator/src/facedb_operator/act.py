"""The only writer: one step → one API call, or few, safe to repeat.

Objects are made by server-side apply under a fixed field manager, so a second try finds the first. Called
only by ``handlers.reconcile``.
"""

import logging
from datetime import datetime
from typing import Any, assert_never

from kubernetes.aio.client import ApiException
from kubernetes.aio.dynamic import DynamicClient

from facedb_operator import names, objects
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import (
    CreateClaim,
    CreateSnapshot,
    CreateWorkload,
    DeleteAccess,
    DeleteBudget,
    DeleteClaim,
    DeleteJob,
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

NOT_FOUND = 404
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
CLAIM = ("v1", "PersistentVolumeClaim")
JOB = ("batch/v1", "Job")
DEPLOYMENT = ("apps/v1", "Deployment")
POD = ("v1", "Pod")
SNAPSHOT = (f"{names.SNAPSHOT_GROUP}/v1", "VolumeSnapshot")
BUDGET = ("policy/v1", "PodDisruptionBudget")

Kind = tuple[str, str]


# One case a step: a table, however long.
async def act(kube: DynamicClient, db: FaceDatabase, step: Step, now: datetime) -> None:  # noqa: C901
    """Carry out one step.

    Raises:
        kubernetes.aio.client.ApiException: the API server refused or failed; the next pass tries again.
    """
    match step:
        case EnsureService():
            await apply(kube, objects.service(db))
        case EnsureAccess():
            for manifest in objects.access(db):
                await apply(kube, manifest)
        case DeleteAccess():
            for manifest in reversed(objects.access(db)):
                await _delete(
                    kube, (manifest["apiVersion"], manifest["kind"]), db, manifest["metadata"]["name"]
                )
        case EnsureBudget():
            await apply(kube, objects.budget(db))
        case DeleteBudget():
            await _delete(kube, BUDGET, db, db.name)
        case EnsurePolicies():
            for manifest in objects.policies(db):
                await apply(kube, manifest)
        case CreateClaim():
            await apply(kube, objects.claim(db, step))
        case RestoreClaim():
            await apply(kube, objects.restored_claim(db, step))
        case CreateSnapshot():
            await apply(kube, objects.snapshot(db, step))
        case DeleteSnapshot(name=name):
            await _delete(kube, SNAPSHOT, db, name)
        case StartLookup():
            await apply(kube, objects.lookup_job(db, step))
        case StartCheck():
            await apply(kube, objects.check_job(db, step))
        case StartFetch(component=component, attempt=attempt):
            await apply(kube, objects.fetch_job(db, component, attempt))
        case CreateWorkload():
            await apply(kube, objects.deployment(db, step))
        case MarkVerified(claim=claim, facts=facts):
            note = {names.RECEIPT_ANNOTATION: facts.to_json()}
            await _patch(kube, CLAIM, db, claim, {"metadata": {"annotations": note}})
        case OwnClaim(name=name, owned=owned):
            owners = [dict(names.owner_reference(db.name, db.uid))] if owned else None
            await _patch(kube, CLAIM, db, name, {"metadata": {"ownerReferences": owners}})
        case OwnSnapshot(name=name, owned=owned):
            owners = [dict(names.owner_reference(db.name, db.uid))] if owned else None
            await _patch(kube, SNAPSHOT, db, name, {"metadata": {"ownerReferences": owners}})
        case ScaleWorkload(name=name, replicas=replicas):
            await _patch(kube, DEPLOYMENT, db, name, {"spec": {"replicas": replicas}})
        case SetGate():
            await _set_gate(kube, db, step, now)
        case DeleteJob(name=name):
            await _delete(kube, JOB, db, name)
        case DeleteWorkload(name=name):
            await _delete(kube, DEPLOYMENT, db, name)
        case DeleteClaim(name=name):
            await _delete(kube, CLAIM, db, name)
        case _:
            assert_never(step)


async def apply(kube: DynamicClient, manifest: dict[str, Any]) -> None:
    """Server-side apply of a whole object that we own."""
    resource = await kube.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
    await resource.server_side_apply(
        body=manifest,
        namespace=manifest["metadata"]["namespace"],
        field_manager=names.FIELD_MANAGER,
        force_conflicts=True,
    )


async def write_status(kube: DynamicClient, namespace: str, name: str, status: dict[str, Any]) -> None:
    """Server-side apply of the whole status: what is no longer in it disappears."""
    resource = await kube.resources.get(api_version=names.API_VERSION, kind=names.KIND)
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": namespace},
        "status": status,
    }
    await resource.subresources["status"].server_side_apply(
        body=body,
        name=name,
        namespace=namespace,
        field_manager=names.FIELD_MANAGER,
        force_conflicts=True,
    )


async def write_event(kube: DynamicClient, event: dict[str, Any]) -> None:
    """Create an Event; one that the API server does not take is only a message lost."""
    resource = await kube.resources.get(api_version="v1", kind="Event")
    try:
        await resource.create(body=event, namespace=event["metadata"]["namespace"])
    except ApiException as error:
        log.warning("An Event was not taken: %s", error.reason, extra={"event": event["reason"]})


async def _set_gate(kube: DynamicClient, db: FaceDatabase, step: SetGate, now: datetime) -> None:
    condition = {
        "type": names.SERVING_GATE,
        "status": "True" if step.is_open else "False",
        "reason": step.reason,
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    resource = await kube.resources.get(api_version="v1", kind="Pod")
    try:
        # Strategic merge: the kubelet owns the other conditions of the same list.
        await resource.subresources["status"].patch(
            body={"status": {"conditions": [condition]}},
            name=step.pod,
            namespace=db.namespace,
            content_type=STRATEGIC,
            field_manager=names.FIELD_MANAGER,
        )
    except ApiException as error:
        # The pod went away since it was observed: there is no traffic to switch.
        if error.status != NOT_FOUND:
            raise


async def _patch(kube: DynamicClient, kind: Kind, db: FaceDatabase, name: str, body: dict[str, Any]) -> None:
    resource = await kube.resources.get(api_version=kind[0], kind=kind[1])
    await resource.patch(
        body=body,
        name=name,
        namespace=db.namespace,
        content_type=MERGE,
        field_manager=names.FIELD_MANAGER,
    )


async def _delete(kube: DynamicClient, kind: Kind, db: FaceDatabase, name: str) -> None:
    resource = await kube.resources.get(api_version=kind[0], kind=kind[1])
    try:
        await resource.delete(name=name, namespace=db.namespace, body={"propagationPolicy": "Background"})
    except ApiException as error:
        if error.status != NOT_FOUND:
            raise
