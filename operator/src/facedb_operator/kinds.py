"""The kinds of objects that the operator reads and writes, and where their URLs are. Pure."""

from dataclasses import dataclass
from typing import Any, Final

from facedb_operator import names


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. ``api`` is its group and version, as in ``apiVersion``."""

    api: str
    name: str
    plural: str

    def path(self, namespace: str = "", name: str = "", sub: str = "") -> str:
        """The URL path of all of them, of a namespace's, of one, or of one's subresource."""
        root = f"/api/{self.api}" if "/" not in self.api else f"/apis/{self.api}"
        parts = (root, f"namespaces/{namespace}" if namespace else "", self.plural, name, sub)
        return "/".join(part for part in parts if part)


RBAC: Final = "rbac.authorization.k8s.io/v1"
SNAPSHOT_API: Final = f"{names.SNAPSHOT_GROUP}/v1"

DATABASE: Final = Kind(names.API_VERSION, names.KIND, names.PLURAL)
CLAIM: Final = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
POD: Final = Kind("v1", "Pod", "pods")
SERVICE: Final = Kind("v1", "Service", "services")
JOB: Final = Kind("batch/v1", "Job", "jobs")
DEPLOYMENT: Final = Kind("apps/v1", "Deployment", "deployments")
BUDGET: Final = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
POLICY: Final = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
SNAPSHOT: Final = Kind(SNAPSHOT_API, "VolumeSnapshot", "volumesnapshots")
SNAPSHOT_CLASS: Final = Kind(SNAPSHOT_API, "VolumeSnapshotClass", "volumesnapshotclasses")
STORAGE_CLASS: Final = Kind("storage.k8s.io/v1", "StorageClass", "storageclasses")
ACCOUNT: Final = Kind("v1", "ServiceAccount", "serviceaccounts")
ROLE: Final = Kind(RBAC, "Role", "roles")
BINDING: Final = Kind(RBAC, "RoleBinding", "rolebindings")
EVENT: Final = Kind("v1", "Event", "events")
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases")

# Of the sidecar's access: read by name, since nobody should let the operator list other people's Roles.
ACCESS: Final = (ACCOUNT, ROLE, BINDING)
# Children of a database that are followed by watches with our own labels.
CHILDREN: Final = (CLAIM, POD, SERVICE, JOB, DEPLOYMENT, BUDGET, POLICY, SNAPSHOT)
ALL: Final = (DATABASE, *CHILDREN, SNAPSHOT_CLASS, STORAGE_CLASS, *ACCESS, EVENT, LEASE)

_BY_NAME: Final = {(kind.api, kind.name): kind for kind in ALL}


def kind_of(manifest: dict[str, Any]) -> Kind:
    """The kind of a whole object.

    Raises:
        KeyError: the operator has nothing to do with such objects.
    """
    return _BY_NAME[manifest["apiVersion"], manifest["kind"]]
