"""What each step does to the small world. What a real cluster would never let happen is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

import world_pods
import world_storage
from facedb_operator import names, objects
from facedb_operator.names import Component
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
from world_objects import new_check, new_claim, new_job, new_lookup, new_workload
from world_storage import Impossible

if TYPE_CHECKING:
    from world import World


# One case a step, as in act.py.
def carry_out(world: World, db: FaceDatabase, step: Step) -> None:  # noqa: C901
    match step:
        case EnsureService():
            objects.service(db)
            world.service_key = db.service_key
        case EnsureAccess():
            world.access_key = objects.access(db)[0]["metadata"]["labels"][names.KEY_LABEL]
        case DeleteAccess():
            world.access_key = None
        case CreateClaim(component=Component.STATE):
            world.state = world.state or new_claim(db, step, world.now)
        case CreateClaim():
            if step.snapshot is not None:
                world_storage.check_source(world, step)
            claim_made = new_claim(db, step, world.now)
            world.claims.setdefault(claim_made.name, claim_made)
        case StartFetch():
            _start(world, db, step)
        case MarkVerified(claim=claim, facts=facts):
            world.claims[claim] = replace(world.claims[claim], verified=facts)
        case OwnClaim(name=name, owned=owned):
            _own(world, name, owned=owned)
        case RestoreClaim():
            world_storage.restore(world, db, step)
        case CreateSnapshot():
            world_storage.make_snapshot(world, db, step)
        case DeleteSnapshot(name=name):
            world_storage.delete_snapshot(world, name)
        case OwnSnapshot(name=name, owned=owned):
            world.snapshots[name] = replace(world.snapshots[name], owned=owned)
        case StartLookup():
            looking = new_lookup(db, step, world.now)
            world.jobs.setdefault(looking.name, looking)
        case StartCheck():
            run = new_check(db, step, world.now)
            world.checks.setdefault(run.name, run)
        case EnsureBudget():
            world.budget_key = objects.budget(db)["metadata"]["labels"][names.KEY_LABEL]
        case DeleteBudget():
            world.budget_key = None
        case EnsurePolicies():
            made = objects.policies(db)
            world.policies_key = made[0]["metadata"]["labels"][names.KEY_LABEL]
            world.policies = tuple(policy["metadata"]["name"] for policy in made)
        case DeletePolicy(name=name):
            world.policies = tuple(n for n in world.policies if n != name)
            world.policies_key = "" if world.policies else None
        case DeleteClaim(name=name):
            world_storage.delete_claim(world, name)
        case DeleteJob(name=name):
            world.jobs.pop(name, None)
            world.checks.pop(name, None)
        case CreateWorkload():
            _create_workload(world, db, step)
        case ScaleWorkload(name=name, replicas=replicas):
            world.workloads[name] = replace(world.workloads[name], replicas=replicas)
        case DeleteWorkload(name=name):
            world.delete_workload(name)
        case SetGate():
            _set_gate(world, step)
        case _:
            assert_never(step)


def _own(world: World, name: str, *, owned: bool) -> None:
    if world.state is not None and name == world.state.name:
        world.state = replace(world.state, owned=owned)
    else:
        world.claims[name] = replace(world.claims[name], owned=owned)


def _start(world: World, db: FaceDatabase, step: StartFetch) -> None:
    job = new_job(db, step.component, step.attempt, world.now, step.again)
    if job.name in world.jobs:
        return
    if world.claims[job.claim].verified is not None:
        raise Impossible(f"{job.claim} is verified and would be written again")
    version = step.again.version if step.again else db.version
    is_release = step.component is Component.RELEASE
    world.fetched.append(version if is_release else "models")
    if not is_release:
        world.model_files[job.claim] = db.models.files[0].sha256
    blocked = None if world_storage.can_mount(world, job.claim) else world_storage.UNBOUND
    world.jobs[job.name] = replace(job, blocked=blocked)


def _create_workload(world: World, db: FaceDatabase, step: CreateWorkload) -> None:
    if step.snapshot is not None and not world.snapshots[step.snapshot.name].ready:
        raise Impossible(f"pods are made from {step.snapshot.name}, which is not ready")
    if step.snapshot is None and world.claims[step.claim].verified is None:
        raise Impossible(f"{step.claim} is served and was never verified")
    if world.state is None or (db.sidecar.updates and world.access_key is None):
        raise Impossible("pods are made before the volume of their state, or their account")
    work = new_workload(db, step, world.now)
    models = world.claims.get(work.models_claim)
    if models is None or models.verified is None:
        raise Impossible(f"{work.models_claim} is served and was never verified")
    world.workloads.setdefault(work.name, work)


def _set_gate(world: World, step: SetGate) -> None:
    pod = world.pods.get(step.pod)
    if pod is None:
        return
    if step.is_open and not pod.containers_ready:
        raise Impossible(f"the gate of {pod.name} is opened before it is ready")
    world.pods[pod.name] = world_pods.judged(world, replace(pod, gate=step.is_open, gate_since=world.now))
