"""What is asked about a scene and what is answered, and the way from its faces to its persons. Pure.

Engine.identify_scene finds the faces; the callers fetch the frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from facedb_sidecar.engine.clusters import SceneFace, cluster, merge
from facedb_sidecar.engine.faces import Image
from facedb_sidecar.engine.matching import Match
from facedb_sidecar.engine.persons import Person, by_both, by_cluster, by_frequency
from facedb_sidecar.engine.signals.evidence import Wanted
from facedb_sidecar.engine.timing import Timing

# Matches that are kept for each face, by what the answer shows for each person.
MATCHES_BY_TOP_K = 2


class Unreadable(ValueError):
    """A picture that cannot be decoded; the message says why. Other frames are looked at all the same."""


class Picture(Protocol):
    """A frame of a scene whose pixels are made when they are asked for."""

    @property
    def index(self) -> int:
        """Place in the scene from 0; -1 is the screenshot."""

    @property
    def pixels(self) -> Image:
        """(h, w, 3) uint8 RGB.

        Raises:
            Unreadable: cannot be decoded.
        """


@dataclass(frozen=True)
class Frame:
    """A decoded frame: ``index`` from 0, -1 for the screenshot; ``pixels`` (h, w, 3) uint8 RGB."""

    index: int
    pixels: Image


class MatchingMode(Enum):
    """How persons are told from faces; see engine.persons."""

    FREQUENCY = "frequency"
    CLUSTER = "cluster"
    HYBRID = "hybrid"

    @classmethod
    def of(cls, word: str) -> MatchingMode:
        """The mode of a request's word; any other word is CLUSTER, as in the reference."""
        return next((mode for mode in cls if mode.value == word), cls.CLUSTER)


@dataclass(frozen=True)
class SceneOptions:
    """What a request says, with its defaults.

    Attributes:
        min_face_size: pixels of each side.
        min_face_confidence: of the detection, in [0, 1].
        top_k: matches for each person.
        max_distance: of a match, in [0, 2].
        cluster_threshold: cosine distance below which two faces are one person's.
        matching_mode: ``frequency``, ``cluster`` or ``hybrid``.
        scene_performer_stashdb_ids: whom the scene names already.
        signals: beyond faces; None for none.
    """

    min_face_size: int = 40
    min_face_confidence: float = 0.5
    top_k: int = 3
    max_distance: float = 0.5
    cluster_threshold: float = 0.6
    matching_mode: str = "frequency"
    scene_performer_stashdb_ids: tuple[str, ...] = ()
    signals: Wanted | None = None


@dataclass(frozen=True)
class SceneTiming:
    """Milliseconds of wall time, by the names of the answer.

    Attributes:
        face_loop_ms: everything done with frames.
        detection_ms: of that, finding faces.
        embedding_ms: of that, the two networks.
        recognition_ms: of that, asking the indices.
        matching_ms: from faces to persons, signals included.
    """

    face_loop_ms: float
    detection_ms: float
    embedding_ms: float
    recognition_ms: float
    matching_ms: float


@dataclass(frozen=True)
class Seen:
    """What was found in some frames of a scene. Frames may be looked at in parts: add the parts.

    Attributes:
        frames: looked at, without the screenshot.
        detected: faces in them, of any size.
        kept: of those, the faces that are large enough.
        faces: the kept ones and the screenshot's.
        pictures: the frames that have faces, by index.
        errors: of frames that could not be decoded.
        timing: of the stages.
        loop_ms: of everything.
    """

    frames: int = 0
    detected: int = 0
    kept: int = 0
    faces: tuple[SceneFace, ...] = ()
    pictures: Mapping[int, Picture] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    timing: Timing = field(default_factory=Timing)
    loop_ms: float = 0.0

    def __add__(self, other: Seen) -> Seen:
        """Both parts, this one's frames first."""
        return Seen(
            frames=self.frames + other.frames,
            detected=self.detected + other.detected,
            kept=self.kept + other.kept,
            faces=self.faces + other.faces,
            pictures={**self.pictures, **other.pictures},
            errors=self.errors + other.errors,
            timing=self.timing + other.timing,
            loop_ms=self.loop_ms + other.loop_ms,
        )


@dataclass(frozen=True)
class SceneResult:
    """Who is in a scene.

    Attributes:
        frames_analyzed: without the screenshot.
        faces_detected: in them.
        faces_after_filter: of those, large enough.
        persons: with a match first, then by frames.
        signals_used: of ``body`` and ``tattoo``, those that said something about anybody.
        tattoos_detected: in the frames that were looked at for them.
        errors: of frames that could not be decoded.
        timing: see SceneTiming.
    """

    frames_analyzed: int
    faces_detected: int
    faces_after_filter: int
    persons: tuple[Person, ...]
    signals_used: tuple[str, ...]
    tattoos_detected: int
    errors: tuple[str, ...]
    timing: SceneTiming

    @property
    def multi_signal_used(self) -> bool:
        """Whether anything but faces was taken into account."""
        return bool(self.signals_used)


def persons_of(faces: Sequence[SceneFace], options: SceneOptions) -> tuple[Person, ...]:
    """Who these faces are.

    Args:
        faces: in the order of their frames, with 2 x top_k matches each, none beyond max_distance.
        options: of the request.
    """
    clusters = merge(cluster(faces, options.cluster_threshold))
    tagged = frozenset(options.scene_performer_stashdb_ids)
    match MatchingMode.of(options.matching_mode):
        case MatchingMode.FREQUENCY:
            return by_frequency(clusters, top_k=options.top_k, tagged=tagged)
        case MatchingMode.HYBRID:
            most = options.top_k * MATCHES_BY_TOP_K
            return by_both(faces, clusters, top_k=most, tagged=tagged)
        case MatchingMode.CLUSTER:
            return by_cluster(clusters, top_k=options.top_k, tagged=tagged)


def reordered(persons: Iterable[Person], order: Callable[[Person], tuple[Match, ...]]) -> tuple[Person, ...]:
    """Give each person's matches another order; a performer stays the best match of one person only.

    Args:
        persons: those who choose first come first.
        order: the same matches in their new order.
    """
    used: set[str] = set()
    changed = []
    for person in persons:
        matches = order(person) if person.best_match is not None else ()
        best = next((m for m in matches if m.performer.universal_id not in used), None)
        if best is None:
            changed.append(replace(person, best_match=None, all_matches=()))
            continue
        used.add(best.performer.universal_id)
        others = tuple(m for m in matches if m is not best)
        changed.append(replace(person, best_match=best, all_matches=(best, *others)))
    return tuple(changed)
