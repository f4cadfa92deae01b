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
# A stored vector's distance from itself: 0 but for float32 rounding.
SELF_DISTANCE = 1e-3
SAMPLES = 32

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

    def query(self, vector: Vector, k: int) -> Neighbours:
        """The nearest ``k`` faces of a (512,) vector of any length; fewer where the index holds fewer."""
        # voyager raises RecallError where k exceeds the number of elements.
        k = min(k, len(self.index))
        labels, distances = self.index.query(vector, k=k, query_ef=max(QUERY_EF, k))
        return Neighbours(labels, distances)

    def self_check(self) -> int:
        """Ask for stored vectors, evenly spread: each must find itself.

        Returns:
            How many were asked.

        Raises:
            LoadError: CorruptIndex.
        """
        labels = np.unique(
            np.linspace(0, len(self.index) - 1, min(SAMPLES, len(self.index))).astype(np.int64)
        )
        for label in labels:
            vector = self.index.get_vector(int(label))
            found = self.query(vector, 1)
            if found.distances[0] > SELF_DISTANCE:
                message = (
                    f"{self.name}: face {label} does not find itself (distance {found.distances[0]:.3f})."
                )
                raise LoadError("CorruptIndex", message)
        return len(labels)


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
