"""The body of a FaceDatabase → one frozen, typed value. Dicts end here.

Pure. The CRD's schema has already refused most mistakes; what it cannot see is refused here with
``InvalidSpec``, which names the field.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from facedb_operator.record import parse_record
from facedb_operator.spec.channel import read_channel
from facedb_operator.spec.database import FaceDatabase
from facedb_operator.spec.errors import InvalidSpec
from facedb_operator.spec.fields import switch
from facedb_operator.spec.models import read_models
from facedb_operator.spec.network import Network
from facedb_operator.spec.rollout import read_rollout
from facedb_operator.spec.sidecar import read_sidecar
from facedb_operator.spec.sources import read_source
from facedb_operator.spec.storage import read_storage
from facedb_operator.spec.verbs import read_verbs
from facedb_operator.spec.verification import read_verification

GITHUB: Final = {"repository": "carrotwaxr/stash-sense-data"}

__all__ = ["FaceDatabase", "InvalidSpec", "parse_spec"]


def parse_spec(
    body: Mapping[str, Any], *, default_image: str, network: Network | None = None
) -> FaceDatabase:
    """Read a FaceDatabase.

    Args:
        body: the object as the API server returns it, defaults filled in.
        default_image: the sidecar image where ``spec.sidecar.image`` is absent.
        network: where a source does not say how it is reached.

    Raises:
        InvalidSpec: a field cannot be acted on.
    """
    meta, spec = body["metadata"], body.get("spec") or {}
    record = parse_record(body.get("status") or {})
    channel = read_channel(spec.get("channel"))
    if bool(spec.get("version")) is (channel is not None):
        why = "must have exactly one of version and channel"
        raise InvalidSpec("spec", why)
    db = FaceDatabase(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        generation=meta.get("generation", 0),
        version=record.chosen or "" if channel is not None else str(spec["version"]),
        channel=channel,
        digest=spec.get("digest"),
        source=read_source(spec.get("source", {"github": {}}), "spec.source", GITHUB),
        models=read_models(spec.get("models") or {}),
        verification=read_verification(spec.get("verification") or {}),
        storage=read_storage(spec.get("storage") or {}),
        sidecar=read_sidecar(spec.get("sidecar") or {}, default_image),
        rollout=read_rollout(spec.get("rollout") or {}),
        suspend=bool(spec.get("suspend", False)),
        retain=switch(spec.get("deletionPolicy", "Delete"), "Retain", "Delete", "spec.deletionPolicy"),
        verbs=read_verbs(meta.get("annotations") or {}),
        record=record,
        network=network or Network(),
    )
    return _with_the_same_bytes(db)


def _with_the_same_bytes(db: FaceDatabase) -> FaceDatabase:
    """Where nobody pins a digest any more, the version that is good already stays the release that it is.

    Else a pinned version that moves to a channel would have another key, and be fetched again.
    """
    good = db.record.last_good
    if db.digest is not None or good is None or good.version != db.version:
        return db
    pinned = replace(db, digest=good.digest)
    return pinned if pinned.release_key == good.release_key else db
