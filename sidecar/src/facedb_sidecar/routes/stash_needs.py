"""What routes that talk to Stash ask for, and Stash's failures → HTTP statuses, in this one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import Depends, HTTPException

from facedb_sidecar.routes.answers import Answers
from facedb_sidecar.routes.needs import PartsDep
from facedb_sidecar.schemas.errors import Detail
from facedb_sidecar.stash.boxes import StashBoxes
from facedb_sidecar.stash.client import StashClient
from facedb_sidecar.stash.errors import StashError, StashRejected, StashUnreachable, UnknownBox
from facedb_sidecar.stash_refusals import NoStash, required

STASH_ANSWERS: Answers = {
    400: {"model": Detail, "description": "STASH_URL is not set, or Stash refuses what is asked for"},
    404: {"model": Detail, "description": "Stash, or the stash-box, has no such thing"},
    502: {"model": Detail, "description": "Stash, or the stash-box, cannot be reached or asked"},
    504: {"model": Detail, "description": "Stash, or the stash-box, did not answer in time"},
}


async def stash_of(parts: PartsDep) -> StashClient:
    """The Stash beside this sidecar.

    Raises:
        NoStash: there is none.
    """
    return required(parts.stash)


StashDep = Annotated[StashClient, Depends(stash_of)]


async def boxes_of(parts: PartsDep) -> StashBoxes:
    """The stash-boxes that Stash knows.

    Raises:
        NoStash: there is no Stash.
    """
    if parts.boxes is None:
        raise NoStash
    return parts.boxes


BoxesDep = Annotated[StashBoxes, Depends(boxes_of)]


@contextmanager
def stash_answers() -> Iterator[None]:
    """Turn Stash's failures into answers.

    Raises:
        HTTPException: 400, 502 or 504.
    """
    try:
        yield
    except StashError as error:
        raise HTTPException(_status(error), error.message) from error


def _status(error: StashError) -> int:
    match error:
        case StashRejected() | UnknownBox():
            return 400
        case StashUnreachable(late=True):
            return 504
        case _:
            return 502
