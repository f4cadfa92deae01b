"""What one running sidecar is made of: built from the settings at start, closed at the end.

Routes take what they need from here (``request.app.state.parts``); nothing else is global.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from facedb_sidecar.decoding import Decoder
from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.options import EngineOptions
from facedb_sidecar.hardware import usable_cores
from facedb_sidecar.model_files import ModelManager
from facedb_sidecar.outbound import ImageFetcher
from facedb_sidecar.queue import Queue
from facedb_sidecar.queue.opening import run_queue
from facedb_sidecar.serving import Serving, State
from facedb_sidecar.settings import Settings
from facedb_sidecar.stash.boxes import StashBoxes
from facedb_sidecar.stash.client import StashClient, open_stash
from facedb_sidecar.state import Preferences, StateStore
from facedb_sidecar.state.opening import open_state
from facedb_sidecar.updater import UpdateBackend
from facedb_sidecar.updater.opening import first_load, open_updates

# While the engine looks at the frames of one, those of the other come.
SCENES_TOGETHER = 2


@dataclass(frozen=True)
class Parts:
    """Everything that routes and background jobs share.

    Attributes:
        settings: of the process.
        serving: the engine and the door to it.
        decoder: photos → pixels, beside inference.
        outbound: fetches what ``image_url`` names.
        state: what outlives the process.
        preferences: what users change while it runs.
        stash: the Stash beside this sidecar; None without STASH_URL.
        boxes: the stash-boxes that Stash knows; None without STASH_URL.
        updates: how another release comes.
        models: the model files, and how more of them come.
        queue: jobs in the background.
        scene_turns: scenes that are looked at together; each has ffmpeg processes of its own.
    """

    settings: Settings
    serving: Serving
    decoder: Decoder
    outbound: ImageFetcher
    state: StateStore
    preferences: Preferences
    stash: StashClient | None
    boxes: StashBoxes | None
    updates: UpdateBackend
    models: ModelManager
    queue: Queue
    scene_turns: asyncio.Semaphore


@asynccontextmanager
async def open_parts(settings: Settings, load: Callable[[], Engine] | None = None) -> AsyncIterator[Parts]:
    """Make the parts; the engine is not loaded yet.

    Args:
        settings: of the process.
        load: makes the engine; default: from the settings' folders. Raises LoadError.
    """
    with ExitStack() as held:
        state, preferences = await asyncio.to_thread(open_state, settings, held)
        load_folder = partial(_engine, settings, preferences)
        first = first_load(settings, load_folder)
        serving = Serving(load or first.load, settings.limits, gone=first.gone)
        held.callback(serving.close)
        held.callback(first.gone)
        updates = open_updates(settings, serving, load_folder)
        models = ModelManager(settings, partial(_load_where_nothing_serves, serving))
        decoder = Decoder(settings.limits)
        held.callback(decoder.close)
        rate, most_bytes = lambda: preferences.stash_api_rate, settings.limits.image_bytes
        async with open_stash(settings.stash, rate, most_media_bytes=most_bytes) as stash:
            boxes = StashBoxes(stash.http, settings.stash.timeout_s) if stash else None
            fetcher = ImageFetcher.of(settings)
            queue = Queue(state, refresh=preferences.refresh)
            parts = Parts(
                *(settings, serving, decoder, fetcher, state, preferences, stash, boxes, updates, models),
                *(queue, asyncio.Semaphore(SCENES_TOGETHER)),
            )
            try:
                async with run_queue(parts):
                    yield parts
            finally:
                await models.close()
                await updates.close()


async def _load_where_nothing_serves(serving: Serving) -> None:
    """Models have come: an engine that waited for them can be loaded."""
    if serving.engine is None and serving.state is State.FAILED:
        await serving.load()


def _engine(settings: Settings, preferences: Preferences, folder: Path) -> Engine:
    """Load a release, as the operator and the user have chosen.

    Raises:
        LoadError: it cannot be served.
    """
    options = EngineOptions(
        search=settings.search,
        device_fallback=settings.device_fallback,
        detection_size=preferences.detection_size,
        batch_size=preferences.embedding_batch_size,
        body=preferences.body_signal_enabled,
        tattoo=preferences.tattoo_signal_enabled,
        threads=usable_cores(),
    )
    preferences.mark_loaded()
    device = preferences.device(settings.device)
    return Engine.load(folder, settings.models_dir, device, options=options)
