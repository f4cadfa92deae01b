"""The parts of the sidecar → a queue that runs their jobs. Called by parts.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from facedb_sidecar.engine import SceneOptions
from facedb_sidecar.identifying import Ask, signals_of
from facedb_sidecar.queue.control import JobControl, JobFailed
from facedb_sidecar.queue.fingerprinting import Fingerprinting, Library, NoFingerprint
from facedb_sidecar.queue.giving_way import unless_updating
from facedb_sidecar.queue.jobs import Job
from facedb_sidecar.queue.kinds import DATABASE_UPDATE, FINGERPRINT_GENERATION
from facedb_sidecar.queue.tally import Tally
from facedb_sidecar.updater.job import run_as_job

if TYPE_CHECKING:
    from facedb_sidecar.parts import Parts

# As requests that do not say otherwise.
USUAL_IMAGE = Ask(top_k=5, max_distance=0.6, min_confidence=0.5)


@asynccontextmanager
async def run_queue(parts: Parts) -> AsyncIterator[None]:
    """Say how each kind of job is run, and run jobs until the end of the block."""

    async def update(job: Job, control: JobControl) -> None:
        await run_as_job(parts.updates, job, control)

    async def fingerprint(job: Job, control: JobControl) -> None:
        await Fingerprinting(_library(parts), parts.state.fingerprints)(job, control)

    parts.queue.register(DATABASE_UPDATE, update)
    parts.queue.register(FINGERPRINT_GENERATION, fingerprint)
    await parts.queue.start()
    try:
        yield
    finally:
        await parts.queue.close()


def _options(parts: Parts, tally: Tally) -> SceneOptions:
    """Those of /identify/scene, but for what the user asked of this generation."""
    usual = SceneOptions(signals=signals_of(parts.preferences))
    distance = usual.max_distance if tally.max_distance is None else tally.max_distance
    return replace(usual, min_face_size=tally.min_face_size or usual.min_face_size, max_distance=distance)


def _library(parts: Parts) -> Library:
    """What the generation of fingerprints asks of this sidecar.

    Raises:
        JobFailed: there is no Stash.
    """
    # Here, since these modules need the parts, which need this one.
    from facedb_sidecar.scenes import USUAL_FRAMES, SceneRequest, analyse_scene
    from facedb_sidecar.stash_images import analyse_image

    stash = parts.stash
    if stash is None:
        raise JobFailed("STASH_URL env var not set")

    async def scene(scene_id: str, tally: Tally) -> None:
        request = SceneRequest(scene_id, tally.num_frames or USUAL_FRAMES, options=_options(parts, tally))
        answer = await unless_updating(parts.serving, analyse_scene(parts, request))
        if answer.fingerprint_error is not None:
            raise NoFingerprint(answer.fingerprint_error)

    async def image(image_id: str) -> None:
        with parts.serving.borrow() as engine:
            ask = replace(USUAL_IMAGE, signals=signals_of(parts.preferences))
            await analyse_image(parts, engine, image_id, ask)

    def version() -> str | None:
        engine = parts.serving.engine
        return engine.receipt.version if engine else None

    return Library(stash.scene_ids, scene, image, version)
