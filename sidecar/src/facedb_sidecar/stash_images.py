"""An image or a gallery of Stash → who is in it. For ``/identify/image``, ``/identify/gallery`` and jobs.

The images of a gallery are fetched while others are looked at, a few at a time; inference takes each in its
turn, so that other requests come between them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from facedb_sidecar.engine import Engine, Identification
from facedb_sidecar.engine.galleries import GalleryImage, GalleryPerformer, performers_of
from facedb_sidecar.engine.matching import Match
from facedb_sidecar.identifying import Ask, identify_photo
from facedb_sidecar.parts import Parts
from facedb_sidecar.refusals import Refusal
from facedb_sidecar.stash.answers import Image
from facedb_sidecar.stash_refusals import NotInStash, Unusable, fetching, querying, required
from facedb_sidecar.state import FingerprintFace, ImageFingerprint, StateError

# Images of one gallery that are fetched or waiting at a time: 32 MiB each, at most.
AHEAD = 3
MOST_ERRORS = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GalleryAnswer:
    """Who is in a gallery.

    Attributes:
        total_images: that Stash has in it.
        images_processed: of those, looked at.
        faces_detected: in them.
        performers: see engine.galleries.
        errors: of the images that could not be looked at, the first ten.
    """

    total_images: int
    images_processed: int
    faces_detected: int
    performers: tuple[GalleryPerformer, ...]
    errors: tuple[str, ...]


async def analyse_image(parts: Parts, engine: Engine, image_id: str, ask: Ask) -> Identification:
    """Identify an image of Stash and save its fingerprint; that the state cannot be written is only logged.

    Raises:
        Refusal: see stash_refusals; BadImage, NotFetched, NotRecognised.
    """
    stash = required(parts.stash)
    with querying("image"):
        image = await stash.image(image_id)
    if image is None:
        raise NotInStash("Image not found")
    found = await _look_at(parts, engine, image, ask)
    await _save(parts, ImageFingerprint(image_id, engine.receipt.version, fingerprint_faces(found)))
    return found


async def analyse_gallery(parts: Parts, engine: Engine, gallery_id: str, ask: Ask) -> GalleryAnswer:
    """Identify the images of a gallery; what fails in one is noted, and the others are looked at.

    Raises:
        Refusal: NoStash, NotQueried, NotInStash.
    """
    stash = required(parts.stash)
    with querying("gallery"):
        if await stash.gallery(gallery_id) is None:
            raise NotInStash("Gallery not found")
        images = [image async for page in stash.gallery_images(gallery_id) for image in page]
    found, failed = await _look_at_all(parts, engine, images, ask)
    there = [GalleryImage(image.id, found[image.id]) for image in images if image.id in found]
    return GalleryAnswer(
        total_images=len(images),
        images_processed=len(there),
        faces_detected=sum(len(image.faces) for image in there),
        performers=performers_of(there),
        errors=tuple(failed[image.id] for image in images if image.id in failed)[:MOST_ERRORS],
    )


async def _look_at_all(
    parts: Parts, engine: Engine, images: Iterable[Image], ask: Ask
) -> tuple[dict[str, Identification], dict[str, str]]:
    """What was found, and what went wrong, by image id."""
    found: dict[str, Identification] = {}
    failed: dict[str, str] = {}
    waiting = iter(images)

    async def take_turns() -> None:
        for image in waiting:
            try:
                found[image.id] = await _look_at(parts, engine, image, ask)
            except Refusal as refusal:
                # One bad image of a hundred: the answer holds the others.
                failed[image.id] = f"Image {image.id}: {refusal.detail}"

    async with asyncio.TaskGroup() as group:
        for _ in range(AHEAD):
            group.create_task(take_turns())
    return found, failed


async def _look_at(parts: Parts, engine: Engine, image: Image, ask: Ask) -> Identification:
    """Fetch and identify.

    Raises:
        Refusal: Unusable, NotFetched, BadImage, NotRecognised.
    """
    if not image.paths.image:
        raise Unusable("Image has no image path")
    with fetching():
        data = await required(parts.stash).image_bytes(image)
    return await identify_photo(engine, parts.serving, parts.decoder, data, ask)


async def _save(parts: Parts, fingerprint: ImageFingerprint) -> None:
    try:
        await asyncio.to_thread(parts.state.fingerprints.save_image, fingerprint)
    except StateError as error:
        log.warning("The fingerprint of image %s is not saved: %s", fingerprint.image_id, error)


def fingerprint_faces(found: Identification) -> tuple[FingerprintFace, ...]:
    """The best match of each face; a face without one is nobody that the database has."""
    return tuple(fingerprint_face(face.matches[0] if face.matches else None, 1) for face in found)


def fingerprint_face(best: Match | None, frame_count: int) -> FingerprintFace:
    """A face, or a person of a scene, as the state keeps it."""
    if best is None:
        return FingerprintFace(None, "", 0.0, frame_count)
    who = best.performer
    return FingerprintFace(who.universal_id, who.name, best.confidence, frame_count)
