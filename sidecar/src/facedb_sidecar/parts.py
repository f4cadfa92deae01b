"""What one running sidecar is made of: built from the settings at start, closed at the end.

Routes take what they need from here (``request.app.state.parts``); nothing else is global.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

from facedb_release.errors import ReleaseError
from facedb_release.publish.in_use import hold
from facedb_sidecar.decoding import Decoder
from facedb_sidecar.engine import Engine
from facedb_sidecar.engine.errors import LoadError
from facedb_sidecar.outbound import ImageFetcher
from facedb_sidecar.serving import Serving
from facedb_sidecar.settings import Settings
from facedb_sidecar.stash.boxes import StashBoxes
from facedb_sidecar.stash.client import StashClient, open_stash
from facedb_sidecar.state import Preferences, StateStore
from facedb_sidecar.state.opening import open_state


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
    """

    settings: Settings
    serving: Serving
    decoder: Decoder
    outbound: ImageFetcher
    state: StateStore
    preferences: Preferences
    stash: StashClient | None
    boxes: StashBoxes | None


@asynccontextmanager
async def open_parts(settings: Settings, load: Callable[[], Engine] | None = None) -> AsyncIterator[Parts]:
    """Make the parts; the engine is not loaded yet.

    Args:
        settings: of the process.
        load: makes the engine; default: from the settings' folders. Raises LoadError.
    """
    with ExitStack() as held:
        state, preferences = await asyncio.to_thread(open_state, settings, held)
        serving = Serving(load or (lambda: _load_and_hold(settings, held)), settings.limits)
        held.callback(serving.close)
        decoder = Decoder(settings.limits)
        held.callback(decoder.close)
        rate, most_bytes = lambda: preferences.stash_api_rate, settings.limits.image_bytes
        async with open_stash(settings.stash, rate, most_media_bytes=most_bytes) as stash:
            boxes = StashBoxes(stash.http, settings.stash.timeout_s) if stash else None
            fetcher = ImageFetcher.of(settings)
            yield Parts(settings, serving, decoder, fetcher, state, preferences, stash, boxes)


def _load_and_hold(settings: Settings, held: ExitStack) -> Engine:
    """Load the engine; as long as it serves, `facedb import` leaves the folder alone.

    Raises:
        LoadError: also InUse, while an import changes the folder.
    """
    try:
        held.enter_context(hold(settings.release_dir))
    except ReleaseError as error:
        raise LoadError(str(error.reason), error.message) from error
    return Engine.load(settings.release_dir, settings.models_dir, settings.device)
