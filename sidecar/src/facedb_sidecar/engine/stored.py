"""A release's folder → its indices and catalog, loaded side by side and checked. Called by Engine.load."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import numpy as np

from facedb_sidecar.engine.catalog import Catalog, load_catalog
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.index import FaceIndex, Vector, open_index
from facedb_sidecar.engine.matching import Match, match_many

log = logging.getLogger(__name__)

INDICES = ("face_facenet.voy", "face_arcface.voy")


@dataclass(frozen=True)
class Quality:
    """How well and how fast a release's indices answer, measured at load as requests ask them.

    Attributes:
        recall: share of the stored faces asked for that found themselves, over both indices, 0 to 1.
        query_ms: median milliseconds of a query for one face in one index.
    """

    recall: float
    query_ms: float


@dataclass(frozen=True)
class Stored:
    """What a release holds, ready to be asked.

    Attributes:
        facenet: index of FaceNet embeddings.
        arcface: index of ArcFace embeddings, with the same labels.
        catalog: who the faces belong to.
        checked: how many stored faces found themselves.
        quality: how both answer.
    """

    facenet: FaceIndex
    arcface: FaceIndex
    catalog: Catalog
    checked: int
    quality: Quality

    def settle(self) -> None:
        """Bring both indices into memory of our own; takes a second or two, and requests may run meanwhile.

        Raises:
            MemoryError: there is none; all goes on as before.
        """
        self.facenet.store.settle()
        self.arcface.store.settle()

    def match(
        self, facenet: Sequence[Vector], arcface: Sequence[Vector], *, max_distance: float, top_k: int
    ) -> tuple[tuple[Match, ...], ...]:
        """As matching.match_many, of one (512,) embedding a face from each network."""
        if not len(facenet):
            return ()
        faces = (np.asarray(facenet, np.float32), np.asarray(arcface, np.float32))
        indices = (self.facenet, self.arcface)
        return match_many(indices, self.catalog, faces, max_distance=max_distance, top_k=top_k)


def load_stored(folder: Path, search: str = "wide") -> Stored:
    """Load and check what a release holds.

    Args:
        folder: that ``facedb fetch`` filled.
        search: ``parity``, ``wide`` or ``exact``; see index.WIDTHS.

    Returns:
        What can be asked at once, and settles in the background.

    Raises:
        LoadError: CorruptIndex, InvalidCatalog or CountMismatch.
    """
    # The maps are parsed by the interpreter, and meanwhile the indices are read and searched without it.
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="load") as aside:
        opening = [aside.submit(_checked, folder / name, search) for name in INDICES]
        catalog = load_catalog(folder)
        facenet, arcface = (each.result() for each in opening)
    if not catalog.face_count == len(facenet.index) == len(arcface.index):
        sizes = (catalog.face_count, len(facenet.index), len(arcface.index))
        counts = "faces.json {}, facenet {}, arcface {}".format(*sizes)
        raise LoadError("CountMismatch", f"The release's files hold different numbers of faces: {counts}.")
    # Alone, now that nobody else takes the interpreter: a time beside the maps' parsing would say little.
    quality = _quality(facenet, arcface)
    stored = Stored(facenet.index, arcface.index, catalog, facenet.checked + arcface.checked, quality)
    if search == "exact":
        # Every vector is read for each face: only memory of our own is fast enough for that.
        stored.settle()
    else:
        Thread(target=_settle_later, args=(stored,), name="settle", daemon=True).start()
    return stored


@dataclass(frozen=True)
class _Checked:
    """An index, how many faces its self-check asked for, and how many its recall asked for and found."""

    index: FaceIndex
    checked: int
    asked: int
    found: int


def _checked(path: Path, search: str) -> _Checked:
    index = open_index(path, search)
    return _Checked(index, index.self_check(), *index.recall())


def _quality(*sides: _Checked) -> Quality:
    times = [ms for side in sides for ms in side.index.query_times()]
    return Quality(sum(s.found for s in sides) / sum(s.asked for s in sides), statistics.median(times))


def _settle_later(stored: Stored) -> None:
    try:
        stored.settle()
    except MemoryError:
        log.warning("No memory for a copy of the indices: they are served from the mapped files.")
