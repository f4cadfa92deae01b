"""What a serving pod may ask of the API server: its own FaceDatabase, nothing else. Pure.

Reading it is what ``/database/overview`` and its like answer from. Patching it is for the annotations
``approve``, ``retry`` and ``rollback``, which Stash's page asks for: RBAC knows whole objects only, so the
chart's ValidatingAdmissionPolicy refuses every other change by these accounts.
"""

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import Manifest, metadata
from facedb_operator.spec import FaceDatabase

RBAC = "rbac.authorization.k8s.io"


def access(db: FaceDatabase) -> tuple[Manifest, Manifest, Manifest]:
    """The account, its Role and the binding, in the order in which they must be made."""
    name = names.sidecar_account(db.name)
    meta = metadata(db, name, Component.SIDECAR, {names.KEY_LABEL: names.ACCESS_KEY})
    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": meta,
        # Only pods that mount a token of it by themselves have one.
        "automountServiceAccountToken": False,
    }
    rule = {
        "apiGroups": [names.GROUP],
        "resources": [names.PLURAL],
        "resourceNames": [db.name],
        "verbs": ["get", "patch"],
    }
    role = {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": meta, "rules": [rule]}
    binding = {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": meta,
        "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": db.namespace}],
    }
    return account, role, binding
