"""Volume claims: of a release, of the models, of the users' state. Pure: builders that call nothing."""

from facedb_operator import names
from facedb_operator.facts import Snapshot
from facedb_operator.names import Component
from facedb_operator.objects.fragments import Manifest, metadata, snapshot_source
from facedb_operator.spec import FaceDatabase
from facedb_operator.spec.sizes import claim_size
from facedb_operator.steps import CreateClaim, RestoreClaim


def claim(db: FaceDatabase, step: CreateClaim) -> Manifest:
    """The claim for the desired or the last good release, for the models, or for the users' state."""
    if step.component is Component.STATE:
        state = db.sidecar.state
        return _claim(db, db.state_claim_name, step, {}, state.class_name, retain=state.retain)
    db = (db.at(step.again) if step.again is not None else None) or db
    kept, class_name = db.retain, db.storage.class_name
    if step.component is Component.MODELS:
        labels = {names.KEY_LABEL: db.models_key}
        return _claim(db, db.models_claim_name, step, labels, class_name, retain=kept)
    labels = {names.KEY_LABEL: db.release_key, names.VERSION_LABEL: db.version}
    return _claim(db, db.claim_name, step, labels, class_name, retain=kept)


def restored_claim(db: FaceDatabase, step: RestoreClaim) -> Manifest:
    """A verified release's claim again: what its snapshot holds, and the verdict that it carries."""
    kept: Snapshot = step.snapshot
    labels = {names.KEY_LABEL: kept.release_key, names.VERSION_LABEL: kept.version}
    made = CreateClaim(Component.RELEASE, kept.restore_size or claim_size(db), snapshot=kept.name)
    manifest = _claim(db, step.claim, made, labels, db.storage.class_name, retain=db.retain)
    manifest["metadata"]["annotations"][names.RECEIPT_ANNOTATION] = kept.verified.to_json()
    return manifest


def _claim(
    db: FaceDatabase,
    name: str,
    step: CreateClaim,
    labels: dict[str, str],
    class_name: str | None,
    *,
    retain: bool,
) -> Manifest:
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": step.size}},
    }
    if class_name is not None:
        spec["storageClassName"] = class_name
    meta = metadata(db, name, step.component, labels)
    kept = {names.SIZE_ANNOTATION: step.size, names.CLASS_ANNOTATION: class_name or ""}
    meta["annotations"] = {**kept, **names.SPARED_BY_ARGOCD}
    if step.snapshot is not None:
        spec["dataSource"] = snapshot_source(step.snapshot)
        meta["annotations"][names.SNAPSHOT_ANNOTATION] = step.snapshot
    if retain:
        del meta["ownerReferences"]
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}
