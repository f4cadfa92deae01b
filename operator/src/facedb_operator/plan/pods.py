"""What single pods are worth, and the revision that shall serve. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime

from facedb_operator.facts import Observed, Pod, Snapshot, Workload

MOST_RESTARTS = 3
# The kubelet's words; it forgets after ten minutes without an end.
# https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy
_BACK_OFF = re.compile(r"CrashLoopBackOff: back-off (?:(\d+)m)?(\d+)s")
_LONG_WAIT_S = 30


@dataclass(frozen=True)
class Goal:
    """The revision that shall serve. ``on_trial`` until it has been promoted once.

    ``snapshot``: from which each pod makes a volume of its own (PerPod); otherwise all mount ``claim``.
    ``image``, ``models``: of its pods, where they are not the spec's; models by their key.
    """

    version: str
    digest: str | None
    claim: str
    release_key: str
    revision_key: str
    on_trial: bool
    snapshot: Snapshot | None = None
    image: str | None = None
    models: str | None = None


def is_good(pod: Pod, work: Workload) -> bool:
    """Whether a pod may take traffic: it runs, and says that it loaded exactly this release.

    One that took traffic already and does not answer the operator this once keeps it: the kubelet finds it
    ready, and nothing speaks against it, unless its container was restarted since.
    """
    if pod.deleting or not pod.containers_ready:
        return False
    if pod.answer is None:
        return pod.gate is True and not restarted(pod)
    return pod.answer.ready and serves(pod, work)


def serves(pod: Pod, work: Workload) -> bool:
    """Whether what the pod says it serves is what its Deployment names."""
    said = pod.answer
    return (
        said is not None
        and said.version == work.version
        and (work.digest is None or said.digest == work.digest)
    )


def restarted(pod: Pod) -> bool:
    """Whether the container was started anew after the gate was set."""
    return pod.started_at is not None and pod.gate_since is not None and pod.started_at > pod.gate_since


def restarted_since(pod: Pod, moment: datetime) -> bool:
    """Whether the pod's container ended after ``moment``: it runs anew since, or is down now."""
    return pod.restarts > 0 and (pod.started_at is None or pod.started_at > moment)


def crash_loops(pod: Pod) -> bool:
    """Whether its container ended again and again within minutes, and the kubelet waits longer each time.

    Restarts alone do not say so: they count over the pod's whole life.
    """
    waits = _BACK_OFF.match(pod.waiting or "")
    if waits is None or pod.restarts < MOST_RESTARTS:
        return False
    return 60 * int(waits[1] or 0) + int(waits[2]) >= _LONG_WAIT_S


def live(seen: Observed, revision_key: str) -> tuple[Pod, ...]:
    """Pods of a revision that are not on their way out."""
    return tuple(p for p in seen.pods_of(revision_key) if not p.deleting)


def runs(seen: Observed, work: Workload) -> bool:
    """Whether a pod of a Deployment runs, and holds its volumes."""
    return any(p.ip is not None for p in live(seen, work.revision_key))


def good_pods(seen: Observed, work: Workload) -> list[Pod]:
    """Pods that may take traffic, those that do first, then the oldest."""
    able = (p for p in live(seen, work.revision_key) if is_good(p, work))
    return sorted(able, key=lambda p: (not (p.gate or p.ready), p.created_at, p.name))


def in_traffic(seen: Observed, work: Workload) -> int:
    """Pods that may be asked something; once out, their preStop hook drains them."""
    return sum(1 for p in live(seen, work.revision_key) if p.ready or p.gate is True)


def others(seen: Observed, goal: Goal) -> list[Workload]:
    """Deployments of other revisions."""
    return [w for w in seen.workloads if w.revision_key != goal.revision_key]


def left(seen: Observed, goal: Goal) -> list[Pod]:
    """Pods of other revisions, also those on their way out: they hold what they hold until they are gone."""
    return [p for p in seen.pods if p.revision_key != goal.revision_key]
