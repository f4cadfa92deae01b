"""Photos → pixels in threads of their own, beside inference, with few decoded ones in memory at a time."""

from __future__ import annotations

import asyncio
import contextvars
import os
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from facedb_sidecar import metrics
from facedb_sidecar.photos import Encoded, Pixels, decode_photo
from facedb_sidecar.settings import Limits

# Half the cores: a GPU is kept busy by few, and on a CPU the networks want the others.
MOST_THREADS = 4


class Decoder:
    """Decodes; an image of 50 megapixels holds 150 MB, and 350 MB for the moment of its decoding."""

    def __init__(self, limits: Limits) -> None:
        threads = max(1, min(MOST_THREADS, (os.cpu_count() or 1) // 2))
        self._limits = limits
        self._worker = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="decoding")
        # One more than are being decoded: the one that inference has.
        self._room = asyncio.Semaphore(threads + 1)

    @asynccontextmanager
    async def pixels(self, photo: Encoded) -> AsyncIterator[Pixels]:
        """Decode; the place in memory is held until the block ends.

        Raises:
            BadImage: no image that we decode.
        """
        async with self._room:
            yield await asyncio.get_running_loop().run_in_executor(
                self._worker, contextvars.copy_context().run, self._decode, photo
            )

    def _decode(self, photo: Encoded) -> Pixels:
        began = time.perf_counter()
        try:
            return decode_photo(photo, self._limits)
        finally:
            metrics.record_stage("decode", time.perf_counter() - began)

    def close(self) -> None:
        """Let what is being decoded end; start nothing."""
        self._worker.shutdown(wait=True, cancel_futures=True)
