"""A scene of Stash → who is in it: ffmpeg, engine, fingerprint. For ``/identify/scene`` and the job.

Frames are fetched while those before them are looked at. The engine takes a few frames at a time, so that
other requests come between them; a scene of many minutes never has the inference thread for itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np
from PIL import Image

from facedb_sidecar.engine import Engine, SceneOptions, SceneResult
from facedb_sidecar.engine.clusters import SCREENSHOT
from facedb_sidecar.engine.scenes import Frame, Picture, Seen
from facedb_sidecar.frames import (
    Extraction,
    JpegFrame,
    Stream,
    extract,
    ffmpeg_available,
    start_of,
    timestamps,
)
from facedb_sidecar.parts import Parts
from facedb_sidecar.photos import Pixels
from facedb_sidecar.refusals import BadImage, NotRecognised
from facedb_sidecar.stash.answers import Scene
from facedb_sidecar.stash.client import StashClient
from facedb_sidecar.stash.errors import StashError
from facedb_sidecar.stash_images import fingerprint_face
from facedb_sidecar.stash_refusals import NoFfmpeg, NotInStash, Unusable, querying, required
from facedb_sidecar.state import SceneFingerprint, StateError

T = TypeVar("T")

# The default of a request stands for what the user chose on the settings page.
USUAL_FRAMES = 60
# Frames in one turn of the inference thread: half a second on a CPU, which others wait for.
MOST_FRAMES_A_TURN = 16
# Frames that are fetched before the first are looked at: enough for ffmpeg's workers to be busy.
FETCHED_TOGETHER = 2
# A screenshot narrower than this part of the video is scaled up to the video's width.
SMALL_SCREENSHOT = 0.8
MOST_ERRORS = 5

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SceneRequest:
    """What to look at, and how.

    Attributes:
        scene_id: of Stash.
        num_frames: USUAL_FRAMES stands for the user's setting.
        start_pct: part of the scene that is left out before, in [0, 0.5].
        end_pct: where the part begins that is left out after, in [0.5, 1].
        options: for the engine.
    """

    scene_id: str
    num_frames: int = USUAL_FRAMES
    start_pct: float = 0.05
    end_pct: float = 0.95
    options: SceneOptions = field(default_factory=SceneOptions)


@dataclass(frozen=True)
class SceneAnswer:
    """Who is in the scene, and what became of the fingerprint.

    Attributes:
        result: see engine.scenes.
        errors: of frames that could not be had or decoded.
        fingerprint_error: why no fingerprint is saved; None: one is.
        extraction_ms: in which ffmpeg ran, partly while the engine looked at frames.
        total_ms: of everything.
    """

    result: SceneResult
    errors: tuple[str, ...]
    fingerprint_error: str | None
    extraction_ms: float
    total_ms: float


async def analyse_scene(parts: Parts, request: SceneRequest) -> SceneAnswer:
    """Identify the persons of a scene and save its fingerprint.

    When this is cancelled, every ffmpeg is gone before it ends.

    Raises:
        Refusal: see stash_refusals; Unavailable and Updating without an engine; NotRecognised.
    """
    began = time.perf_counter()
    if not await ffmpeg_available():
        raise NoFfmpeg
    stash = required(parts.stash)
    with querying("scene"):
        scene = await stash.scene(request.scene_id)
    if scene is None or not scene.files:
        raise NotInStash("Scene not found or has no files")
    if scene.files[0].duration <= 0:
        raise Unusable("Scene has no duration")
    async with parts.scene_turns:
        with parts.serving.borrow() as engine:
            look = _Look(parts, engine, stash, scene, request)
            seen, extraction_ms = await look.at_everything()
            result = await look.conclusion(seen)
            version = engine.receipt.version
    errors = tuple(look.errors) + result.errors
    error = await _save(parts, _fingerprint(scene.id, version, result, errors))
    total_ms = (time.perf_counter() - began) * 1000
    return SceneAnswer(result, errors, error, extraction_ms, total_ms)


class _Look:
    """One look at one scene, with one engine."""

    def __init__(
        self, parts: Parts, engine: Engine, stash: StashClient, scene: Scene, request: SceneRequest
    ) -> None:
        self._parts = parts
        self._engine = engine
        self._stash = stash
        self._scene = scene
        self._request = request
        self._turn = max(1, min(MOST_FRAMES_A_TURN, engine.models.batch_size))
        self.errors: list[str] = []

    async def at_everything(self) -> tuple[Seen, float]:
        """The frames and the screenshot; also the milliseconds in which ffmpeg ran."""
        seen, took_ms = Seen(), 0.0
        stream = Stream(*await self._stash.stream(self._scene))
        # Once for all pieces: it takes as long as a frame.
        self._stream = replace(stream, start_s=await start_of(stream))
        async with aclosing(self._fetched()) as fetched:
            async for extraction, ms in fetched:
                took_ms += ms
                self.errors += extraction.errors
                seen += await self._frames(extraction.frames)
        if seen.frames:
            seen += await self._screenshot()
        return seen, took_ms

    async def conclusion(self, seen: Seen) -> SceneResult:
        """Who was seen."""
        return await self._infer(partial(self._engine.persons_in, seen, self._request.options))

    async def _fetched(self) -> AsyncGenerator[tuple[Extraction, float], None]:
        """Some frames after the others; the next are on their way while the last are looked at."""
        waiting = self._pieces()
        ahead = self._extract(next(waiting, None))
        try:
            while ahead is not None:
                extraction, ms = await ahead
                # A stream without a single frame will not have one further on: each try takes half a minute.
                ahead = self._extract(next(waiting, None)) if extraction.frames else None
                yield extraction, ms
        finally:
            if ahead is not None:
                ahead.cancel()
                await asyncio.gather(ahead, return_exceptions=True)

    def _pieces(self) -> Iterator[tuple[int, Sequence[float]]]:
        """Where the frames are: the first one's index, and seconds."""
        request, usual = self._request, self._parts.preferences.num_frames
        count = usual if request.num_frames == USUAL_FRAMES else request.num_frames
        duration_s = self._scene.files[0].duration
        times = timestamps(duration_s, count, request.start_pct, request.end_pct)
        size = max(self._turn, FETCHED_TOGETHER * self._parts.preferences.frame_workers)
        return ((first, times[first : first + size]) for first in range(0, len(times), size))

    def _extract(
        self, piece: tuple[int, Sequence[float]] | None
    ) -> asyncio.Task[tuple[Extraction, float]] | None:
        return asyncio.create_task(self._extracted(*piece)) if piece else None

    async def _extracted(self, first: int, times: Sequence[float]) -> tuple[Extraction, float]:
        began = time.perf_counter()
        stream, workers = self._stream, self._parts.preferences.frame_workers
        got = await extract(stream.url, stream.headers, times, workers, start_s=stream.start_s)
        frames = tuple(replace(frame, index=first + frame.index) for frame in got.frames)
        return Extraction(frames, got.errors), (time.perf_counter() - began) * 1000

    async def _frames(self, frames: Sequence[JpegFrame]) -> Seen:
        seen = Seen()
        for first in range(0, len(frames), self._turn):
            seen += await self._look_at(frames[first : first + self._turn])
        return seen

    async def _screenshot(self) -> Seen:
        """Stash's picture of the scene; many a scene has none, which is no error."""
        if not self._scene.paths.screenshot:
            return Seen()
        try:
            data = await self._stash.screenshot_bytes(self._scene)
            async with self._parts.decoder.pixels(data) as pixels:
                most = self._parts.settings.limits.image_pixels
                shown = await asyncio.to_thread(enlarged, pixels, self._scene.files[0].width, most)
                return await self._look_at([Frame(SCREENSHOT, shown)])
        except (StashError, BadImage) as error:
            log.debug("Scene %s without its screenshot: %s", self._scene.id, error)
            return Seen()

    async def _look_at(self, pictures: Sequence[Picture]) -> Seen:
        return await self._infer(partial(self._engine.look_at, pictures, self._request.options))

    async def _infer(self, work: Callable[[], T]) -> T:
        try:
            return await self._parts.serving.run(work)
        except Exception as error:
            # The edge of the engine: whatever its libraries throw is one request's 500.
            raise NotRecognised(f"{type(error).__name__}: {error}") from error


