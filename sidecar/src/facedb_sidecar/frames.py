"""A scene's stream → frames at even distances, a few at a time, still encoded.

Decoded, the frames of a long scene would fill gigabytes; the engine decodes one when it comes to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from facedb_sidecar.engine.scenes import Frame, Unreadable
from facedb_sidecar.ffmpeg import (
    FRAME_TIMEOUT_S,
    FrameFailed,
    Stream,
    TooSlow,
    argv,
    ffmpeg_available,
    frame_at,
    script,
    start_of,
)
from facedb_sidecar.hardware import usable_cores
from facedb_sidecar.photos import BadImage, Pixels, decode_image

__all__ = [
    "Extraction",
    "Frame",
    "JpegFrame",
    "Stream",
    "argv",
    "extract",
    "ffmpeg_available",
    "start_of",
    "timestamps",
]

LEAST_WORKERS, MOST_WORKERS = 1, 8
MOST_DECODING_THREADS = 4
# The last frame of a video begins a little before its end.
BEFORE_END_S = 0.1
# So many frames in a row without an answer, and none with one: the rest is not asked for.
HOPELESS = 3


@dataclass(frozen=True)
class JpegFrame:
    """A frame as ffmpeg gave it; looks like engine.scenes.Frame, and is decoded whenever it is asked.

    Attributes:
        index: place in the scene, from 0.
        at_s: seconds from the beginning.
        jpeg: encoded.
    """

    index: int
    at_s: float
    jpeg: bytes

    @property
    def pixels(self) -> Pixels:
        """(h, w, 3) uint8 RGB.

        Raises:
            Unreadable: cannot be decoded.
        """
        try:
            return decode_image(self.jpeg)
        except BadImage as error:
            raise Unreadable(str(error)) from error


@dataclass(frozen=True)
class Extraction:
    """The frames that came, in their order, and why others did not."""

    frames: tuple[JpegFrame, ...]
    errors: tuple[str, ...]


def timestamps(
    duration_s: float, n: int, start_pct: float = 0.05, end_pct: float = 0.95
) -> tuple[float, ...]:
    """Times in seconds, evenly spread from one share of the duration to another, both included. Pure.

    Args:
        duration_s: of the video, above 0.
        n: how many; one is the middle.
        start_pct: in [0, 1].
        end_pct: in [0, 1]; where it is not above start_pct, the middle of the video is all.
    """
    start, end = duration_s * start_pct, min(duration_s * end_pct, duration_s - BEFORE_END_S)
    if end_pct <= start_pct or end <= start:
        return (duration_s / 2,)
    if n <= 1:
        return ((start + end) / 2,)
    return tuple(start + (end - start) * i / (n - 1) for i in range(n))


async def extract(
    stream_url: str,
    headers: Mapping[str, str],
    times: Sequence[float],
    workers: int,
    *,
    timeout_s: float = FRAME_TIMEOUT_S,
    start_s: float | None = None,
) -> Extraction:
    """Take frames out of a video, some at the same time. When this is cancelled, every ffmpeg is gone.

    Args:
        stream_url: http or https; asked for with Range.
        headers: one at most, such as ``ApiKey``.
        times: seconds from the beginning.
        workers: frames at the same time, 1 to 8.
        timeout_s: for each frame.
        start_s: what ``start_of`` said of this stream; None asks it, which takes as long as a frame.

    Raises:
        ValueError: a URL or headers that ffmpeg cannot be told.
    """
    stream = Stream(stream_url, headers)
    script(stream, 0.0)
    if start_s is None:
        start_s = await start_of(stream, timeout_s=timeout_s)
    stream = replace(stream, start_s=start_s)
    workers = min(MOST_WORKERS, max(LEAST_WORKERS, workers))
    threads = min(MOST_DECODING_THREADS, max(1, await asyncio.to_thread(usable_cores) // workers))
    work = _Work(stream, threads, timeout_s, asyncio.Semaphore(workers))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work.take(i, at_s)) for i, at_s in enumerate(times)]
    done = [task.result() for task in tasks]
    return Extraction(
        frames=tuple(found for found in done if isinstance(found, JpegFrame)),
        errors=tuple(found for found in done if isinstance(found, str)),
    )


class _Work:
    """The frames of one video, a few at a time."""

    def __init__(self, stream: Stream, threads: int, timeout_s: float, room: asyncio.Semaphore) -> None:
        self._stream, self._threads, self._timeout_s, self._room = stream, threads, timeout_s, room
        self._came = self._timed_out = 0

    async def take(self, index: int, at_s: float) -> JpegFrame | str:
        """A frame, or why there is none."""
        async with self._room:
            if not self._came and self._timed_out >= HOPELESS:
                return f"Failed to extract frame at {at_s:.1f}s: not tried, the stream does not answer"
            try:
                jpeg = await frame_at(self._stream, at_s, threads=self._threads, timeout_s=self._timeout_s)
            except FrameFailed as error:
                self._timed_out += isinstance(error, TooSlow)
                return f"Failed to extract frame at {at_s:.1f}s: {error}"
            self._came += 1
            return JpegFrame(index, at_s, jpeg)
