"""One photo → its faces and names: decode, wait, detect, embed, match; measured."""

from __future__ import annotations

import time
from dataclasses import dataclass

from facedb_sidecar import metrics
from facedb_sidecar.decoding import Decoder
from facedb_sidecar.engine import Engine, Identification, Wanted
from facedb_sidecar.photos import Encoded, Pixels
from facedb_sidecar.refusals import NotRecognised
from facedb_sidecar.serving import Serving
from facedb_sidecar.state import Preferences

# Pixels, either side: smaller faces of a photo are left out, as the reference does (contract 3.2).
LEAST_FACE = 40


@dataclass(frozen=True)
class Ask:
    """What a client wants of a photo.

    Attributes:
        top_k: matches for each face, at most.
        max_distance: cosine distance, in [0, 2].
        min_confidence: of a detection, in [0, 1].
        signals: beyond faces; None for none.
    """

    top_k: int
    max_distance: float
    min_confidence: float
    signals: Wanted | None = None


def signals_of(
    preferences: Preferences, *, multi: bool = True, body: bool = True, tattoo: bool = True
) -> Wanted | None:
    """The signals that a request asks for and that the user has not switched off; None for none."""
    asked = Wanted(
        body=multi and body and preferences.body_signal_enabled,
        tattoo=multi and tattoo and preferences.tattoo_signal_enabled,
    )
    return asked if asked.body or asked.tattoo else None


async def identify_photo(
    engine: Engine, serving: Serving, decoder: Decoder, photo: Encoded, ask: Ask
) -> Identification:
    """Identify the faces of a photo with this engine.

    Raises:
        BadImage: no image that we decode.
        NotRecognised: the engine failed.
    """
    async with decoder.pixels(photo) as pixels:
        came = time.perf_counter()

        def work() -> Identification:
            metrics.record_stage("wait", time.perf_counter() - came)
            return _recognised(engine, pixels, ask)

        found = await serving.run(work)
    metrics.record_identification(found)
    return found


def _recognised(engine: Engine, pixels: Pixels, ask: Ask) -> Identification:
    try:
        return engine.identify(
            pixels,
            top_k=ask.top_k,
            max_distance=ask.max_distance,
            min_confidence=ask.min_confidence,
            min_size=LEAST_FACE,
            signals=ask.signals,
        )
    except Exception as error:
        # The edge of the engine: whatever its libraries throw is one request's 500, in the contract's words.
        raise NotRecognised(f"{type(error).__name__}: {error}") from error
