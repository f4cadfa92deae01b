"""The stash-boxes that Stash knows, in the user's order: for ``/settings/endpoint-*`` and ``/system/*``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import urlsplit

from facedb_sidecar.parts import Parts
from facedb_sidecar.routes.in_state import in_state
from facedb_sidecar.schemas.settings import Endpoint
from facedb_sidecar.stash.errors import StashError

PRIORITIES = "endpoint.priorities"
DISABLED = "endpoint.disabled."
# The plugin gives a page's request up after 30 s, and shows nothing of the page before.
PAGE_WITHIN_S = 10.0

log = logging.getLogger(__name__)


async def endpoints_of(parts: Parts) -> list[Endpoint]:
    """All of them; none without a Stash.

    Raises:
        StashError: Stash does not answer.
        HTTPException: 503 when the state cannot be read.
    """
    if parts.stash is None:
        return []
    boxes = await parts.stash.stash_boxes()
    entries = parts.state.entries
    priorities = await in_state(entries.get, PRIORITIES, [])
    disabled = await in_state(entries.all, DISABLED)
    return ordered([(box.endpoint, box.name) for box in boxes], priorities, disabled)


async def endpoints_if_any(parts: Parts) -> list[Endpoint]:
    """All of them; none while Stash does not answer soon, for pages that show more than this list."""
    try:
        async with asyncio.timeout(PAGE_WITHIN_S):
            return await endpoints_of(parts)
    except (StashError, TimeoutError) as error:
        log.warning("The stash-boxes cannot be listed: %s", error or f"no answer within {PAGE_WITHIN_S:g} s")
        return []


def ordered(
    boxes: Iterable[tuple[str, str]], priorities: Sequence[str], disabled: Collection[str]
) -> list[Endpoint]:
    """Boxes (URL and name) by the user's order; those that it does not name follow. Pure."""
    rank = {endpoint: place for place, endpoint in enumerate(priorities)}
    by_rank = sorted(boxes, key=lambda box: rank.get(box[0], len(rank)))
    return [
        Endpoint(endpoint=url, name=name, domain=urlsplit(url).hostname or url, enabled=url not in disabled)
        for url, name in by_rank
    ]
