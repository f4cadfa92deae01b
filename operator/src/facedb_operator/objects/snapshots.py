"""The VolumeSnapshot of a verified release. Pure: a builder that calls nothing."""

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import Manifest, metadata
from facedb_operator.spec import FaceDatabase
from facedb_operator.steps import CreateSnapshot


def snapshot(db: FaceDatabase, step: CreateSnapshot) -> Manifest:
    """The snapshot of a claim that was verified; it carries the claim's verdict."""
    labels = {names.KEY_LABEL: step.release_key, names.VERSION_LABEL: step.version}
    name = names.snapshot(db.name, step.version, step.release_key)
    meta = metadata(db, name, Component.RELEASE, labels)
    meta["annotations"] = {names.RECEIPT_ANNOTATION: step.facts.to_json(), **names.SPARED_BY_ARGOCD}
    if db.retain:
        del meta["ownerReferences"]
    return {
        "apiVersion": f"{names.SNAPSHOT_GROUP}/v1",
        "kind": "VolumeSnapshot",
        "metadata": meta,
        "spec": {
            "volumeSnapshotClassName": step.snapshot_class,
            "source": {"persistentVolumeClaimName": step.claim},
        },
    }
