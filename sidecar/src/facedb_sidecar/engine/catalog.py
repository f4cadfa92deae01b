"""faces.json and performers.json of a release → who a face belongs to, held small.

A release has 366,794 faces of 108,001 performers: as Python values 157 MiB, here 20. Each face is a number,
all performers lie in one piece of bytes, and a Performer is made only for an answer. Called by the engine.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.slices import Sliced

GAP = -1


class Performer(msgspec.Struct, frozen=True, array_like=True):
    """A performer as a match shows it. ``endpoint`` is a stash-box domain such as stashdb.org."""

    universal_id: str
    endpoint: str | None
    stashbox_id: str
    name: str
    country: str | None
    image_url: str | None


class _Stored(msgspec.Struct):
    """A value of performers.json; other keys are ignored."""

    name: str | None = None
    country: str | None = None
    image_url: str | None = None


_STORED = msgspec.json.Decoder(_Stored)
_PERFORMERS = Sliced(msgspec.json.Decoder(dict[str, msgspec.Raw]), re.compile(rb'\}(\s*,\s*)"'))
_FACES = Sliced(msgspec.json.Decoder(list[str | None]), re.compile(rb'(?:"|null)(\s*,\s*)(?:"|null)'))
_KEPT = msgspec.msgpack.Decoder(Performer)
_KEEP = msgspec.msgpack.Encoder()


@dataclass(frozen=True)
class Catalog:
    """Who each face belongs to.

    Attributes:
        owners: (n + 1,) int32, by label: which performer; -1 for a deleted face (a gap), and at the end.
        performer_count: those of performers.json.
    """

    owners: npt.NDArray[np.int32] = field(repr=False)
    performer_count: int
    _bytes: bytes = field(repr=False)
    _ends: npt.NDArray[np.int64] = field(repr=False)

    @property
    def face_count(self) -> int:
        """Labels, gaps included."""
        return len(self.owners) - 1

    def known(self, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Which labels, 0 or more, stand for somebody: no gap, and not beyond the end."""
        found: npt.NDArray[np.bool_] = self.owners.take(labels, mode="clip") != GAP
        return found

    def of_face(self, label: int) -> Performer | None:
        """The performer of a face; None for a gap or a label beyond the end."""
        owner = int(self.owners[label]) if 0 <= label < len(self.owners) else GAP
        if owner == GAP:
            return None
        start = int(self._ends[owner - 1]) if owner else 0
        return _KEPT.decode(memoryview(self._bytes)[start : int(self._ends[owner])])

    @classmethod
    def of(cls, faces: Sequence[str | None], performers: Mapping[str, Mapping[str, object]]) -> Catalog:
        """The catalog of these two maps."""
        return _catalog(msgspec.json.encode(faces), msgspec.json.encode(performers))


def load_catalog(folder: Path) -> Catalog:
    """Read both maps.

    Raises:
        LoadError: InvalidCatalog when one is missing or not of its shape.
    """
    catalog = _catalog(_read(folder / "faces.json"), _read(folder / "performers.json"))
    _give_back()
    return catalog


def _catalog(faces_json: bytes, performers_json: bytes) -> Catalog:
    """Parse both maps.

    Raises:
        LoadError: InvalidCatalog.
    """
    kept = bytearray()
    ends: list[int] = []
    places: dict[str | None, int] = {None: GAP}

    def keep(universal_id: str, name: str | None, country: str | None, image_url: str | None) -> None:
        places[universal_id] = len(ends)
        # Only the first colon divides: an id may hold others.
        endpoint, colon, rest = universal_id.partition(":")
        ids = (endpoint, rest) if colon else (None, universal_id)
        _KEEP.encode_into(
            (universal_id, *ids, "Unknown" if name is None else name, country, image_url), kept, -1
        )
        ends.append(len(kept))

    with _Shape("performers.json must be an object of objects with name, country and image_url"):
        for part in _PERFORMERS.parts(performers_json):
            for universal_id, raw in part.items():
                stored = _STORED.decode(raw)
                keep(universal_id, stored.name, stored.country, stored.image_url)
    count = len(ends)
    owners = []
    with _Shape("faces.json must be an array of ids and nulls"):
        for faces in _FACES.parts(faces_json):
            # Faces of somebody who is not among the performers: shown as Unknown.
            for unknown in set(faces).difference(places):
                keep(str(unknown), None, None, None)
            owners.append(np.fromiter(map(places.__getitem__, faces), np.int32, len(faces)))
    owners.append(np.array([GAP], np.int32))
    return Catalog(np.concatenate(owners), count, bytes(kept), np.array(ends, np.int64))


class _Shape:
    """Turns what msgspec says into a LoadError."""

    def __init__(self, expected: str) -> None:
        self._expected = expected

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
            raise LoadError("InvalidCatalog", f"{self._expected}: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LoadError("InvalidCatalog", f"{path.name} cannot be read: {error}") from error


def _give_back() -> None:
    """Let the C library return what parsing took: it would keep it for later, up to 100 MiB (measured)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
