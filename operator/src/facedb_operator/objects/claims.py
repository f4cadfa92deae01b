"""Volume claims: of a release, of the models, of the users' state. Pure: builders that call nothing."""

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import Manifest, metadata
from facedb_operator.spec import FaceDatabase


def claim(db: FaceDatabase, component: Component) -> Manifest:
    """The claim for the desired release, for the models, or for the users' state."""
    name, labels, size, class_name, retain = _volume(db, component)
    spec: Manifest = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": size}},
    }
    if class_name is not None:
        spec["storageClassName"] = class_name
    meta = metadata(db, name, component, labels)
    meta["annotations"] = {names.SIZE_ANNOTATION: size}
    if retain:
        del meta["ownerReferences"]
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}


def _volume(db: FaceDatabase, component: Component) -> tuple[str, dict[str, str], str, str | None, bool]:
    """Name, labels, size, storage class of a claim, and whether it outlives its database."""
    if component is Component.STATE:
        state = db.sidecar.state
        return db.state_claim_name, {}, state.size, state.class_name, state.retain
    labels = {names.KEY_LABEL: db.models_key}
    if component is Component.MODELS:
        return db.models_claim_name, labels, db.storage.models_size, db.storage.class_name, db.retain
    labels = {names.KEY_LABEL: db.release_key, names.VERSION_LABEL: db.version}
    return db.claim_name, labels, db.storage.size, db.storage.class_name, db.retain
