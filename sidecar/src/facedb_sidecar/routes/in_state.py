"""Work on the state, for routes: in a thread, since SQLite blocks, and with its errors as 503."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from fastapi import HTTPException

from facedb_sidecar.refusals import RETRY_AFTER
from facedb_sidecar.routes.answers import Answers
from facedb_sidecar.schemas.errors import Detail
from facedb_sidecar.state import StateError

P = ParamSpec("P")
T = TypeVar("T")

STATE: Answers = {503: {"model": Detail, "description": "The state cannot be read or written now"}}


def missing(what: str) -> Answers:
    """For the document: 404."""
    return {404: {"model": Detail, "description": what}}


def refused(status: int, why: str) -> Answers:
    """For the document: a status with a sentence."""
    return {status: {"model": Detail, "description": why}}


async def in_state(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``work`` in a thread.

    Raises:
        HTTPException: 503 when the state cannot be read or written; nothing that was saved is lost.
    """
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except StateError as error:
        raise HTTPException(503, error.message, headers=dict(RETRY_AFTER)) from error
