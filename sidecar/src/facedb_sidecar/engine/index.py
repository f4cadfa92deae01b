"""A voyager index of a release: opened whole, checked, asked for neighbours."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import voyager

from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.models import EMBEDDING_DIM

# voyager's own default of 10 finds the nearest neighbour of 366,794 faces in 42 % of queries, 200 in 98 %,
# at 2 ms a query (measured).
QUERY_EF = 200
# For what that misses in the self-check: at full scale a graph that was built hastily loses 26 in 100 at 200,
# and 1 in 100 here (measured). Poor is not damaged.
WIDE_EF = 2000
# A stored vector's distance from itself, or from the same photo under another label: 0 but for rounding.
SELF_DISTANCE = 1e-3
SAMPLES = 50
NEAR = 10
# A good graph leaves a few vectors where no search finds them: 16 of 10,000 at ef 200 (measured).
NEEDED_SHARE = 0.9

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Neighbours:
    """(k,) uint64 labels and (k,) float32 cosine distances in [0, 2], nearest first."""

    labels: npt.NDArray[np.uint64]
    distances: npt.NDArray[np.float32]


@dataclass(frozen=True)
class FaceIndex:
    """An opened index. Immutable; safe to ask from several threads."""

    name: str
    index: Any

    def __len__(self) -> int:
        return len(self.index)

    def query(self, vector: Vector, k: int, *, ef: int = QUERY_EF) -> Neighbours:
        """The nearest ``k`` faces of a (512,) vector of any length; fewer where a search finds fewer."""
        k = min(k, len(self.index))
        while True:
            try:
                labels, distances = self.index.query(vector, k=k, query_ef=max(ef, k))
                return Neighbours(labels, distances)
            except voyager.RecallError:
                # Fewer than k elements, or fewer that can be reached from where the search came down: the
                # same photo many times is an island in the graph.
                if k <= 1:
                    raise
                k //= 2

    def self_check(self) -> int:
        """Ask for stored vectors, evenly spread: nine in ten must find themselves.

        Returns:
            How many were asked.

        Raises:
            LoadError: CorruptIndex.
        """
        samples = min(SAMPLES, len(self.index))
        labels = np.unique(np.linspace(0, len(self.index) - 1, samples).astype(np.int64)).tolist()
        lost = [n for n in labels if not (self._finds(n, QUERY_EF) or self._finds(n, WIDE_EF))]
        if len(labels) - len(lost) < NEEDED_SHARE * len(labels):
            message = (
                f"{self.name}: {len(lost)} of {len(labels)} faces do not find themselves, {lost[0]} first."
            )
            raise LoadError("CorruptIndex", message)
        return len(labels)

    def _finds(self, label: int, ef: int) -> bool:
        """Whether a stored vector finds itself, or its like, among its nearest.

        Raises:
            LoadError: CorruptIndex, where a number of it is none: every answer with it would be one too.
        """
        try:
            vector = self.index.get_vector(label)
            found = self.query(vector, NEAR, ef=ef)
        except (RuntimeError, voyager.RecallError):
            # Marked as deleted, or out of reach.
            return False
        if not (np.isfinite(vector).all() and np.isfinite(found.distances).all()):
            raise LoadError("CorruptIndex", f"{self.name}: face {label} holds what is no number.")
        return bool((found.labels == label).any() or found.distances[0] < SELF_DISTANCE)


def open_index(path: Path) -> FaceIndex:
    """Open an index of 512-d embeddings in cosine space.

    Raises:
        LoadError: CorruptIndex when voyager cannot read it or its dimension or space is another.
    """
    try:
        index = voyager.Index.load(str(path))
    except (RuntimeError, ValueError, OSError) as error:
        raise LoadError("CorruptIndex", f"{path.name} cannot be opened: {error}") from error
    if index.num_dimensions != EMBEDDING_DIM or index.space is not voyager.Space.Cosine:
        found = f"{index.num_dimensions} dimensions in {index.space}"
        raise LoadError("CorruptIndex", f"{path.name} has {found}; expected {EMBEDDING_DIM} in Cosine.")
    return FaceIndex(path.name, index)
