"""Storage classes and snapshot classes → what the cluster can do for one database. Pure."""

from collections.abc import Iterable

from facedb_operator.facts import Cluster
from facedb_operator.observe.readings import VolumeKind
from facedb_operator.spec.storage import Storage


def cluster_of(
    storage: Storage,
    classes: Iterable[VolumeKind] | None,
    snapshot_classes: Iterable[VolumeKind] | None,
    *,
    snapshots: bool,
) -> Cluster:
    """What the cluster can do for volumes of this storage class.

    Args:
        storage: what the spec asks for.
        classes: the StorageClasses; None where they may not be read.
        snapshot_classes: the VolumeSnapshotClasses; None where there are none to be read.
        snapshots: whether VolumeSnapshots are served, and to us.
    """
    found = _storage_class(storage.class_name, classes or ())
    waits = found.waits_for_consumer if found else True
    if not snapshots:
        return Cluster(None, waits)
    if storage.snapshot_class:
        return Cluster(storage.snapshot_class, waits)
    if found is None:
        return Cluster(None, waits)
    fitting = [c for c in snapshot_classes or () if c.driver == found.driver]
    best = min(fitting, key=lambda c: (not c.default, c.name), default=None)
    return Cluster(best.name if best else None, waits)


def _storage_class(name: str | None, classes: Iterable[VolumeKind]) -> VolumeKind | None:
    """The class of this name; without a name the default one, as the API server would choose it.

    Of several it takes the one made last, and of those the first by name.
    https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass
    """
    if name is not None:
        return next((c for c in classes if c.name == name), None)
    by_name = sorted((c for c in classes if c.default), key=lambda c: c.name)
    # The first of those that are alike.
    return max(by_name, key=lambda c: c.created, default=None)
