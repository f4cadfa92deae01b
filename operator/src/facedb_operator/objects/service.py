"""The Service that all revisions of a database stand behind. Pure: a builder that calls nothing."""

from facedb_operator import names
from facedb_operator.names import Component
from facedb_operator.objects.fragments import Manifest, metadata, selector
from facedb_operator.spec import FaceDatabase


def service(db: FaceDatabase) -> Manifest:
    """The Service of a database: pods of all its revisions; the readiness gate decides which."""
    settings = db.sidecar.service
    port: Manifest = {"name": "http", "port": settings.get("port", 5000), "targetPort": "http"}
    if node_port := settings.get("nodePort"):
        port["nodePort"] = node_port
    meta = metadata(db, db.name, Component.SIDECAR, {names.KEY_LABEL: db.service_key})
    meta["annotations"] = dict(settings.get("annotations") or {})
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {
            "type": settings.get("type", "ClusterIP"),
            "selector": selector(db),
            "ports": [port],
        },
    }
