"""tattoo_embeddings.voy and .json of a release → whose tattoos are alike.

The pair may be older than the release, or nobody's: what no receipt vouches for is walked through and opened
by a process of its own first, because voyager can kill its process on a damaged file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import voyager

from facedb_release.errors import ReleaseError
from facedb_release.receipt import read_receipt
from facedb_release.verify.index import check_opens, read_header
from facedb_sidecar.engine.signals.sessions import SignalUnavailable
from facedb_sidecar.engine.signals.tattoos import DIMENSIONS

INDEX_FILE = "tattoo_embeddings.voy"
MAP_FILE = "tattoo_embeddings.json"
NEIGHBOURS = 10
# As wide as the face indices are searched: voyager's own default of 10 misses most nearest neighbours.
QUERY_EF = 200
MOST_MAP_BYTES = 1 << 30
CHECKED_VECTORS = 20
CHECK_SECONDS = 300.0
CHECK_EXTRA_BYTES = 1 << 30


class _Owner(msgspec.Struct):
    universal_id: str


@dataclass(frozen=True)
class TattooIndex:
    """The tattoos of a release. Immutable; safe to ask from several threads.

    Attributes:
        index: voyager's, 1280 dimensions, cosine.
        owners: (n,) int32 by label: place in ``performers``, -1 for a gap.
        performers: universal ids, each once.
        known: the same as a set.
    """

    index: Any
    owners: npt.NDArray[np.int32]
    performers: tuple[str, ...]
    known: frozenset[str]

    def similar(self, embeddings: npt.NDArray[np.float32]) -> dict[str, float]:
        """(n, 1280) float32 → universal id → the best similarity in [0, 1] of any of them."""
        best: dict[str, float] = {}
        for embedding in embeddings:
            labels, distances = self._nearest(embedding)
            for label, distance in zip(labels.tolist(), distances.tolist(), strict=True):
                owner = int(self.owners[label]) if label < len(self.owners) else -1
                if owner >= 0 and distance == distance:
                    who = self.performers[owner]
                    best[who] = max(best.get(who, 0.0), min(1.0, max(0.0, 1.0 - distance)))
        return best

    def _nearest(self, embedding: npt.NDArray[np.float32]) -> tuple[Any, Any]:
        k = min(NEIGHBOURS, len(self.index))
        while True:
            try:
                labels, distances = self.index.query(embedding, k=k, query_ef=max(QUERY_EF, k))
                return labels, distances
            except voyager.RecallError:
                # Fewer than k are reached from where the search came down.
                if k <= 1:
                    raise
                k //= 2


def open_tattoo_index(release_dir: Path) -> TattooIndex:
    """Open the pair.

    Raises:
        SignalUnavailable: one is missing, damaged, or does not fit the other.
    """
    path = release_dir / INDEX_FILE
    owners = _read_map(release_dir / MAP_FILE)
    if not path.is_file():
        raise SignalUnavailable(f"the release has no {INDEX_FILE}")
    _check(path, len(owners), vouched=_vouched(release_dir))
    try:
        index = voyager.Index.load(str(path))
    except (RuntimeError, ValueError, OSError) as error:
        raise SignalUnavailable(f"{INDEX_FILE} cannot be opened: {error}") from error
    performers = tuple(dict.fromkeys(owner for owner in owners if owner is not None))
    places = {who: place for place, who in enumerate(performers)}
    places_by_label = (-1 if owner is None else places[owner] for owner in owners)
    return TattooIndex(index, np.fromiter(places_by_label, np.int32), performers, frozenset(performers))


def _read_map(path: Path) -> list[str | None]:
    try:
        if path.stat().st_size > MOST_MAP_BYTES:
            raise SignalUnavailable(f"{MAP_FILE} is larger than {MOST_MAP_BYTES >> 20} MiB")
        entries = msgspec.json.decode(path.read_bytes(), type=list[_Owner | None])
    except FileNotFoundError as error:
        raise SignalUnavailable(f"the release has no {MAP_FILE}") from error
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise SignalUnavailable(f"{MAP_FILE} cannot be read: {error}") from error
    return [None if entry is None else entry.universal_id for entry in entries]


def _check(path: Path, labels: int, *, vouched: bool) -> None:
    try:
        header = read_header(path)
        if (header.dimensions, header.count) != (DIMENSIONS, labels):
            found = f"{header.count} vectors of {header.dimensions}"
            raise SignalUnavailable(
                f"{INDEX_FILE} holds {found} numbers; expected {labels} of {DIMENSIONS}, as {MAP_FILE} says"
            )
        if not vouched:
            for _ in check_opens(
                path,
                labels=range(header.count),
                sample=CHECKED_VECTORS,
                seconds=CHECK_SECONDS,
                extra_bytes=CHECK_EXTRA_BYTES,
            ):
                pass
    except (ReleaseError, OSError) as error:
        raise SignalUnavailable(f"{INDEX_FILE} cannot serve: {error}") from error


def _vouched(release_dir: Path) -> bool:
    """Whether both files are those that were verified when the release was fetched."""
    try:
        names: Sequence[str] = [record.name for record in read_receipt(release_dir).files]
    except ReleaseError:
        return False
    return INDEX_FILE in names and MAP_FILE in names
