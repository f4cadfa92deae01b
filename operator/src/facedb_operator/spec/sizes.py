"""How large a release's volume is made. Pure."""

from typing import Final

from facedb_operator.spec.database import FaceDatabase

GI: Final = 2**30
MI: Final = 2**20
# Until somebody has said what the release takes.
DEFAULT_SIZE: Final = "4Gi"
LEAST_SIZE: Final = GI


def claim_size(db: FaceDatabase) -> str:
    """The size of the desired release's claim: the spec's, else what the release takes, else 4Gi."""
    return db.storage.size or derived_size(db) or DEFAULT_SIZE


def derived_size(db: FaceDatabase) -> str | None:
    """What the release takes and a quarter more, at least 1Gi, in whole Mi; None while nobody has said it."""
    found = db.record.available
    if found is None or found.version != db.version or found.unpacked_bytes is None:
        return None
    wanted = max(LEAST_SIZE, found.unpacked_bytes * 5 // 4)
    return f"{-(-wanted // MI)}Mi"
