"""Where releases are kept. Pure."""

from dataclasses import dataclass
from enum import Enum

from facedb_operator.spec.fields import Raw


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
    """Read ``spec.storage``."""
    return Storage(
        class_name=raw.get("storageClassName"),
        size=raw.get("size"),
        models_size=str(raw.get("modelsSize", "1Gi")),
        keep=int(raw.get("keep", 2)),
        keeping=Keeping(raw.get("strategy", "Auto")),
        snapshot_class=raw.get("volumeSnapshotClassName"),
        distribution=Distribution(raw.get("distribution", "Shared")),
    )
