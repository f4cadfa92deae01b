"""The engine: one verified release and one set of models, fully loaded and immutable.

``Engine.load`` either returns an engine that has answered a warm request and found its own stored faces, or
raises ``LoadError``. To serve another release, load another engine and replace the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facedb_release.errors import ReleaseError
from facedb_release.manifest import Manifest, parse_manifest
from facedb_release.receipt import Receipt, read_receipt, require_unchanged
from facedb_sidecar.engine.answers import Identification, Identified
from facedb_sidecar.engine.catalog import Catalog
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.engine.faces import Face, Image, cut, detect, embed, embed_arcface, embed_facenet
from facedb_sidecar.engine.index import FaceIndex
from facedb_sidecar.engine.looking import available, conclude, look, used
from facedb_sidecar.engine.matching import Match
from facedb_sidecar.engine.models import Models, load_models
from facedb_sidecar.engine.options import EngineOptions
from facedb_sidecar.engine.scenes import (
    MATCHES_BY_TOP_K,
    Frame,
    Picture,
    SceneOptions,
    SceneResult,
    Seen,
)
from facedb_sidecar.engine.signals import (
    RERANKED,
    RERANKED_DISTANCE,
    Signals,
    Wanted,
    load_signals,
    rerank,
)
from facedb_sidecar.engine.stored import Quality, Stored, load_stored
from facedb_sidecar.engine.timing import Stopwatch

__all__ = [
    "Engine",
    "EngineOptions",
    "Frame",
    "Identification",
    "Identified",
    "Image",
    "LoadError",
    "SceneOptions",
    "SceneResult",
    "Wanted",
]

Pool = tuple[tuple[Match, ...], ...]


@dataclass(frozen=True)
class Engine:
    """Everything that an answer needs, loaded.

    Attributes:
        receipt: what was verified when the release was fetched.
        manifest: what the release says of itself.
        stored: its indices and who the faces belong to.
        signals: bodies and tattoos, as far as their models are there; ``missing`` says why others are not.
    """

    receipt: Receipt
    manifest: Manifest
    models: Models
    stored: Stored
    signals: Signals

    @classmethod
    def load(
        cls, release_dir: Path, models_dir: Path, device: str, *, options: EngineOptions | None = None
    ) -> Engine:
        """Load, warm up and check. Takes seconds and, for a full release, about 2 GB of memory.

        Args:
            release_dir: a folder that ``facedb fetch`` filled, with its receipt; the fetch refused releases
                of another pipeline (dimensions, alignment, flip averaging).
            models_dir: a folder with the three ONNX files.
            device: ``gpu`` or ``cpu``.
            options: sizes, search, signals.

        Raises:
            LoadError: the release or the models cannot be served.
        """
        options = options or EngineOptions()
        try:
            receipt = read_receipt(release_dir)
        except ReleaseError as error:
            raise LoadError(str(error.reason), str(error)) from error
        # A volume may have changed at rest since it was verified. Over, mostly, before the indices load.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="unchanged") as aside:
            unchanged = aside.submit(_require_unchanged, release_dir, receipt)
            try:
                manifest = _manifest(release_dir)
                models = load_models(models_dir, device, options)
                stored = load_stored(release_dir, options.search)
                _warm_up(models)
                signals = load_signals(
                    release_dir,
                    models_dir,
                    device=models.device.device,
                    want_body=options.body,
                    want_tattoo=options.tattoo,
                    threads=options.threads,
                )
            except LoadError:
                # That a file is not the one that was verified says more than what is wrong in it.
                unchanged.result()
                raise
            unchanged.result()
        return cls(receipt, manifest, models, stored, signals)

    @property
    def facenet(self) -> FaceIndex:
        """The index of FaceNet embeddings."""
        return self.stored.facenet

    @property
    def arcface(self) -> FaceIndex:
        """The index of ArcFace embeddings."""
        return self.stored.arcface

    @property
    def catalog(self) -> Catalog:
        """Who the stored faces belong to."""
        return self.stored.catalog

    @property
    def checked(self) -> int:
        """How many stored faces found themselves at load."""
        return self.stored.checked

    @property
    def quality(self) -> Quality:
        """How well and how fast the indices answered at load."""
        return self.stored.quality

    def identify(
        self,
        image: Image,
        *,
        top_k: int,
        max_distance: float,
        min_confidence: float,
        min_size: int = 0,
        signals: Wanted | None = None,
    ) -> Identification:
        """Find the faces of an image and who they may be.

        With signals, the 20 nearest matches up to a distance of 1.0 are ranked again, as the reference does,
        and then the request's limits are applied; the reference ignores the request's max_distance and
        min_confidence there, which is a fault and not kept.

        Args:
            image: (h, w, 3) uint8, RGB.
            top_k: matches for each face, at most.
            max_distance: in [0, 2].
            min_confidence: of the detection, in [0, 1].
            min_size: pixels.
            signals: to rank with beyond faces; None for none. Missing ones change nothing.
        """
        watch = Stopwatch()
        with watch.stage("detection"):
            found = detect(self.models, image, min_confidence=min_confidence)
            crops = cut(image, (d for d in found if d.reaches(min_size)))
        with watch.stage("embedding"):
            faces = embed(self.models, crops)
        if signals is None or not available(self.signals, signals):
            with watch.stage("matching"):
                matches = self.match(faces, max_distance=max_distance, top_k=top_k)
            return Identification.of(faces, matches, watch.timing())
        most, farthest = max(top_k, RERANKED), max(max_distance, RERANKED_DISTANCE)
        with watch.stage("matching"):
            pool = self.match(faces, max_distance=farthest, top_k=most)
        with watch.stage("signals"):
            evidence = self.signals.evidences(image, [face.box for face in faces], signals)
        ranked = (rerank(near, said, self.signals) for near, said in zip(pool, evidence, strict=True))
        shown = tuple(tuple(m for m in near if m.distance <= max_distance)[:top_k] for near in ranked)
        return Identification.of(faces, shown, watch.timing(), used(evidence))

    def identify_scene(self, frames: Iterable[Picture], options: SceneOptions) -> SceneResult:
        """Find the persons of a scene.

        The same as ``persons_in`` of what ``look_at`` saw; call those two to let other requests in between.

        Args:
            frames: of the scene, and its screenshot as -1.
            options: of the request.
        """
        return self.persons_in(self.look_at(frames, options), options)

    def look_at(self, frames: Iterable[Picture], options: SceneOptions) -> Seen:
        """Find the faces of some frames of a scene; what was seen in several calls can be added up."""

        def match(faces: Sequence[Face]) -> Pool:
            kept = options.top_k * MATCHES_BY_TOP_K
            return self.match(faces, max_distance=options.max_distance, top_k=kept)

        return look(self.models, match, frames, options)

    def persons_in(self, seen: Seen, options: SceneOptions) -> SceneResult:
        """Tell who was seen in a scene."""
        return conclude(seen, options, self.signals)

    def close(self) -> None:
        """Let go of what does not go by itself, once nobody uses this engine any more."""
        self.signals.close()

    def match(self, faces: Sequence[Face], *, max_distance: float, top_k: int) -> Pool:
        """Who each face may be, most likely first.

        Args:
            faces: any number.
            max_distance: in [0, 2].
            top_k: matches for each face, at most.
        """
        facenet, arcface = [face.facenet for face in faces], [face.arcface for face in faces]
        return self.stored.match(facenet, arcface, max_distance=max_distance, top_k=top_k)


def _manifest(release_dir: Path) -> Manifest:
    try:
        return parse_manifest((release_dir / "manifest.json").read_bytes())
    except ReleaseError as error:
        raise LoadError(str(error.reason), str(error)) from error


def _require_unchanged(release_dir: Path, receipt: Receipt) -> None:
    try:
        require_unchanged(release_dir, receipt)
    except ReleaseError as error:
        raise LoadError(str(error.reason), str(error)) from error


def _warm_up(models: Models) -> None:
    """One run through each network: the first is slow, and would meet a user's time-out."""
    size = models.detector.input_size
    detect(models, np.zeros((size[1], size[0], 3), np.uint8), min_confidence=0.5)
    crop = [np.zeros((112, 112, 3), np.uint8)]
    embed_facenet(models.facenet, crop)
    embed_arcface(models.arcface, crop)
