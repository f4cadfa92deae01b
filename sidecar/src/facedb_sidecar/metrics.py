"""Prometheus metrics of the sidecar."""

from fastapi import Request, Response
from prometheus_client import Counter, Gauge, Histogram

from facedb_sidecar.engine import Engine

REQUESTS = Counter("facedb_sidecar_requests", "Requests answered", ("path", "status"))
SECONDS = Histogram("facedb_sidecar_request_seconds", "Seconds until the answer", ("path",))
RELEASE = Gauge("facedb_sidecar_release_info", "The release that is loaded", ("version", "provider"))
FACES = Gauge("facedb_sidecar_faces", "Faces in the loaded release, gaps included")


def record_request(request: Request, response: Response, seconds: float) -> None:
    """Count an answer under its route's path; unknown paths share one label."""
    route = request.scope.get("route")
    path = getattr(route, "path", "other")
    REQUESTS.labels(path, str(response.status_code)).inc()
    SECONDS.labels(path).observe(seconds)


def record_release(engine: Engine | None) -> None:
    """Say which release is loaded."""
    RELEASE.clear()
    if engine is not None:
        RELEASE.labels(engine.receipt.version, engine.models.device.provider).set(1)
        FACES.set(len(engine.catalog.faces))
