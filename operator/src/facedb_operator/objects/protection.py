"""What keeps serving pods from being disturbed: a PodDisruptionBudget, NetworkPolicies. Pure builders."""

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import Manifest, metadata, selector
from facedb_operator.spec import FaceDatabase

# Pods that only fetch, look or check: nobody has to reach them.
_WORKING = (Component.RELEASE, Component.MODELS, Component.LOOKUP, Component.CHECK)


def budget(db: FaceDatabase) -> Manifest:
    """One pod may leave at a time. Only from two replicas on: with one it would block node drains."""
    meta = metadata(db, db.name, Component.SIDECAR, {names.KEY_LABEL: names.PROTECTION_KEY})
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta,
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": selector(db)},
            # A pod that serves nobody may always be evicted.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def policies(db: FaceDatabase) -> tuple[Manifest, Manifest]:
    """Serving pods are reached on their port alone; pods of Jobs by nobody."""
    port = [{"protocol": "TCP", "port": names.SIDECAR_PORT}]
    to_serving = _policy(db, f"{db.name}-sidecar", {"matchLabels": selector(db)}, [{"ports": port}])
    working: Manifest = {
        "matchLabels": {names.DATABASE_LABEL: db.name},
        "matchExpressions": [
            {"key": names.COMPONENT_LABEL, "operator": "In", "values": [c.value for c in _WORKING]}
        ],
    }
    return to_serving, _policy(db, f"{db.name}-jobs", working, [])


def _policy(db: FaceDatabase, name: str, pods: Manifest, ingress: list[Manifest]) -> Manifest:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(db, name, Component.SIDECAR, {names.KEY_LABEL: names.PROTECTION_KEY}),
        "spec": {"podSelector": pods, "policyTypes": ["Ingress"], "ingress": ingress},
    }
