"""Optional signals beside the face: bodies and tattoos change the order of matches, and nothing else.

``load_signals`` and ``Signals.evidence`` never raise: what cannot be had is missing, with the reason, and
what fails on one image is no evidence, counted.
"""

from __future__ import annotations

from facedb_sidecar.engine.signals.evidence import NOTHING, Evidence, Proportions, Tattoos, Wanted, merged
from facedb_sidecar.engine.signals.rerank import (
    RERANKED,
    RERANKED_DISTANCE,
    rerank,
    score,
)
from facedb_sidecar.engine.signals.signals import (
    NO_SIGNALS,
    SWITCHED_OFF,
    Signals,
    load_signals,
    tattoo_files_present,
)

__all__ = [
    "NOTHING",
    "NO_SIGNALS",
    "RERANKED",
    "RERANKED_DISTANCE",
    "SWITCHED_OFF",
    "Evidence",
    "Proportions",
    "Signals",
    "Tattoos",
    "Wanted",
    "load_signals",
    "merged",
    "rerank",
    "score",
    "tattoo_files_present",
]
