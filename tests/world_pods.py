"""How pods of the small world come up, answer, are started anew and leave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from facedb_operator.facts import Answer, Pod, Workload
from world_storage import can_start

if TYPE_CHECKING:
    from world import World

START_S = 2
LOAD_S = 4
LEAVE_S = 5


def judged(world: World, pod: Pod) -> Pod:
    """The pod with the kubelet's condition Ready: its container is, and its gate is open if it has one."""
    gated = all(w.gated for w in world.workloads.values() if w.revision_key == pod.revision_key)
    ready = pod.containers_ready and not pod.deleting and (pod.gate is True or not gated)
    since = pod.ready_since if ready == pod.ready else world.now
    return replace(pod, ready=ready, ready_since=since)


def advance(world: World, pod: Pod) -> None:
    """One second of a pod's life."""
    if pod.deleting:
        if world.now - world.left_at.setdefault(pod.name, world.now) >= timedelta(seconds=LEAVE_S):
            del world.pods[pod.name]
    elif pod.unschedulable is not None:
        _schedule(world, pod)
    else:
        _run(world, pod)


def _run(world: World, pod: Pod) -> None:
    work = next(w for w in world.workloads.values() if w.revision_key == pod.revision_key)
    since = world.now - (pod.ready_since or world.now)
    if pod.ip is None:
        if since >= timedelta(seconds=START_S) and can_start(world, work):
            world.pods[pod.name] = replace(pod, ip="10.0.0.1", started_at=world.now)
    elif world.crashes(pod, work):
        restart(world, pod.name)
    elif pod.containers_ready:
        world.pods[pod.name] = replace(pod, answer=_says(world, pod, work))
    elif since >= timedelta(seconds=LOAD_S):
        said = _says(world, pod, work)
        ready = said is not None and said.ready
        world.pods[pod.name] = judged(world, replace(pod, containers_ready=ready, answer=said))


def restart(world: World, name: str) -> None:
    """The pod's container ends and is started anew; the gate stays as it is, as in Kubernetes."""
    pod = replace(world.pods[name], restarts=world.pods[name].restarts + 1, last_exit="Error (exit code 1)")
    down = judged(world, replace(pod, containers_ready=False, answer=None, started_at=world.now))
    world.pods[name] = replace(down, ready_since=world.now)


def _schedule(world: World, pod: Pod) -> None:
    held = sum(1 for p in world.pods.values() if p.unschedulable is None)
    if world.gpus is None or held < world.gpus:
        # Its clock starts now: created_at stays, ready_since tells of the start until it is ready.
        world.pods[pod.name] = replace(pod, unschedulable=None, ready_since=world.now)


def _says(world: World, pod: Pod, work: Workload) -> Answer | None:
    return world.moods.get(pod.name) or world.answers(work)