def enlarged(pixels: Pixels, video_width: int, most_pixels: int) -> Pixels:
    """A small screenshot, at the video's size. Pure.

    Args:
        pixels: (h, w, 3) uint8 RGB.
        video_width: pixels; faces in the frames have this size.
        most_pixels: of the result; past it, the screenshot stays as it is.
    """
    height, width = pixels.shape[:2]
    if width >= SMALL_SCREENSHOT * video_width:
        return pixels
    size = (video_width, max(1, round(height * video_width / width)))
    if size[0] * size[1] > most_pixels:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS), dtype=np.uint8)


def _fingerprint(scene_id: str, version: str, result: SceneResult, errors: Sequence[str]) -> SceneFingerprint:
    if result.frames_analyzed == 0:
        why = f"No frame could be read: {errors[0] if errors else 'ffmpeg gave none'}"
        return SceneFingerprint(scene_id, version, 0, (), "error", why)
    faces = tuple(fingerprint_face(person.best_match, person.frame_count) for person in result.persons)
    return SceneFingerprint(scene_id, version, result.frames_analyzed, faces)


async def _save(parts: Parts, fingerprint: SceneFingerprint) -> str | None:
    """Save it; returns why there is none."""
    try:
        await asyncio.to_thread(parts.state.fingerprints.save_scene, fingerprint)
    except StateError as error:
        log.warning("The fingerprint of scene %s is not saved: %s", fingerprint.scene_id, error)
        return error.message
    return fingerprint.error
