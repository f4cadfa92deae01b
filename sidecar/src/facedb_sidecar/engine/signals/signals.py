"""A release and a models folder → the signals that can be had, and why the others cannot."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from facedb_sidecar.engine.faces import Box
from facedb_sidecar.engine.signals.body import pose_of, proportions_of
from facedb_sidecar.engine.signals.evidence import Evidence, Proportions, Tattoos, Wanted
from facedb_sidecar.engine.signals.performers import BodyTable, read_bodies
from facedb_sidecar.engine.signals.pose import PoseFinder, open_pose
from facedb_sidecar.engine.signals.sessions import SignalUnavailable
from facedb_sidecar.engine.signals.tattoo_index import INDEX_FILE, MAP_FILE, TattooIndex, open_tattoo_index
from facedb_sidecar.engine.signals.tattoos import (
    DETECTOR_FILE,
    EMBEDDER_FILE,
    TattooModels,
    crop_of,
    open_models,
)

SWITCHED_OFF = "switched off"
BODY, TATTOO, TATTOO_GPU = "body", "tattoo", "tattoo_gpu"

Image = npt.NDArray[np.uint8]
T = TypeVar("T")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BodySignal:
    """What finds bodies on images, and what is known of the performers'."""

    finder: PoseFinder
    table: BodyTable

    def look(self, image: Image, boxes: Sequence[Box]) -> tuple[Proportions | None, ...]:
        """(h, w, 3) uint8 RGB and boxes of faces → the proportions of each face's body, where seen."""
        poses = self.finder(image)
        owned = (pose_of(box, poses) for box in boxes)
        return tuple(proportions_of(pose) if pose is not None else None for pose in owned)


@dataclass(frozen=True)
class TattooSignal:
    """What finds tattoos on images, and whose they are."""

    models: TattooModels
    index: TattooIndex

    def look(self, image: Image) -> Tattoos:
        """(h, w, 3) uint8 RGB → its tattoos."""
        boxes = self.models.find(image)
        if not len(boxes):
            return Tattoos(0)
        embeddings = self.models.embed([crop_of(image, corners) for corners in boxes])
        return Tattoos(len(boxes), self.index.similar(embeddings))


@dataclass(frozen=True)
class _Tally:
    """How often each signal failed on an image."""

    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, reason: str) -> bool:
        """Count a failure; whether it is the first of its kind."""
        with self.lock:
            self.counts[reason] += 1
            return self.counts[reason] == 1


@dataclass(frozen=True)
class Signals:
    """The loaded signals.

    Attributes:
        body: None when missing.
        tattoo: None when missing.
        missing: ``body`` or ``tattoo`` → why there is none; ``tattoo_gpu`` → what runs on the CPU though the
            GPU was asked for, which is slower and not missing.
    """

    body: BodySignal | None = None
    tattoo: TattooSignal | None = None
    missing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    _tally: _Tally = field(default_factory=_Tally, repr=False, compare=False)

    def evidence(self, image: Image, box: Box, wanted: Wanted | None = None) -> Evidence:
        """What the signals say of one face's image; never raises.

        Args:
            image: (h, w, 3) uint8, RGB.
            box: of the face.
            wanted: what the request asks for; None asks for both.
        """
        return self.evidences(image, (box,), wanted)[0]

    def evidences(
        self, image: Image, boxes: Sequence[Box], wanted: Wanted | None = None
    ) -> tuple[Evidence, ...]:
        """The same for several faces of one image, with one run of each model."""
        asked = wanted or Wanted()
        body, tattoo = self.body, self.tattoo
        if not boxes:
            return ()
        bodies = self._try(BODY, lambda: body.look(image, boxes)) if body and asked.body else None
        tattoos = self._try(TATTOO, lambda: tattoo.look(image)) if tattoo and asked.tattoo else None
        return tuple(Evidence(found, tattoos) for found in bodies or (None,) * len(boxes))

    def shoulder_hip(self, universal_id: str) -> float | None:
        """The stored shoulder / hip of a performer, or None."""
        return self.body.table.shoulder_hip(universal_id) if self.body else None

    def has_tattoos(self, universal_id: str) -> bool:
        """Whether the release has a tattoo of this performer."""
        return self.tattoo is not None and universal_id in self.tattoo.index.known

    @property
    def tattooed_performers(self) -> int | None:
        """Performers with a tattoo in the index, as /database/info tells them; None without the signal."""
        return len(self.tattoo.index.performers) or None if self.tattoo else None

    def failures(self) -> Mapping[str, int]:
        """Signal → images on which it failed, since the load."""
        with self._tally.lock:
            return dict(self._tally.counts)

    def close(self) -> None:
        """Let go of what does not go by itself. Later evidence has no body. May be called twice."""
        if self.body is not None:
            self.body.finder.close()

    def _try(self, name: str, look: Callable[[], T]) -> T | None:
        try:
            return look()
        except Exception as error:  # noqa: BLE001 - the edge of an optional signal
            # Whatever an optional model does on an odd image, the face is still identified.
            if self._tally.add(name):
                _log.warning(
                    "the %s signal failed on an image and is left out: %s", name, error, exc_info=True
                )
            return None


NO_SIGNALS = Signals()


def load_signals(
    release_dir: Path,
    models_dir: Path,
    *,
    device: str,
    want_body: bool,
    want_tattoo: bool,
    threads: int | None = None,
) -> Signals:
    """Load what is wanted and can be had; never raises.

    Args:
        release_dir: a fetched release.
        models_dir: where the optional model files may be.
        device: ``gpu`` or ``cpu``, for the tattoo networks; poses are found on the CPU.
        want_body: whether to load the body signal.
        want_tattoo: whether to load the tattoo signal; its index takes memory of its file's size.
        threads: of one run of a tattoo network on the CPU; None is onnxruntime's choice.
    """
    missing: dict[str, str] = {}
    body = _load(BODY, want_body, lambda: _body(release_dir, models_dir), missing)
    tattoo = _load(TATTOO, want_tattoo, lambda: _tattoo(release_dir, models_dir, device, threads), missing)
    if tattoo is not None and tattoo.models.slower:
        missing[TATTOO_GPU] = tattoo.models.slower
        _log.warning("the tattoo signal is slower than asked for: %s", tattoo.models.slower)
    return Signals(body, tattoo, MappingProxyType(missing))


def tattoo_files_present(release_dir: Path, models_dir: Path) -> bool:
    """Whether the files of the tattoo signal exist, switched on or not, as /capabilities tells."""
    files = (release_dir / INDEX_FILE, release_dir / MAP_FILE)
    models = (models_dir / DETECTOR_FILE, models_dir / EMBEDDER_FILE)
    return all(path.is_file() for path in (*files, *models))


def _body(release_dir: Path, models_dir: Path) -> BodySignal:
    table = read_bodies(release_dir / "performers.db")
    if not len(table):
        raise SignalUnavailable("performers.db has no proportions of StashDB's performers")
    return BodySignal(open_pose(models_dir), table)


def _tattoo(release_dir: Path, models_dir: Path, device: str, threads: int | None) -> TattooSignal:
    return TattooSignal(open_models(models_dir, device, threads), open_tattoo_index(release_dir))


def _load(name: str, wanted: bool, load: Callable[[], T], missing: dict[str, str]) -> T | None:
    if not wanted:
        missing[name] = SWITCHED_OFF
        return None
    try:
        return load()
    except Exception as error:  # noqa: BLE001 - the edge of an optional signal
        # An optional signal never keeps faces from being identified, whatever its files hold.
        _log.warning("the %s signal is missing: %s", name, error)
        missing[name] = str(error) or type(error).__name__
        return None
