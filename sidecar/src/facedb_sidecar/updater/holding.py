"""The lock of the releases, for as long as an update runs; whoever has it already is told."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from facedb_sidecar.updater import InProgress, Unreachable
from facedb_sidecar.updater.releases import Releases, Taken


async def hold(releases: Releases) -> ExitStack:
    """Be the only process that changes the releases, until the stack is closed.

    Raises:
        InProgress: another one is.
        Unreachable: DATA_DIR cannot be written.
    """
    held = ExitStack()
    try:
        await asyncio.to_thread(held.enter_context, releases.changing())
    except Taken as taken:
        raise InProgress(str(taken)) from taken
    except OSError as error:
        raise Unreachable(
            f"{releases.data} cannot be written: {error.strerror}. Correct its mode and owner."
        ) from error
    return held
