"""The faces of a gallery's images → the performers of the gallery. Pure.

Called for /identify/gallery with what the engine found in each image; faces only, no other signals.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from facedb_sidecar.engine.answers import Identified
from facedb_sidecar.engine.matching import Match

# In one image only, a performer must be nearer than this.
NEAR_ENOUGH_ALONE = 0.4
LEAST_IMAGES = 2


@dataclass(frozen=True)
class GalleryImage:
    """The faces of one image of a gallery."""

    image_id: str
    faces: Sequence[Identified]


@dataclass(frozen=True)
class GalleryPerformer:
    """Somebody who is in a gallery.

    Attributes:
        best: the nearest match.
        best_distance: its distance, in [0, 2].
        avg_distance: over all faces whose best match this performer is.
        image_ids: images with such faces, in the gallery's order, each once.
    """

    best: Match
    best_distance: float
    avg_distance: float
    image_ids: tuple[str, ...]

    @property
    def confidence(self) -> float:
        """1 - the best distance, within [0, 1]."""
        return self.best.confidence

    @property
    def image_count(self) -> int:
        """In how many images."""
        return len(self.image_ids)


def performers_of(images: Iterable[GalleryImage]) -> tuple[GalleryPerformer, ...]:
    """Who is in a gallery: in two images, or very near in one.

    Only the best match of each face counts.

    Returns:
        Those in more images first, then the nearer ones.
    """
    found: dict[str, list[tuple[Match, str]]] = {}
    for image in images:
        for face in image.faces:
            if face.matches:
                best = face.matches[0]
                found.setdefault(best.performer.universal_id, []).append((best, image.image_id))
    performers = [_performer(found[who]) for who in sorted(found)]
    kept = [p for p in performers if p.image_count >= LEAST_IMAGES or p.best_distance < NEAR_ENOUGH_ALONE]
    return tuple(sorted(kept, key=lambda p: (-p.image_count, p.best_distance)))


def _performer(matches: Sequence[tuple[Match, str]]) -> GalleryPerformer:
    best = min((match for match, _ in matches), key=lambda match: (match.distance, match.label))
    return GalleryPerformer(
        best=best,
        best_distance=best.distance,
        avg_distance=sum(match.distance for match, _ in matches) / len(matches),
        image_ids=tuple(dict.fromkeys(image_id for _, image_id in matches)),
    )
