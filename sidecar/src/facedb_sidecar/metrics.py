"""Prometheus metrics of the sidecar. Counted where things happen; read from the parts when somebody scrapes.

The process's memory, CPU time and open files come from the library's own collector, as ``process_*``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from facedb_sidecar.engine import Engine, Identification
    from facedb_sidecar.serving import Serving

CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST
# Identification takes 20 ms on a GPU and minutes for a scene on a CPU.
REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180)
STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
STATES = ("loading", "ready", "failed", "updating")

REQUESTS = Counter("facedb_sidecar_requests", "Requests answered", ("path", "status"))
SECONDS = Histogram(
    "facedb_sidecar_request_seconds", "Seconds until the answer", ("path",), buckets=REQUEST_BUCKETS
)
REJECTIONS = Counter("facedb_sidecar_rejections", "Requests refused before their body was read", ("reason",))
FAILURES = Counter("facedb_sidecar_failures", "Requests that ended in an unforeseen error")
STAGES = Histogram(
    "facedb_sidecar_stage_seconds",
    "Seconds of one stage of one image: decode, wait, detect, embed, match, signals",
    ("stage",),
    buckets=STAGE_BUCKETS,
)
FACES_FOUND = Counter("facedb_sidecar_faces_found", "Faces found in images")
SWAPS = Counter("facedb_sidecar_swaps", "Releases put in place of another without a restart", ("result",))
RELEASE = Gauge("facedb_sidecar_release_info", "The release that is loaded", ("version", "provider"))
FACES = Gauge("facedb_sidecar_faces", "Faces in the loaded release, gaps included")
PERFORMERS = Gauge("facedb_sidecar_performers", "Performers in the loaded release")
INDEXED = Gauge("facedb_sidecar_index_vectors", "Vectors of an index of the loaded release", ("index",))
SIGNAL_FAILURES = Gauge(
    "facedb_sidecar_signal_failures", "Images on which a signal failed, since the load", ("signal",)
)
STATE = Gauge("facedb_sidecar_state", "1 for the state that the sidecar is in", ("state",))
PLACES = Gauge("facedb_sidecar_identify_requests", "Requests to be identified that are in the house")
PLACE_BYTES = Gauge("facedb_sidecar_identify_body_bytes", "Bytes of those requests' bodies")


def record_request(path: str, status: int, seconds: float) -> None:
    """Count an answer under its route's path."""
    count, times = _of_path(path, status)
    count.inc()
    times.observe(seconds)


@lru_cache(maxsize=1024)
def _of_path(path: str, status: int) -> tuple[Counter, Histogram]:
    """The two series; to find them takes longer than to count."""
    return REQUESTS.labels(path, str(status)), SECONDS.labels(path)


def record_stage(stage: str, seconds: float) -> None:
    """Count one stage of one image."""
    STAGES.labels(stage).observe(seconds)


def record_identification(found: Identification) -> None:
    """Count one image's stages and faces."""
    timing = found.timing
    record_stage("detect", timing.detection_ms / 1000)
    record_stage("embed", timing.embedding_ms / 1000)
    record_stage("match", timing.matching_ms / 1000)
    if timing.signals_ms:
        record_stage("signals", timing.signals_ms / 1000)
    FACES_FOUND.inc(len(found))


def exposition(serving: Serving) -> bytes:
    """The text that a scraper reads, with the present facts in it."""
    _record_release(serving.engine)
    state = "updating" if serving.updating else serving.state.value
    for each in STATES:
        STATE.labels(each).set(each == state)
    PLACES.set(serving.places.taken)
    PLACE_BYTES.set(serving.places.bytes)
    return prometheus_client.generate_latest()


def _record_release(engine: Engine | None) -> None:
    RELEASE.clear()
    SIGNAL_FAILURES.clear()
    if engine is None:
        return
    RELEASE.labels(engine.receipt.version, engine.models.device.provider).set(1)
    FACES.set(engine.catalog.face_count)
    PERFORMERS.set(engine.catalog.performer_count)
    INDEXED.labels("facenet").set(len(engine.facenet))
    INDEXED.labels("arcface").set(len(engine.arcface))
    for signal, count in engine.signals.failures().items():
        SIGNAL_FAILURES.labels(signal).set(count)
