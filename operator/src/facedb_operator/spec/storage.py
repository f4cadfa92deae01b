"""Where releases are kept. Pure."""

from dataclasses import dataclass
from enum import Enum

from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import Raw, quantity, word


class Keeping(Enum):
    """How old releases are kept: each on its own volume, or as snapshots only. AUTO: by what there is."""

    AUTO = "Auto"
    VOLUME = "Volume"
    SNAPSHOT = "Snapshot"


class Distribution(Enum):
    """Whether pods share the release's volume, or each has its own, restored from the snapshot."""

    SHARED = "Shared"
    PER_POD = "PerPod"


@dataclass(frozen=True)
class Storage:
    """Volumes: one claim per release. ``keep`` counts verified releases, the last good one always.

    ``size`` is a Kubernetes quantity; None: what the release takes, and a margin.
    """

    class_name: str | None
    size: str | None
    models_size: str
    keep: int
    keeping: Keeping
    snapshot_class: str | None
    distribution: Distribution


def read_storage(raw: Raw) -> Storage:
    """Read ``spec.storage``.

    Raises:
        InvalidSpec: a size is none, or pods shall have their own volumes without snapshots to make them from.
    """
    path, size = "spec.storage", raw.get("size")
    keeping = word(Keeping, raw.get("strategy", "Auto"), f"{path}.strategy")
    distribution = word(Distribution, raw.get("distribution", "Shared"), f"{path}.distribution")
    if distribution is Distribution.PER_POD and keeping is Keeping.VOLUME:
        raise InvalidSpec(f"{path}.distribution", "is PerPod; that needs the strategy Snapshot or Auto")
    return Storage(
        class_name=raw.get("storageClassName"),
        size=None if size is None else quantity(size, f"{path}.size"),
        models_size=quantity(raw.get("modelsSize", "1Gi"), f"{path}.modelsSize"),
        keep=int(raw.get("keep", 2)),
        keeping=keeping,
        snapshot_class=raw.get("volumeSnapshotClassName"),
        distribution=distribution,
    )
