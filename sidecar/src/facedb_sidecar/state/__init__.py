"""The state of the user: settings, fingerprints, and the tables of the queue. Everything here blocks."""

from facedb_sidecar.state.errors import StateError
from facedb_sidecar.state.fingerprints import (
    FingerprintCounts,
    FingerprintFace,
    ImageFingerprint,
    SceneFingerprint,
)
from facedb_sidecar.state.preferences import Preferences
from facedb_sidecar.state.store import StateStore

__all__ = [
    "FingerprintCounts",
    "FingerprintFace",
    "ImageFingerprint",
    "Preferences",
    "SceneFingerprint",
    "StateError",
    "StateStore",
]
